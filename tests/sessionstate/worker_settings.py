"""`sessionstate` without the rest of the project: it stands alone, and starts fast.

What the test chose is in the variable WORKER_SETTINGS.
"""

import json
import os

SECRET_KEY = "of a test"
INSTALLED_APPS = ["sessionstate"]
USE_TZ = True
SESSION_ENGINE = "sessionstate.engine"
# What is slow here is the machine: how a store that does not answer fails is another test's matter.
SESSIONSTATE_STORE_TIMEOUT = SESSIONSTATE_LOCK_AGE = SESSIONSTATE_LOCK_TIMEOUT = 60
globals().update(json.loads(os.environ["WORKER_SETTINGS"]))
