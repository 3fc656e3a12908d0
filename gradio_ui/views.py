from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gradio_ui import registry


@never_cache
@login_required
@require_safe
def portal(request: HttpRequest) -> HttpResponse:
    """The apps this user may open; for staff also what could not be started."""
    user = request.user
    context = {
        "apps": registry.permitted(user),
        "failures": registry.failures() if user.is_staff else [],
    }
    return render(request, "portal.html", context)
