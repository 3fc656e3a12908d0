"""A Django app for tests of limits: EXTRA_APPS=tests.cluster.limited"""
