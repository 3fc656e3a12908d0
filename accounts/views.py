from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from .own_sessions import end_others, end_own, own_sessions


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """My logins. A POST ends one (`session`) or all others (`others`)."""
    if request.method != "POST":
        return render(request, "account/sessions.html", {"sessions": own_sessions(request)})
    if "others" in request.POST:
        count = end_others(request)
        messages.success(request, f"Signed out {count} other session{'' if count == 1 else 's'}.")
    elif end_own(request, request.POST.get("session", "")):
        messages.success(request, "That session has ended.")
    else:
        messages.error(request, "That session had ended already.")
    return redirect("account_sessions")
