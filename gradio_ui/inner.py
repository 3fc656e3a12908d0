"""A request as Gradio sees it. It believes every header."""

from django.conf import settings
from starlette.types import Scope

from accounts.conf import conf as account_conf
from gradio_ui.gate import Admission, Request
from gradio_ui.ranges import is_one_range
from gradio_ui.routes import Route
from sessionstate import Session
from sessionstate.conf import conf


def _ticket_headers() -> set[bytes]:
    names = ("Authorization", account_conf.bearer_header, account_conf.token_header)
    return {name.lower().encode() for name in names}


def inner_scope(scope: Scope, request: Request, admission: Admission | None, route: Route) -> Scope:
    """Raises `BadRange`."""
    tickets = _ticket_headers()
    kept = [
        (name, value)
        for name, value in scope["headers"]
        # Origin: Gradio would answer any of them with permission to read. Forwarded and
        # X-Gradio-Server: it would build its URLs from them; what a trusted proxy says of host
        # and scheme is in `request` already. Tickets: callbacks have the session and no use for
        # what opens it.
        if not name.startswith(b"x-forwarded-")
        and name not in {b"origin", b"forwarded", b"x-gradio-server", b"host", b"cookie"}
        and name not in tickets
        and not (name == b"range" and not is_one_range(value.decode("latin-1").strip()))
        # It would compress an error of a few bytes, which nobody could read on its way.
        and not (name == b"accept-encoding" and route.is_short)
    ]
    kept.append((b"host", request.host.encode("latin-1")))
    cookies = [
        f"{name}={value}"
        for name, value in request.COOKIES.items()
        if name not in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
    ]
    if cookies:
        kept.append((b"cookie", "; ".join(cookies).encode("latin-1", "replace")))
    inner = {**scope, "headers": kept, "scheme": request.scheme}
    # Nothing that a server or an outer layer put there may pass for ours.
    inner["state"] = dict(scope.get("state") or {})
    for key in ("user", "session", conf.attribute):
        inner.pop(key, None)
        inner["state"].pop(key, None)
    if admission:
        session = Session(admission.session_id)
        inner |= {"user": admission.user, conf.attribute: session}
        inner["state"][conf.attribute] = session
    return inner
