"""A Django app for tests of several processes: EXTRA_APPS=tests.cluster.app"""

# In the site's data directory: a line for each event of load.py that begins or ends.
LEDGER = "ledger"
