from __future__ import annotations

from typing import cast

from allauth.account.decorators import reauthentication_required
from allauth.account.views import password_set
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from .forms import KeyForm
from .models import ApiKey
from .own_sessions import end_others, end_own, own_sessions
from .programs import TooManyKeys, create_key, keys_of, revoke_key


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """My logins. A POST ends one (`session`) or all others (`others`)."""
    if request.method != "POST":
        return render(request, "account/sessions.html", {"sessions": own_sessions(request)})
    if "others" in request.POST:
        count = end_others(request)
        text = ngettext(
            "Signed out %(count)s other session.", "Signed out %(count)s other sessions.", count
        )
        messages.success(request, text % {"count": count})
    elif end_own(request, request.POST.get("session", "")):
        messages.success(request, _("That session has ended."))
    else:
        messages.error(request, _("That session had ended already."))
    return redirect("account_sessions")


@sensitive_variables("made", "raw")
@never_cache
@login_required
@reauthentication_required(allow_get=True, app="allauth.account")  # type: ignore[untyped-decorator]
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """My API keys. A POST makes one, and its answer is the one page that ever shows it."""
    form = KeyForm(request.POST if request.method == "POST" else None)
    made = raw = None
    if form.is_valid():
        try:
            made, raw = create_key(
                cast(User, request.user),
                form.cleaned_data["name"],
                apps=form.cleaned_data["apps"],
                write=form.cleaned_data["access"] == "write",
                expires=form.expires,
            )
            form = KeyForm()
        except TooManyKeys as error:
            form.add_error(None, str(error))
    context = {"keys": keys_of(request.user.pk), "form": form, "made": made, "raw": raw}
    return render(request, "account/keys.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks first; a POST revokes."""
    key = get_object_or_404(ApiKey, pk=pk, user=cast(User, request.user), revoked=None)
    if request.method != "POST":
        return render(request, "account/revoke_key.html", {"key": key})
    revoke_key(key)
    messages.success(request, _("The key %(name)s was revoked.") % {"name": key.name})
    return redirect("account_keys")


first_password = login_required(reauthentication_required(password_set, app="allauth.account"))
