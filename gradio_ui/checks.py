"""System checks. They import neither Gradio nor a `gradio_apps` module; what fails on import is
reported when the server starts, and to staff in the portal."""

import ast
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.conf import settings
from django.core import checks
from django.utils.module_loading import module_has_submodule

from gradio_ui.compat import environment
from gradio_ui.registry import MODULE
from sessionstate.checks.surroundings import several_processes


@checks.register("gradio_ui")
def data_directory_is_writable(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    directory = environment.directory()
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return []
    return [
        checks.Error(
            f"Uploads cannot be stored: {existing} is not a directory this process may write to.",
            hint="Set GRADIOSESSION_DATA_DIR to one.",
            id="gradio_ui.E001",
        )
    ]


@checks.register("gradio_ui")
def gradio_apps_can_be_parsed(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    messages: list[checks.CheckMessage] = []
    for config, file in _modules(app_configs):
        try:
            _parse(file)
        except (SyntaxError, ValueError) as error:
            line = error.lineno if isinstance(error, SyntaxError) else 0
            messages.append(
                checks.Warning(
                    f"{file}:{line}: {error}. Its Gradio apps will be missing.",
                    obj=config,
                    id="gradio_ui.W001",
                )
            )
    return messages


@checks.register("gradio_ui")
def limits_are_counted_for_all_processes(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    why = several_processes()
    if getattr(settings, "REDIS_URL", "") or not why:
        return []
    return [
        checks.Warning(
            f"{file} limits how often its functions are called, but {why}. Each process would "
            "count by itself, so a user may call as often in each of them.",
            hint="Set REDIS_URL.",
            obj=config,
            id="gradio_ui.W002",
        )
        for config, file in _modules(app_configs)
        if _has_limits(file)
    ]


def _modules(app_configs: Sequence[AppConfig] | None) -> Iterator[tuple[AppConfig, str]]:
    """The files of the `gradio_apps` modules."""
    for config in app_configs or installed.get_app_configs():
        if config.module is None or not module_has_submodule(config.module, MODULE):
            continue
        spec = find_spec(f"{config.name}.{MODULE}")
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            yield config, spec.origin


def _parse(file: str) -> ast.Module:
    return ast.parse(Path(file).read_bytes(), file)


def _has_limits(file: str) -> bool:
    """As far as its text says so: `from gradio_ui import limit`, or `register(limit=...)`."""
    try:
        nodes = list(ast.walk(_parse(file)))
    except (SyntaxError, ValueError):
        return False
    return any(
        (isinstance(node, ast.ImportFrom) and node.module == "gradio_ui" and _names_limit(node))
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "gradio_ui.limit")
        or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("register"))
        and any(keyword.arg == "limit" for keyword in node.keywords)
        for node in nodes
    )


def _names_limit(node: ast.ImportFrom) -> bool:
    return any(alias.name == "limit" for alias in node.names)
