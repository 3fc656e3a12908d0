from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gradio_ui import registry


@never_cache
@require_safe
def portal(request: HttpRequest) -> HttpResponse:
    """The apps this user may open; for staff also what could not be started. Who is not signed in
    sees those that are public, if there are any."""
    user = request.user
    apps = registry.permitted(user)
    if not (apps or user.is_authenticated):
        return redirect_to_login(request.get_full_path())
    context = {
        "apps": apps,
        "failures": registry.failures() if user.is_staff else [],
    }
    return render(request, "portal.html", context)
