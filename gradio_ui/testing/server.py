"""`python -m gradio_ui.testing.server PORT DATABASES`: the site under daphne, on the databases of
a test run. DATABASES is JSON: the name of each database by its alias."""

import json
import sys

from daphne.cli import CommandLineInterface
from django.conf import settings


def main() -> None:
    port, databases = sys.argv[1:]
    # Before anything connects.
    for alias, name in json.loads(databases).items():
        settings.DATABASES[alias]["NAME"] = name
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "127.0.0.1"]
    module, _, attribute = settings.ASGI_APPLICATION.rpartition(".")
    arguments = ["-v", "0", "-b", "127.0.0.1", "-p", port, f"{module}:{attribute}"]
    CommandLineInterface().run(arguments)


if __name__ == "__main__":
    main()
