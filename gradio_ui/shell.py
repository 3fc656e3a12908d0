"""What the site adds to every Gradio page: a bar on top, and a session that is live.

Both are rendered with the page, for the person who asked for it; Gradio's pages are never kept by
a cache. The bar and the dialogs are custom elements with a shadow tree each, so no theme of an app
reaches them. Their texts are translated here, and their scripts (static/gradio_ui/shell) have none
of their own.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.urls import set_script_prefix
from django.utils import translation
from django.utils.translation import gettext as _

from gradio_ui import registry
from gradio_ui.gate import Admission
from gradio_ui.pwa import icon_data, sign
from gradio_ui.rules import group_names
from sessionstate.conf import conf

if TYPE_CHECKING:
    from gradio_ui.mount import Mount

# What main.js imports, so that a browser need not find out one by one.
_NAMES = ("bar", "changes", "dialogs", "drafts", "live", "page", "renewal", "requests", "streams")
_MODULES = [f"gradio_ui/shell/{name}.js" for name in _NAMES]


@dataclass(frozen=True)
class Shell:
    """HTML for the begin of a page's head and of its body, and Set-Cookie headers."""

    head: str
    body: str
    cookies: list[str]


def render_shell(request: ASGIRequest, admission: Admission, mount: "Mount", nonce: str) -> Shell:
    """Asks the database for the groups of the user where `admission` does not say them."""
    user: User = admission.user  # type: ignore[assignment]
    groups = group_names(user) if admission.groups is None else admission.groups
    request.user = user
    root = request.META["SCRIPT_NAME"]
    set_script_prefix(f"{root}/")
    with translation.override(translation.get_language_from_request(request)):
        # The form that signs out needs its token, and the token its cookie.
        csrf = CsrfViewMiddleware(lambda _: HttpResponse())
        csrf.process_request(request)
        context = {
            "app": mount.spec,
            "sign": sign(mount.spec),
            "icon": icon_data(sign(mount.spec)),
            "apps": registry.permitted(user, groups),
            "badges": _badges(user, groups),
            "modules": _MODULES,
            "nonce": nonce,
            "login": resolve_url(settings.LOGIN_URL),
            "data": json.dumps(_data(user, mount, root)),
        }
        head = render_to_string("gradio_ui/shell/head.html", context, request)
        body = render_to_string("gradio_ui/shell/body.html", context, request)
        response = csrf.process_response(request, HttpResponse())
    cookies = [morsel.OutputString() for morsel in response.cookies.values()]
    return Shell(head, body, cookies)


def _badges(user: User, groups: frozenset[str]) -> list[str]:
    """What somebody is, the most telling first."""
    found = sorted(groups)
    if user.is_superuser:
        found.insert(0, _("Administrator"))
    elif user.is_staff:
        found.insert(0, _("Staff"))
    return found


def _data(user: User, mount: "Mount", root: str) -> dict[str, Any]:
    """For the scripts."""
    return {
        "user": user.get_username(),
        "root": f"{root}/gradio/{mount.spec.slug}",
        "live": f"{root}/ws/session/",
        "login": resolve_url(settings.LOGIN_URL),
        "csrfCookie": settings.CSRF_COOKIE_NAME,
        # While somebody is at the page it says so this often.
        "renewEvery": min(60.0, conf.idle_age / 10),
        "wantsChanges": mount.wants_changes,
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
