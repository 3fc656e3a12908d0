"""The style sheets of a page's components in two answers instead of some forty.

Gradio's script loads a component together with its style sheets, each by a `<link>` that it adds
to the head, unless there is one. So a page has a link for each of them that is `disabled`, which
no browser follows, and all of them in two sheets: what Gradio loads before an app's theme, and what
it loads after it. The second is named in the config: Gradio adds what it finds there after the
theme, and waits for it. So every rule stands where it would have.

What a component loads is read from the scripts. What is not foreseen here, components that an
event makes among it, is loaded as ever; and so is everything if the scripts are not understood.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from gradio_ui import frontend, style_sheets

if TYPE_CHECKING:
    import gradio

# Where the script sees that there is a link.
HAS_LINK = re.compile(r"\.href===\w+&&\(!\w+\|\|\w+\.rel===`stylesheet`\)\)return")
# What may be loaded with what, and which of it: numbers of the list.
_FILES = re.compile(r"\w+\.f\|\|\(\w+\.f=\[([^\]]*)\]\)")
_LOADED = re.compile(
    r"import\(`\./(?P<file>[^`]+)`\)(?:(?!import\().){0,100}?"
    r",__vite__mapDeps\(\[(?P<numbers>[\d,]*)\]\)"
)
_IMPORT = r"\(\)=>[\w$]+\(\(\)=>import\(`[^`]+`\)(?:\.then\([^)]*\))?,[^)]*\),[^)]*\)"
_COMPONENT = re.compile(rf"(?P<type>\w+):\{{(?:\w+:{_IMPORT},)*component:(?P<import>{_IMPORT})")


@dataclass(frozen=True)
class Styles:
    """URLs: two sheets, and what is in them."""

    first: str
    rest: str
    contained: tuple[str, ...]


@dataclass(frozen=True)
class _Sheets:
    """Names of files: what every page loads before the theme and after it, and each type of
    component."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    types: dict[str, tuple[str, ...]]


def of(config: dict[str, Any]) -> Styles | None:
    """Of a page with this config. `None` leaves everything to Gradio."""
    if (known := _sheets()) is None:
        return None
    rest = _rest(known, config["layout"], config["components"])
    return Styles(
        style_sheets.together(known.first),
        style_sheets.together(rest),
        tuple(f"{frontend.url()}assets/{name}" for name in known.first + rest),
    )


def expect(blocks: "gradio.Blocks") -> None:
    """That somebody opens its pages."""
    if known := _sheets():
        style_sheets.expect(known.first)
        for page in blocks.config["page"].values():
            rest = _rest(known, page["layout"], blocks.config["components"])
            style_sheets.expect(rest)


def _rest(known: _Sheets, layout: Any, components: list[dict[str, Any]]) -> tuple[str, ...]:
    shown = _types(layout, {component["id"]: component for component in components})
    of_types = (name for kind in shown for name in known.types.get(kind, ()))
    loaded = dict.fromkeys((*known.second, *of_types))
    return tuple(name for name in loaded if name not in known.first)


def _types(layout: dict[str, Any], components: dict[int, Any]) -> Iterator[str]:
    """In the order in which the script comes upon them."""
    yield "column"
    waiting = [layout]
    while waiting:
        node = waiting.pop()
        waiting += reversed(node.get("children") or ())
        component = components.get(node["id"])
        if component and component["props"].get("visible") is not False:
            yield component["type"]


@cache
def _sheets() -> _Sheets | None:
    page = (frontend.directory() / "index.html").read_text()
    script = re.search(r'src="\./assets/([^"]+)"', page)
    style = re.search(r'rel="stylesheet" [^>]*href="\./assets/([^"]+)"', page)
    if script is None or style is None or not HAS_LINK.search(_read(script[1])):
        return None
    # One after the other, as the page loads them.
    index = _one(_loads(script[1]), "Index-")
    blocks = _one(_loads(index[0]), "Blocks-") if index else None
    core = next((name for name in index or () if name.startswith("core-")), None)
    if index is None or blocks is None or core is None:
        return None
    types = _components(core)
    if not {"column", "row", "textbox", "button"} <= types.keys():
        return None
    first = dict.fromkeys((style[1], *_styles(index)))
    return _Sheets(tuple(first), _styles(blocks), types)


def _one(loads: dict[str, list[str]], begin: str) -> list[str] | None:
    found = [files for file, files in loads.items() if files and file.startswith(begin)]
    return found[0] if len(found) == 1 else None


def _loads(script: str) -> dict[str, list[str]]:
    """What is loaded with each import of a script, itself first."""
    text = _read(script)
    files = _files(text)
    return {match["file"]: _numbered(files, match["numbers"]) for match in _LOADED.finditer(text)}


def _components(script: str) -> dict[str, tuple[str, ...]]:
    text = _read(script)
    files = _files(text)
    found = {}
    for match in _COMPONENT.finditer(text):
        loaded = _LOADED.search(match["import"])
        names = _numbered(files, loaded["numbers"]) if loaded else []
        found[match["type"]] = _styles(names)
    return found


def _files(text: str) -> list[str]:
    match = _FILES.search(text)
    return re.findall(r'"\./([^"]+)"', match[1]) if match else []


def _numbered(files: list[str], numbers: str) -> list[str]:
    known = (int(number) for number in numbers.split(",") if number)
    return [files[number] for number in known if number < len(files)]


def _styles(names: list[str]) -> tuple[str, ...]:
    return tuple(name for name in names if style_sheets.can_stand_together(name))


def _read(name: str) -> str:
    return (frontend.directory() / "assets" / name).read_text()
