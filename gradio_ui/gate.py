"""Who may use an app, decided before Gradio hears of the request.

Gradio checks its own login on some of its routes only, so nothing is left to it: without a
session that stands, and whose user may open the app, no private route is reached.
"""

from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseError
from django.http import HttpResponse
from django.shortcuts import resolve_url
from django.utils.functional import cached_property
from django.utils.translation import gettext_noop as _
from starlette.types import Scope

from accounts import visitors
from accounts.audit import arecord
from accounts.identity import Identity, NotAuthenticated, aidentify
from accounts.origin import SAFE_METHODS, is_cross_site, is_from_browser
from accounts.visitors import TooManyVisitors
from accounts.watch import Login
from gradio_ui.conf import conf
from gradio_ui.files import is_handed_over
from gradio_ui.names import Names
from gradio_ui.ownership import Owner, Pages
from gradio_ui.problems import Problem
from gradio_ui.refusals import UNAVAILABLE, LoginNeeded, Refused
from gradio_ui.registry import AppSpec
from gradio_ui.routes import Access, Route
from gradio_ui.rules import Denied, Rules, first_broken
from sessionstate.errors import StoreUnavailable
from sessionstate.recent import Reading
from sessionstate.threads import in_thread
from sessionstate.tickets import get_scheme


@dataclass(frozen=True)
class Admission:
    """A request that may pass, and as whom."""

    # Django's AnonymousUser for a visitor of a public app.
    user: AbstractBaseUser
    login: Login
    # Set-Cookie headers that renew the login.
    cookies: list[str] = field(default_factory=list)
    # Their names, where they are known without asking the database.
    groups: frozenset[str] | None = None
    reading: Reading | None = None

    @property
    def session_id(self) -> str:
        return self.login.session_id

    @property
    def owner(self) -> Owner:
        if self.user.is_authenticated:
            is_exempt = conf.exempt_superusers and getattr(self.user, "is_superuser", False)
            return Owner(self.session_id, str(self.user.pk), is_exempt=is_exempt)
        return Owner(self.session_id, visitors.name_of(self.session_id), is_visitor=True)

    @property
    def log(self) -> dict[str, object]:
        return {"user_id": self.user.pk, "session": self.session_id[:8]}


class Request(ASGIRequest):
    @cached_property
    def host(self) -> str:
        return self.get_host()


def parse(scope: Scope) -> Request:
    """The request as Django sees it: cookies, the scheme behind a trusted proxy, a host that is
    one of ours."""
    request = Request(scope, BytesIO())
    try:
        request.host  # noqa: B018
    except DisallowedHost as error:
        raise Refused(Problem(400, "Bad request", "This site has another name.")) from error
    return request


async def admit(request: Request, spec: AppSpec | None, route: Route) -> Admission:
    """Decide, or raise `Refused`. The session is read each time; see `accounts.access` for the
    user and the groups.

    `spec` None: any signed-in user.
    """
    try:
        return await _admit(request, spec, route)
    except NotAuthenticated as error:
        hint = " A visitor's token is at POST /api/auth/visit." if spec and spec.public else ""
        detail = f"{error.message}.{hint}" if hint else error.message
        raise LoginNeeded(
            Problem(401, "Not authenticated", detail, {"WWW-Authenticate": "Bearer"})
        ) from error
    except TooManyVisitors as error:
        detail = _("Too many visits from your address. Sign in, or try again later.")
        problem = Problem(429, _("Too many requests"), detail, {"Retry-After": "60"})
        raise Refused(problem) from error
    except (StoreUnavailable, DatabaseError) as error:
        raise Refused(UNAVAILABLE) from error


