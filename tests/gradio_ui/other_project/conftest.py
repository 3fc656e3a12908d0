pytest_plugins = ["gradio_ui.testing.plugin"]
