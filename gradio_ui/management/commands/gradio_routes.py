"""`manage.py gradio_routes`: every way into every app, and who may take it."""

import json
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

from gradio_ui import compat, registry, rules
from gradio_ui.routes import PAGE, Access, table

_WHO = {
    Access.PUBLIC: "everybody",
    Access.LOGIN: "everybody",
    Access.REFUSED: "nobody",
}


class Command(BaseCommand):
    help = (
        "Print the routes and the events of the Gradio apps, and who may use them. "
        "This builds the apps, which takes some seconds."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="*", help="These apps only.")
        parser.add_argument("--json", action="store_true", help="One JSON document.")

    def handle(self, *args: Any, slug: list[str], **options: Any) -> None:
        compat.prepare()
        from gradio_ui.mount import mount_all

        mounts = {name: mount for name, mount in mount_all().items() if not slug or name in slug}
        apps = [_described(mount) for mount in mounts.values()]
        failures = [str(failure) for failure in registry.failures()]
        if options["json"]:
            document = {"apps": apps, "failures": failures}
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
            return
        for app in apps:
            self.stdout.write(self.style.MIGRATE_HEADING(f"{app['url']}  {app['who']}"))
            for route in app["routes"]:
                self._line(" ".join(route["methods"]), route["path"], route["who"])
            for event in app["events"]:
                self._line(f"event {event['fn_index']}", event["api_name"] or "-", event["who"])
            self.stdout.write("")
        for failure in failures:
            self.stderr.write(failure)

    def _line(self, kind: str, name: str, who: str) -> None:
        self.stdout.write(f"  {kind:<10} {name:<60} {who}")


def _described(mount: Any) -> dict[str, Any]:
    spec = mount.spec
    return {
        "app": spec.slug,
        "url": f"/gradio/{spec.slug}/",
        "who": str(spec.rule),
        "mcp": spec.mcp,
        "routes": list(_routes(mount)),
        "events": list(_events(mount)),
    }


def _routes(mount: Any) -> Iterator[dict[str, Any]]:
    spec = mount.spec
    further = [(f"/{re.escape(page)}/?", PAGE) for page in sorted(mount.pages)]
    for path, route in table() + further:
        is_off = route.is_mcp and not spec.mcp
        yield {
            "path": path,
            "methods": sorted(route.methods),
            "access": "refused" if is_off else route.access.value,
            "who": "nobody" if is_off else _WHO.get(route.access, str(spec.rule)),
        }


def _events(mount: Any) -> Iterator[dict[str, Any]]:
    for number, fn in sorted(mount.blocks.fns.items() if mount.blocks else ()):
        required = {*rules.of_event(fn)} | ({mount.spec.rule} if mount.spec.rule else set())
        yield {
            "fn_index": number,
            "api_name": fn.api_name if isinstance(fn.api_name, str) else None,
            "function": fn.name,
            "who": " and ".join(sorted(map(str, required))) or str(mount.spec.rule),
        }
