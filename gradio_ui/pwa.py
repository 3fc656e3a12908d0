"""What lets browsers install the site and each app: manifests and icons.

An icon shows the `icon` of an app, or the first letter of its title. It is found by that sign and
not by the app, because browsers ask for icons without saying who is signed in.
"""

from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils import translation
from django.utils.html import format_html
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from gradio_ui import registry
from gradio_ui.registry import AppSpec

ACCENT, ON_ACCENT, GROUND = "#3654d1", "#ffffff", "#f6f7f9"
# For home screens; iOS asks for the first.
SIZES = (180, 192, 512)
_MANIFEST = "application/manifest+json"
_DAY = 24 * 60 * 60


def sign(spec: AppSpec) -> str:
    """The same for readers of all languages: it is part of an address."""
    return spec.icon or _letter(spec)


def _letter(spec: AppSpec) -> str:
    with translation.override(settings.LANGUAGE_CODE):
        return str(spec.title)[:1].upper()


def _manifest(name: str, start: str, icons: list[dict[str, str]]) -> JsonResponse:
    content: dict[str, Any] = {
        "id": start,
        "name": name,
        "short_name": name[:12].strip(),
        "start_url": start,
        # The login page is part of it.
        "scope": reverse("portal"),
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": ACCENT,
        "icons": icons,
    }
    return JsonResponse(content, content_type=_MANIFEST)


@require_safe
def site_manifest(request: HttpRequest) -> HttpResponse:
    icons = [
        {"src": static(f"icons/site-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
        for size in SIZES
    ]
    icons.append(icons[-1] | {"purpose": "maskable"})
    icons.append({"src": static("favicon.svg"), "sizes": "any", "type": "image/svg+xml"})
    return _manifest("Gradio Session", reverse("portal"), icons)


@require_safe
def app_manifest(request: HttpRequest, slug: str) -> HttpResponse:
    """Only for who may open the app: it has a title."""
    spec = registry.get(slug)
    user: User = request.user  # type: ignore[assignment]
    if spec is None or not spec.allows(user):
        raise Http404
    icons = [
        {
            "src": reverse("app_icon", args=[size, sign(spec)]),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": "any maskable",
        }
        for size in SIZES
    ]
    drawn = reverse("app_icon_svg", args=[sign(spec)])
    icons.append({"src": drawn, "sizes": "any", "type": "image/svg+xml"})
    response = _manifest(str(spec.title), f"{reverse('portal')}gradio/{spec.slug}/", icons)
    response["Cache-Control"] = "private, no-cache"
    return response


@require_safe
@cache_control(public=True, max_age=_DAY)
def app_icon(request: HttpRequest, size: int, glyph: str) -> HttpResponse:
    if size not in SIZES:
        raise Http404
    return HttpResponse(_png(size, _letter(_spec_of(glyph))), content_type="image/png")


@require_safe
@cache_control(public=True, max_age=_DAY)
def app_icon_svg(request: HttpRequest, glyph: str) -> HttpResponse:
    _spec_of(glyph)
    return HttpResponse(_drawn(glyph), content_type="image/svg+xml")


def icon_data(glyph: str) -> str:
    """The same as a `data:` URL, which a page brings along."""
    return f"data:image/svg+xml,{quote(_drawn(glyph))}"


def _drawn(glyph: str) -> str:
    """With the sign itself, an emoji as a rule: the browser has a font for it."""
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        '<rect width="64" height="64" rx="16" fill="{}"/><text x="32" y="34" fill="{}" '
        'font-family="system-ui, sans-serif" font-size="36" font-weight="600" '
        'text-anchor="middle" dominant-baseline="central">{}</text></svg>',
        ACCENT,
        ON_ACCENT,
        glyph,
    )


def _spec_of(glyph: str) -> AppSpec:
    # Of the registered apps alone, so that nobody has the server draw whatever they like.
    found = next((spec for spec in registry.all_apps() if sign(spec) == glyph), None)
    if found is None:
        raise Http404
    return found


@lru_cache(maxsize=128)
def _png(size: int, letter: str) -> bytes:
    """The letter in the middle four fifths, which every mask of a home screen shows. A letter:
    few servers have a font with emoji."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (size, size), ACCENT)
    font = ImageFont.load_default(size * 0.5)
    ImageDraw.Draw(picture).text((size / 2, size / 2), letter, ON_ACCENT, font, anchor="mm")
    output = BytesIO()
    picture.save(output, "PNG", optimize=True)
    return output.getvalue()


urlpatterns = [
    path("manifest.webmanifest", site_manifest, name="site_manifest"),
    path("manifest/<slug:slug>.webmanifest", app_manifest, name="app_manifest"),
    path("icon/<int:size>/<str:glyph>.png", app_icon, name="app_icon"),
    path("icon/<str:glyph>.svg", app_icon_svg, name="app_icon_svg"),
]
