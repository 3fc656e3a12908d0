"""A Django app with the Gradio app that is measured: EXTRA_APPS=benchmarks.app"""
