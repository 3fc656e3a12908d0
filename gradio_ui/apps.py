from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GradioUiConfig(AppConfig):
    name = "gradio_ui"
    verbose_name = _("Gradio apps")

    def ready(self) -> None:
        from gradio_ui import belongings, checks, files  # noqa: F401
        from gradio_ui.compat import environment

        # Before anybody imports Gradio: some of it is read on import.
        environment.configure()
