from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SessionStateConfig(AppConfig):
    name = "sessionstate"
    verbose_name = _("Session state")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sessionstate import announce, checks  # noqa: F401

        checks.register_all()
