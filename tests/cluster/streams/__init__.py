"""A Django app for tests of what comes in pieces: EXTRA_APPS=tests.cluster.streams"""
