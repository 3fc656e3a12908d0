"""This process, from its start to its end. The next start is another process."""

import re
import secrets
import time

ID = secrets.token_hex(6)
STARTED = time.time()
FORM = re.compile(r"[0-9a-f]{12}")
