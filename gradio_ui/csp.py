"""The Content-Security-Policy of an app's pages."""

import re
from collections.abc import Collection, Mapping

Sources = Mapping[str, Collection[str]]

# What Gradio's frontend needs. `data:` and `blob:` are what it makes of recordings, uploads and
# plots; styles are set in attributes by nearly every component. Scripts that a trusted script
# loads are trusted: its modules, and what an app names in `head=`.
_PAGE: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'self'",),
    "script-src": ("'strict-dynamic'", "'wasm-unsafe-eval'"),
    "style-src": ("'self'", "'unsafe-inline'"),
    "img-src": ("'self'", "data:", "blob:"),
    "media-src": ("'self'", "data:", "blob:"),
    "font-src": ("'self'", "data:"),
    "connect-src": ("'self'", "data:", "blob:"),
    "worker-src": ("'self'", "data:", "blob:"),
    "object-src": ("'none'",),
    "base-uri": ("'self'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'self'",),
}
# Directives that an app may add sources to.
DIRECTIVES = _PAGE.keys() - {"default-src", "frame-ancestors"} | {"frame-src"}
# Neither the end of a directive nor a place of str.format.
_SOURCE = re.compile(r"[^\s;,{}]+")


def policy(more: Sources) -> str:
    """The policy of an app's pages, with a place for the nonce. `more`: sources to add."""
    directives = {name: ["'self'"] for name in more} | {k: [*v] for k, v in _PAGE.items()}
    for name, sources in more.items():
        kept = [source for source in directives[name] if source != "'none'"]
        directives[name] = [*kept, *sources]
    directives["script-src"].insert(0, "'nonce-{nonce}'")
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def trouble(more: Sources) -> str:
    """Why an app may not ask for these sources; "" when it may."""
    if unknown := more.keys() - DIRECTIVES:
        known = ", ".join(sorted(DIRECTIVES))
        return f"has unknown directives: {', '.join(sorted(unknown))}. Known are {known}."
    for name, sources in more.items():
        if isinstance(sources, str) or not all(map(_SOURCE.fullmatch, sources)):
            return f"must have a list of sources for {name}, such as ['https://cdn.example']."
    return ""
