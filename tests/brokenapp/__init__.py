"""A Django app whose gradio_apps module cannot be imported."""
