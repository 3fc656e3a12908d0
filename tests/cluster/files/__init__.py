"""A Django app for tests of files in a storage: EXTRA_APPS=tests.cluster.files"""
