"""What error reports may show: of people's secrets nothing, in development neither.

Django hides settings and headers by their names, and local variables only where a decorator asks
for it and DEBUG is off. But a page with a traceback is shared in chats and tickets all the same.
"""

from __future__ import annotations

import re
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from accounts.redaction import shortened

_NAMES = r"API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|COOKIE|SESSION_ID|TICKET|CREDENTIALS|CODE"
_SECRET = re.compile(rf"{_NAMES}|^(raw|sid|jti|body)$|_URL$|^DATABASES$", re.IGNORECASE)
# The same inside a larger value: `{'password': 'x'}`, `SignIn(password='x')`.
_INSIDE = re.compile(
    rf"""(['"]?\w*(?:{_NAMES})\w*['"]?\s*[:=]\s*)(b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*"|\[[^\]]*\])""",
    re.IGNORECASE,
)
_STARS = SafeExceptionReporterFilter.cleansed_substitute


class ReportFilter(SafeExceptionReporterFilter):
    hidden_settings = _SECRET

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        shown = MultiValueDict(super().get_post_parameters(request))
        for name in shown:
            if _SECRET.search(name):
                shown[name] = _STARS
        return shown

    def get_traceback_frame_variables(self, request: HttpRequest, tb_frame: FrameType) -> Any:
        return [
            (name, _STARS if _SECRET.search(name) else _Shown(value))
            for name, value in super().get_traceback_frame_variables(request, tb_frame)
        ]


class _Shown:
    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return _INSIDE.sub(rf"\1'{_STARS}'", repr(self._value)[:20_000])


class Reporter(ExceptionReporter):
    """The last look: whatever the rest of the page repeats, such as messages and addresses."""

    def get_traceback_html(self) -> Any:
        return shortened(super().get_traceback_html())

    def get_traceback_text(self) -> Any:
        return shortened(super().get_traceback_text())
