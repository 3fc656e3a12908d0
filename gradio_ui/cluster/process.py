"""This process, from its start to its end. The next start is another process."""

import re
import secrets

ID = secrets.token_hex(6)
FORM = re.compile(r"[0-9a-f]{12}")
