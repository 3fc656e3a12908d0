"""A Django app for tests of several processes: EXTRA_APPS=tests.cluster.app"""
