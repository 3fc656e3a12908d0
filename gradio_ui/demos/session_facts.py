"""What there is to say about a session, in words. Values that look secret are never among it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _
from django.views.debug import SafeExceptionReporterFilter

from sessionstate import Session
from sessionstate.ago import brief
from sessionstate.conf import conf
from sessionstate.errors import Unreadable

# What Django hides in its error reports: names with "pass", "token", "secret", "key" and the like.
_secrets = SafeExceptionReporterFilter()

MAX_PREVIEW = 60
# Of `contents`.
COLUMNS = 4

STORES = {
    "db": _("the database"),
    "memory": _("the memory of the server process"),
    "cache": _("Django's cache"),
    "redis": "Redis",
}


def about(session: Session, user_name: str) -> dict[str, str]:
    facts = {gettext("Signed in as"): user_name, gettext("Session"): f"{session.short_id}…"}
    if info := session.info:
        facts |= {
            gettext("Signed in"): when(info.created),
            gettext("Ends when unused"): when(info.expires),
            gettext("Ends in any case"): when(info.created + conf.absolute_age),
            gettext("Holds"): held(session),
        }
    return facts | {gettext("Stored in"): store(), gettext("Answered by"): process()}


def held(session: Session) -> str:
    sentence = ngettext(
        "%(count)s key, %(size)s of %(limit)s",
        "%(count)s keys, %(size)s of %(limit)s",
        len(session),
    )
    return sentence % {
        "count": len(session),
        "size": filesizeformat(sum(session.sizes.values())),
        "limit": filesizeformat(conf.max_bytes),
    }


def when(epoch: float) -> str:
    moment = datetime.fromtimestamp(epoch, UTC)
    return f"{brief(moment)} ({moment:%Y-%m-%d %H:%M} UTC)"


def store() -> str:
    name = conf.backend
    said = gettext(STORES.get(name, name))
    if name == "db":
        return f"{said} ({settings.DATABASES['default']['ENGINE'].rpartition('.')[2]})"
    return said


def process() -> str:
    host = socket.gethostname().partition(".")[0]
    return gettext("%(host)s, process %(number)s") % {"host": host, "number": os.getpid()}


def contents(session: Session) -> dict[str, Any]:
    """For a table, a row per key: key, type, size, and the beginning of what it holds."""
    sizes = session.sizes
    return {
        "headers": [gettext("Key"), gettext("Type"), gettext("Size"), gettext("Value")],
        "data": [[key, *kind_and_preview(session, key, sizes[key])] for key in sorted(session)],
    }


def kind_and_preview(session: Mapping[str, Any], key: str, size: int) -> tuple[str, str, str]:
    try:
        value = session[key]
    except Unreadable:
        return gettext("unreadable"), filesizeformat(size), ""
    return type(value).__name__, filesizeformat(size), preview(key, value)


def preview(key: str, value: Any) -> str:
    if is_hidden(key):
        return gettext("(hidden)")
    shape = getattr(value, "shape", None)
    if shape is not None:
        return " x ".join(map(str, shape))
    text = as_json(_secrets.cleanse_setting(key, value)) or ""
    return text if len(text) <= MAX_PREVIEW else f"{text[: MAX_PREVIEW - 1]}…"


def editable(key: str, value: Any) -> str | None:
    """The value as JSON; `None` for secrets and for what JSON cannot say exactly."""
    text = None if is_hidden(key) else as_json(value)
    holds_secret = text is not None and _secrets.cleanse_setting(key, value) != value
    return None if holds_secret else text


def is_hidden(key: str) -> bool:
    return _secrets.hidden_settings.search(key) is not None


def as_json(value: Any) -> str | None:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return text if json.loads(text) == value else None
    except (TypeError, ValueError):
        return None
