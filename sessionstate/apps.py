from django.apps import AppConfig


class SessionStateConfig(AppConfig):
    name = "sessionstate"
    verbose_name = "Session state"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sessionstate import announce, checks  # noqa: F401

        checks.register_all()
