"""System checks. They import neither Gradio nor a `gradio_apps` module; what fails on import is
reported when the server starts, and to staff in the portal."""

import ast
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.core import checks
from django.utils.module_loading import module_has_submodule

from gradio_ui.compat import environment
from gradio_ui.registry import MODULE


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
    for config in app_configs or installed.get_app_configs():
        if config.module is None or not module_has_submodule(config.module, MODULE):
            continue
        spec = find_spec(f"{config.name}.{MODULE}")
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            continue
        try:
            ast.parse(Path(spec.origin).read_bytes(), spec.origin)
        except (SyntaxError, ValueError) as error:
            line = error.lineno if isinstance(error, SyntaxError) else 0
            messages.append(
                checks.Warning(
                    f"{spec.origin}:{line}: {error}. Its Gradio apps will be missing.",
                    obj=config,
                    id="gradio_ui.W001",
                )
            )
    return messages