async def _admit(request: Request, spec: AppSpec | None, route: Route) -> Admission:
    identity = await _identify(request, spec, route)
    if (identity.ticket.source == "cookie" and _is_foreign(request)) or (
        # That cookie was never given to a browser.
        identity.ticket.source == "program" and is_from_browser(request.headers)
    ):
        raise Refused(Problem(403, _("Forbidden"), _("This request came from another site.")))
    if spec and not await _may_open(identity, spec):
        raise Refused(Problem(403, _("Forbidden"), _("You may not use this app.")))
    if spec and not identity.may_open(spec.slug):
        raise Refused(Problem(403, "Forbidden", "This API key is not meant for this app."))
    if request.method not in SAFE_METHODS and not identity.may_write:
        raise Refused(Problem(403, "Forbidden", "This API key may only read."))
    session = identity.session
    cookies: list[str] = []
    if route.access is not Access.POLL:
        if not await session.atouch_if_due():
            raise NotAuthenticated("ended")
        if cookie := visitors.invitation(identity) or get_scheme().cookie(session):
            response = HttpResponse()
            response.set_cookie(**cookie)
            cookies = [morsel.OutputString() for morsel in response.cookies.values()]
    login = Login.of(identity)
    return Admission(identity.user, login, cookies, identity.groups, identity.reading)


async def _identify(request: Request, spec: AppSpec | None, route: Route) -> Identity:
    try:
        return await aidentify(request.headers, request.COOKIES, request)
    except NotAuthenticated as error:
        # Whom a verifier of the site has refused is somebody.
        if spec is None or not spec.public or error.code == "refused":
            raise
        if is_withheld(request):
            raise  # A visitor's ticket would take the place of the one that was not sent.
    is_page = route.access is Access.PAGE
    identity = await visitors.avisit(request, invite=is_page, begin=route.is_act)
    if is_handed_over(visitors.name_of(identity.session.session_key or "")):
        raise NotAuthenticated("ended")
    return identity


async def _may_open(identity: Identity, spec: AppSpec) -> bool:
    user: User = identity.user  # type: ignore[assignment]
    if identity.groups is None:  # an API key, or a session that Django had to decide on
        return await in_thread(spec.allows, user)
    return spec.allows(user, identity.groups)


async def permit(admission: Admission, required: Rules) -> None:
    """Raise `Denied` unless what the request asks for is allowed to its user."""
    if not required:
        return
    user: User = admission.user  # type: ignore[assignment]
    if admission.groups is None or any(rule.permission for rule in required):
        broken = await in_thread(first_broken, required, user, admission.groups)
    else:
        broken = first_broken(required, user, admission.groups)
    if broken:
        await arecord(
            "role_refused",
            user=user if user.is_authenticated else None,
            session_id=admission.session_id,
            needs=str(broken),
        )
        raise Denied(broken)


async def take(names: Names, route: Route, owner: Owner, pages: Pages) -> None:
    """Let an admitted request have what it names, if all of that is its sender's; otherwise
    nothing has changed."""
    if names:
        await pages.admit(names, owner)
    if route.makes_event and not names.session_hashes:
        # Its event will be a page of its own.
        pages.make_room(owner)


def is_navigation(request: ASGIRequest) -> bool:
    """Somebody opens this address in a browser, in contrast to a script or a program."""
    if request.method not in ("GET", "HEAD"):
        return False
    if mode := request.headers.get("Sec-Fetch-Mode"):
        return mode == "navigate"
    return "text/html" in request.headers.get("Accept", "")


def is_withheld(request: ASGIRequest) -> bool:
    """Somebody has followed another site's link, so that the browser may have kept back a cookie
    with SameSite=Strict. It comes when the page is asked for by this site (RFC 6265bis, 8.8.2)."""
    return (
        settings.SESSION_COOKIE_SAMESITE == "Strict"
        and settings.SESSION_COOKIE_NAME not in request.COOKIES
        and request.headers.get("Sec-Fetch-Site") == "cross-site"
        and is_navigation(request)
    )


def login_url(request: ASGIRequest) -> str:
    """The login page, with the way back."""
    here = quote(request.get_full_path(), safe="/")
    return f"{resolve_url(settings.LOGIN_URL)}?next={here}"


def _is_foreign(request: Request) -> bool:
    """Whether another site's page uses the visitor's cookie. Following a link is fine; reading
    or writing behind their back is not, and a sibling domain is another site as well."""
    if is_cross_site(request.method or "", request.headers, request.host, request.scheme or ""):
        return True
    site = request.headers.get("Sec-Fetch-Site")
    return site in ("cross-site", "same-site") and not is_navigation(request)
