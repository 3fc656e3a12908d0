"""`manage.py startgradioapp NAME`: Django's startapp, with a Gradio app in it that works."""

import os
import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.templates import TemplateCommand

import gradio_ui
from gradio_ui import registry

_TEMPLATE = Path(gradio_ui.__file__).parent / "app_template"


class Command(TemplateCommand):
    help = (
        "Makes the Django app ./NAME with a Gradio app, a model, a migration and tests, and adds "
        "it to EXTRA_APPS in .env where the settings read that."
    )
    missing_args_message = "Give the new app a name, for example: manage.py startgradioapp notes"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Name of the Django app, a Python identifier.")
        parser.add_argument("--title", default="", help="How people see it (default: from NAME).")
        parser.add_argument(
            "--slug", default="", help="The address /gradio/SLUG/ (default: from NAME)."
        )

    def handle(self, **options: Any) -> None:  # type: ignore[override]
        name = options.pop("name")
        slug = options["slug"] or name.replace("_", "-").lower()
        if len(slug) > registry.SLUG_LENGTH or not registry.SLUG.fullmatch(slug):
            raise CommandError(f"{slug!r} cannot be an address; choose another with --slug.")
        title = options["title"] or slug.replace("-", " ").capitalize()
        if re.search(r'["\\\n]', title):
            raise CommandError("--title cannot have quotes, backslashes or line breaks.")
        super().handle(
            "app",
            name,
            None,
            **options
            | {
                "slug": slug,
                "title": title,
                "settings_module": os.environ["DJANGO_SETTINGS_MODULE"],
                "template": str(_TEMPLATE),
                "extensions": ["py"],
                "files": [],
            },
        )
        if self._install(name):
            self.stdout.write(f"Made {name} and added it to EXTRA_APPS in .env. To see it:")
        else:
            self.stdout.write(f"Made {name}. Add it to INSTALLED_APPS (or EXTRA_APPS), then:")
        self.stdout.write("  manage.py migrate && manage.py runserver")
        self.stdout.write(f"  pytest {name}")

    def _install(self, name: str) -> bool:
        """Adds the app to EXTRA_APPS in the file that the settings read, if there is one."""
        path = getattr(settings, "GRADIOSESSION_ENV_FILE", None)
        # The environment wins over the file, so a line there would change nothing.
        if path is None or not Path(path).is_file() or "EXTRA_APPS" in os.environ:
            return False
        text = Path(path).read_text()
        line = re.compile(r"^EXTRA_APPS=(.*)$", re.MULTILINE)
        if found := line.search(text):
            apps = [app for app in found[1].strip().strip("\"'").split(",") if app]
            text = line.sub(f"EXTRA_APPS={','.join([*apps, name])}", text, count=1)
        else:
            text = text.rstrip("\n") + f"\nEXTRA_APPS={name}\n"
        Path(path).write_text(text)
        return True
