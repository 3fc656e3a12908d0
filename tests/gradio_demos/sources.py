"""Gradio's own demos, taken from where the installed package has them, and run as they are.

Gradio's wheel carries the code of its documentation: the examples of its docstrings, which are
the examples of its reference pages, those of its README and its changelog, and whole apps. So
no copy of them is kept here, and an upgrade of Gradio brings its own.
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

_FENCED = re.compile(r"^```py(?:thon)?\n(.*?)^```", re.M | re.S)
# "Example:", "Examples:", "Example: (Blocks)", and the indented lines after it.
_EXAMPLE = re.compile(
    r"^Examples?:[^\n]*\n((?:[ \t]+[^\n]*\n|[ \t]*\n|```.*?^```\n)+)", re.M | re.S
)


class Source(Protocol):
    """Where the code of a demo is. `names`: what it takes for granted besides `gr`."""

    names: Mapping[str, Any]

    @property
    def code(self) -> str: ...


@dataclass(frozen=True)
class Docstring:
    """The example of an entry of the reference, such as `gradio.events:SelectData`."""

    place: str
    number: int = 0

    @property
    def code(self) -> str:
        docstring = inspect.getdoc(self._object)
        assert docstring, self.place
        text = textwrap.dedent(_EXAMPLE.findall(docstring + "\n")[self.number])
        fenced = _FENCED.search(text)
        return fenced[1] if fenced else text

    @property
    def names(self) -> Mapping[str, Any]:
        """A reference page takes what it is about for granted."""
        return {self._object.__name__: self._object}

    @property
    def _object(self) -> Any:
        module, _, path = self.place.partition(":")
        found: Any = import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
        return found


@dataclass(frozen=True)
class Readme:
    """A block of the package's description, which is Gradio's README."""

    number: int
    names: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return _FENCED.findall(metadata.metadata("gradio").get_payload())[self.number]


@dataclass(frozen=True)
class Changelog:
    """The blocks of the changelog that have these texts in them, one after the other."""

    texts: tuple[str, ...]
    names: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return "\n".join(self._block(text) for text in self.texts)

    def _block(self, text: str) -> str:
        (found,) = {block for block in _changelog() if text in block}
        return found


@dataclass(frozen=True)
class App:
    """A module of the package that is an app of its own."""

    module: str
    names: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        spec = find_spec(self.module)
        assert spec and spec.origin
        return Path(spec.origin).read_text()


class _Launched(BaseException):
    """A script ends where it launches: there it would wait for the end of its server."""


def run(name: str, source: Source) -> Any:
    """Run a demo as a script that is imported; what it launches, or names `demo`."""
    import gradio as gr

    module = ModuleType(f"gradio_demo_{name.replace('-', '_')}")
    # Gradio looks for the module of a component's class.
    module.__file__ = str(Path(f"{name}.py").absolute())
    sys.modules[module.__name__] = module
    vars(module).update({"gr": gr} | dict(source.names))
    code = compile(source.code, module.__file__, "exec")
    with _launching() as launched:
        try:
            exec(code, vars(module))
        except _Launched:
            return launched[-1]
    return module.demo


@contextmanager
def _launching() -> Iterator[list[Any]]:
    import gradio as gr

    launched: list[Any] = []

    def launch(blocks: gr.Blocks, *args: Any, **options: Any) -> None:
        launched.append(blocks)
        raise _Launched

    real, gr.Blocks.launch = gr.Blocks.launch, launch  # type: ignore[method-assign,assignment]
    try:
        yield launched
    finally:
        gr.Blocks.launch = real  # type: ignore[method-assign]


@cache
def _changelog() -> list[str]:
    import gradio

    text = Path(gradio.__file__).with_name("CHANGELOG.md").read_text()
    return _FENCED.findall(text)
