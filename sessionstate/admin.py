"""Sessions in Django's admin: who is signed in where, what a session holds, and ending it.

It works on the registry of logins, and so on every backend. Session ids stay on the server: pages
show the first 8 characters, and URLs and forms carry handles (see `sessionstate.handles`).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from sessionstate import contents, listing, people
from sessionstate.ago import brief
from sessionstate.devices import describe
from sessionstate.filters import StateFilter, UserFilter
from sessionstate.handles import resolve
from sessionstate.listing import Listing, shown
from sessionstate.models import LiveSession
from sessionstate.revocation import Revocation

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[LiveSession]
else:
    ModelAdmin = admin.ModelAdmin  # which is generic for type checkers only

NAMED_IN_CONFIRMATION = 20


@admin.register(LiveSession)
class LiveSessionAdmin(ModelAdmin):
    list_display = ("session", "user", "device", "address", "used", "since", "ends", "size")
    list_filter = (UserFilter, StateFilter)
    list_per_page = 50
    list_max_show_all = 500
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False  # it would read all sessions to show those of one user
    search_fields = ("user",)  # see get_search_results; this makes the search box appear
    search_help_text = _("User name, address, or the first 8 characters of a session id.")
    fields = (
        *("session", "account", "device", "user_agent", "address"),
        *("created_at", "used_at", "expires_at", "size"),
    )
    readonly_fields = fields
    actions = ("revoke_selected", "revoke_users")

    class Media:
        css = {"all": ["sessionstate/admin.css"]}

    # Where sessions come from.

    def get_queryset(self, request: HttpRequest) -> QuerySet[LiveSession]:
        if not hasattr(request, "live_sessions"):  # read once, for the list and for its filters
            request.live_sessions = Listing(request.session.session_key)  # type: ignore[attr-defined]
        return cast("QuerySet[LiveSession]", request.live_sessions)  # type: ignore[attr-defined]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return queryset.search(search_term), False

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-used",)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> LiveSession | None:
        login = resolve(object_id)
        if login is None:
            return None
        return shown(login, people.names([login.user])[login.user], request.session.session_key)

    # Who may do what: "view" and "delete" of this model; nobody makes or changes a session here.

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # Columns and fields.

    @admin.display(description=_("session"))
    def session(self, session: LiveSession) -> SafeString:
        mark = (
            format_html(' <span class="own-session">{}</span>', _("yours")) if session.own else ""
        )
        return format_html("<code>{}</code>{}", session.login.short_id, mark)

    @admin.display(description=_("user"))
    def user(self, session: LiveSession) -> str:
        return session.user_name

    @admin.display(description=_("user"))
    def account(self, session: LiveSession) -> str:
        """The user, with a link for those who may see users."""
        meta = get_user_model()._meta
        try:
            url = reverse(
                f"admin:{meta.app_label}_{meta.model_name}_change", args=[session.login.user]
            )
        except NoReverseMatch:
            return session.user_name
        return format_html('<a href="{}">{}</a>', url, session.user_name)

    @admin.display(description=_("device"))
    def device(self, session: LiveSession) -> str:
        return describe(session.login.user_agent)

    @admin.display(description=_("user agent"))
    def user_agent(self, session: LiveSession) -> str:
        return session.login.user_agent or "-"

    @admin.display(description=_("address"), ordering="ip")
    def address(self, session: LiveSession) -> str:
        return session.login.ip or "-"

    @admin.display(description=_("last use"), ordering="used")
    def used(self, session: LiveSession) -> SafeString:
        return _ago(session.login.used)

    @admin.display(description=_("created"), ordering="created")
    def since(self, session: LiveSession) -> SafeString:
        return _ago(session.login.created)

    @admin.display(description=_("expires"), ordering="expires")
    def ends(self, session: LiveSession) -> SafeString:
        return _ago(session.login.expires)

    @admin.display(description=_("created"))
    def created_at(self, session: LiveSession) -> str:
        return _exactly(session.login.created)

    @admin.display(description=_("last use"))
    def used_at(self, session: LiveSession) -> str:
        return _exactly(session.login.used)

    @admin.display(description=_("expires"))
    def expires_at(self, session: LiveSession) -> str:
        return _exactly(session.login.expires)

    @admin.display(description=_("size"), ordering="size")
    def size(self, session: LiveSession) -> str:
        return filesizeformat(session.login.size)

    # Pages.

    def get_urls(self) -> list[URLPattern]:
        """The list, one session, and the confirmation; without add, history and delete."""
        base = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name=f"{base}_changelist"),
            path("revoke/", view(self.revoke_view), name=f"{base}_revoke"),
            path("<path:object_id>/change/", view(self.change_view), name=f"{base}_change"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(
            request, {"title": _("Sessions"), **(extra_context or {})}
        )
        found = getattr(response, "context_data", None) or {}
        if "cl" in found and not found["cl"].queryset.complete:
            limit = localize(listing.MOST)
            text = gettext("There are more than %s sessions; the rest is found by user.") % limit
            self.message_user(request, text, messages.WARNING)
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        session = self.get_object(request, unquote(object_id))
        entries = contents.entries(session.login.id) if session else None
        if session is None or entries is None:
            self.message_user(request, gettext("This session has ended."), messages.WARNING)
            return HttpResponseRedirect(self._url("changelist"))
        context = {
            "title": _("Session %s") % session.login.short_id,
            "subtitle": session.user_name,
            "entries": entries,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    # Ending sessions.

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(permissions=["delete"], description=_("Revoke selected sessions"))
    def revoke_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm(request, Revocation.of_sessions(request, queryset.logins))

    @admin.action(permissions=["delete"], description=_("Revoke all sessions of their users"))
    def revoke_users(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        revocation = Revocation.of_users(request, (login.user for login in queryset.logins))
        if not revocation.user_ids:
            text = gettext("Nobody is signed in with these sessions.")
            self.message_user(request, text, messages.WARNING)
            return None
        return self._confirm(request, revocation)

    def revoke_view(self, request: HttpRequest) -> HttpResponse:
        """Asks first, and carries out what was confirmed."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        revocation = Revocation.asked(request)
        if request.method != "POST" or "confirmed" not in request.POST:
            return self._confirm(request, revocation)
        own_too = "own_too" in request.POST
        count = revocation.carry_out(request, own_too=own_too)
        text = ngettext("%d session was revoked.", "%d sessions were revoked.", count) % count
        if revocation.own and not own_too:
            text += " " + gettext("Yours was left as it is.")
        messages.add_message(request, messages.SUCCESS if count else messages.WARNING, text)
        if len(revocation.user_ids) == 1:
            return HttpResponseRedirect(self._url("changelist", user=revocation.user_ids[0]))
        return HttpResponseRedirect(self._url("changelist"))

    def _confirm(self, request: HttpRequest, revocation: Revocation) -> HttpResponse:
        named = revocation.shown(NAMED_IN_CONFIRMATION)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Sign out everywhere") if revocation.user_ids else _("Revoke sessions"),
            "opts": self.opts,
            "media": self.media,
            "revocation": revocation,
            "count": len(revocation.targets),
            "rows": [(session, describe(session.login.user_agent)) for session in named],
            "rest": len(revocation.targets) - len(named),
        }
        request.current_app = self.admin_site.name
        template = "admin/sessionstate/livesession/revoke_confirmation.html"
        return TemplateResponse(request, template, context)

    def _url(self, name: str, **query: str) -> str:
        site = self.admin_site.name
        url = reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", current_app=site
        )
        return f"{url}?{urlencode(query)}" if query else url


def _ago(moment: datetime) -> SafeString:
    return format_html('<time title="{}">{}</time>', localize(localtime(moment)), brief(moment))


def _exactly(moment: datetime) -> str:
    return f"{localize(localtime(moment))} ({brief(moment)})"
