"""A Django app with Gradio apps for tests: EXTRA_APPS=tests.testapp"""
