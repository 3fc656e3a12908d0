import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django_app = get_asgi_application()

from gradio_ui.asgi import GradioRouter  # noqa: E402

gradio_app = GradioRouter()


async def application(scope, receive, send):  # type: ignore[no-untyped-def]
    is_gradio = scope["type"] == "lifespan" or scope["path"].startswith("/gradio/")
    await (gradio_app if is_gradio else django_app)(scope, receive, send)
