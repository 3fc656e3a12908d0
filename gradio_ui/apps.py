from django.apps import AppConfig


class GradioUiConfig(AppConfig):
    name = "gradio_ui"
    verbose_name = "Gradio apps"

    def ready(self) -> None:
        from gradio_ui import belongings, checks, files  # noqa: F401
        from gradio_ui.compat import environment

        # Before anybody imports Gradio: some of it is read on import.
        environment.configure()
