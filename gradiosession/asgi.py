"""The one place that composes Django, Gradio and WebSockets into an application."""

import os
from typing import Any, cast

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradiosession.settings")
# Sets Django up; what follows imports models.
django_app = cast("App", get_asgi_application())

from accounts import live  # noqa: E402
from accounts.signing import keys  # noqa: E402
from gradio_ui import stopping  # noqa: E402
from gradio_ui.asgi import GradioRouter  # noqa: E402
from gradio_ui.static_files import StaticFilesFirst  # noqa: E402
from gradiosession import metrics, tracing  # noqa: E402
from gradiosession.front import MountedAt, OnlyReadable, refuse  # noqa: E402
from gradiosession.logs import AccessLog, App, Receive, Scope, Send  # noqa: E402
from gradiosession.proxies import ClientAddress  # noqa: E402

keys()  # No server runs the system checks: without its keys this one fails now, not at a sign-in.
tracing.start()
gradio_app = GradioRouter(around=lambda app: AccessLog(tracing.traced(app)))
metrics.start(gradio_app)


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    below = scope["path"].removeprefix(scope.get("root_path", ""))
    is_gradio = below == "/gradio" or below.startswith("/gradio/")
    gradio_app.begin()
    stopping.answering += 1
    try:
        if is_gradio:
            await gradio_app(scope, receive, send)
        elif below == "/metrics" and metrics.may_read(scope):
            await metrics.answer(scope, receive, send)
        else:
            await django_app(scope, receive, send)
    finally:
        stopping.answering -= 1


async def live_session(scope: Scope, receive: Receive, send: Send) -> None:
    # What watches over open connections starts and stops with the apps.
    if gradio_app.lifespan.is_draining:
        return await refuse(scope, receive, send)
    await gradio_app.lifespan.start()
    await live.serve(scope, receive, send)


site = ProtocolTypeRouter(
    {
        "http": tracing.traced(http),
        "websocket": URLRouter(
            [
                path("ws/session/", cast("Any", live_session)),
                re_path(r"", cast("Any", refuse)),
            ]
        ),
        # uvicorn sends these events, daphne does not; GradioRouter does without.
        "lifespan": gradio_app,
    }
)
logged = AccessLog(OnlyReadable(site), metrics.observe)
# A page asks for a hundred static files: not one of them needs a line in the log.
files_first = StaticFilesFirst(ClientAddress(logged, settings.TRUSTED_PROXIES))
application = MountedAt(files_first, settings.FORCE_SCRIPT_NAME or "")
