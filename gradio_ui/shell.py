"""What the site adds to every Gradio page: a bar on top, and a session that is live.

Both are rendered once for each reader and app, and put into each page; Gradio's pages are never
kept by a cache. The bar and the dialogs are custom elements with a shadow tree each, so no theme
of an app reaches them. Their texts are translated here, and their scripts
(static/gradio_ui/shell) have none of their own. What must be there before anything is shown
stands in the page itself (templates/gradio_ui/shell).
"""

import json
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.urls import set_script_prefix
from django.utils import translation
from django.utils.translation import gettext as _

from gradio_ui import registry
from gradio_ui.gate import Admission
from gradio_ui.pwa import icon_data, sign
from gradio_ui.registry import AppSpec
from gradio_ui.rules import group_names
from sessionstate.conf import conf

if TYPE_CHECKING:
    from gradio_ui.mount import Mount

# What shell.js imports, so that a browser need not find out one by one.
_MODULES = [f"gradio_ui/shell/{name}.js" for name in ("live", "requests", "drafts")]
# In the places of what is another one in each page.
_NONCE, _TOKEN = (f"mark{secrets.token_hex(16)}" for _ in range(2))


@dataclass(frozen=True)
class Shell:
    """HTML for the begin of a page's head and of its body, and Set-Cookie headers."""

    head: str
    body: str
    cookies: list[str]


@dataclass(frozen=True)
class _Reader:
    """What the shell says of who reads it."""

    name: str
    full_name: str
    email: str
    is_authenticated: bool
    is_staff: bool
    is_superuser: bool
    groups: tuple[str, ...]


@dataclass(frozen=True)
class _View:
    """All that two shells can differ in, but for their nonce and token."""

    reader: _Reader
    slug: str
    # Slugs of what the reader may open.
    apps: tuple[str, ...]
    wants_changes: bool
    language: str
    root: str


def render_shell(request: ASGIRequest, admission: Admission, mount: "Mount", nonce: str) -> Shell:
    """Asks the database for the groups of the user where `admission` does not say them."""
    user: User = admission.user  # type: ignore[assignment]
    groups = group_names(user) if admission.groups is None else admission.groups
    request.user = user
    # The form that signs out needs its token, and the token its cookie.
    csrf = CsrfViewMiddleware(lambda _: HttpResponse())
    csrf.process_request(request)
    token = get_token(request)
    response = csrf.process_response(request, HttpResponse())
    view = _View(
        _reader(user, groups),
        mount.spec.slug,
        tuple(spec.slug for spec in registry.permitted(user, groups)),
        mount.wants_changes,
        translation.get_language_from_request(request),
        request.META["SCRIPT_NAME"],
    )
    # Templates may change while somebody develops them.
    head, body = _render(view) if settings.DEBUG else _rendered(view)
    cookies = [morsel.OutputString() for morsel in response.cookies.values()]
    return Shell(head.replace(_NONCE, nonce), body.replace(_TOKEN, token), cookies)


def _reader(user: User, groups: frozenset[str]) -> _Reader:
    is_known = user.is_authenticated
    return _Reader(
        user.get_username(),
        user.get_full_name() if is_known else "",
        user.email if is_known else "",
        is_known,
        user.is_staff,
        user.is_superuser,
        tuple(sorted(groups)),
    )


def _render(view: _View) -> tuple[str, str]:
    """With marks in the places of the nonce and of the token."""
    app = registry.get(view.slug)
    assert app is not None
    set_script_prefix(f"{view.root}/")
    with translation.override(view.language):
        context = {
            "app": app,
            "sign": sign(app),
            "icon": icon_data(sign(app)),
            "apps": [registry.get(slug) for slug in view.apps],
            "reader": view.reader,
            "badges": _badges(view.reader),
            "modules": _MODULES,
            "nonce": _NONCE,
            "csrf_token": _TOKEN,
            "login": resolve_url(settings.LOGIN_URL),
            "data": json.dumps(_data(view, app)),
        }
        head = render_to_string("gradio_ui/shell/head.html", context)
        return head, render_to_string("gradio_ui/shell/body.html", context)


# Some 15 KB each.
_rendered = lru_cache(maxsize=256)(_render)


def _badges(reader: _Reader) -> list[str]:
    """What somebody is, the most telling first."""
    found = [*reader.groups]
    if reader.is_superuser:
        found.insert(0, _("Administrator"))
    elif reader.is_staff:
        found.insert(0, _("Staff"))
    return found


def _data(view: _View, app: AppSpec) -> dict[str, Any]:
    """For the scripts."""
    return {
        "user": view.reader.name,
        "title": str(app.title),
        "root": f"{view.root}/gradio/{view.slug}",
        "live": f"{view.root}/ws/session/",
        "login": resolve_url(settings.LOGIN_URL),
        "csrfCookie": settings.CSRF_COOKIE_NAME,
        # While somebody is at the page it says so this often.
        "renewEvery": min(60.0, conf.idle_age / 10),
        "wantsChanges": view.wants_changes,
        "texts": {
            "toDark": _("Switch to dark colours"),
            "toLight": _("Switch to light colours"),
            "reconnecting": _("Reconnecting…"),
            "offline": _("Offline"),
            "unreachable": _("The server cannot be reached. Please try again in a moment."),
            "cut": _("The connection was interrupted. Please try again."),
            "signedOut": _("You have been signed out."),
            "signedInAs": _(
                "In another tab you have signed in as {name}. What you had written here and not "
                "sent is kept for you."
            ),
            "goOnAs": _("Go on as {name}"),
        },
    }
