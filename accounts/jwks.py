"""`/.well-known/jwks.json`: with which keys other services can verify tickets (RFC 7517).

Empty while tickets are signed with a secret. A signature says who; whether the session still
stands, only `GET /api/auth/me` says.
"""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from .signing import keys


@require_safe
@cache_control(public=True, max_age=300)
def jwks(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"keys": [key.jwk() for key in keys() if key.id]})
