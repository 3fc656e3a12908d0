"""Logins and counts as `manage.py sessions` prints them, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.template.defaultfilters import filesizeformat

from sessionstate.ago import brief
from sessionstate.backends.base import Kind
from sessionstate.devices import describe
from sessionstate.logins import Login
from sessionstate.statistics import Tally

LOGIN_HEADERS = (
    *("SESSION", "USER", "DEVICE", "ADDRESS"),
    *("LAST USE", "CREATED", "EXPIRES", "SIZE"),
)
TALLY_HEADERS = ("KIND", "RECORDS", "BYTES", "LARGEST", "OLDEST", "NEWEST", "LAST USE")
KINDS = {
    Kind.SESSION: "sessions",
    Kind.USER: "user states",
    Kind.TAB: "tab states",
    Kind.CLAIM: "claims",
}
Names = Mapping[str, str]


def sessions(count: int) -> str:
    return f"{count} session" if count == 1 else f"{count} sessions"


def login_row(login: Login, names: Names, *, whole_id: bool) -> list[str]:
    return [
        *(login.id if whole_id else login.short_id, names[login.user]),
        *(describe(login.user_agent), login.ip or "-"),
        *(brief(login.used), brief(login.created), brief(login.expires)),
        filesizeformat(login.size),
    ]


def login_facts(login: Login, names: Names, *, whole_id: bool) -> list[tuple[str, str]]:
    return [
        ("Session", login.id if whole_id else login.short_id),
        ("User", f"{names[login.user]} (id {login.user})" if login.user else names[""]),
        ("Device", describe(login.user_agent)),
        ("User agent", login.user_agent or "-"),
        ("Address", login.ip or "-"),
        ("Created", f"{_exact(login.created)} ({brief(login.created)})"),
        ("Last use", f"{_exact(login.used)} ({brief(login.used)})"),
        ("Expires", f"{_exact(login.expires)} ({brief(login.expires)})"),
        ("Size", filesizeformat(login.size)),
        ("Version", str(login.version)),
    ]


def login_json(login: Login, names: Names, *, whole_id: bool) -> dict[str, Any]:
    return {
        "id": login.id if whole_id else login.short_id,
        "user": {"id": login.user, "name": names[login.user]} if login.user else None,
        "device": describe(login.user_agent),
        "user_agent": login.user_agent,
        "address": login.ip,
        "created": _exact(login.created),
        "used": _exact(login.used),
        "expires": _exact(login.expires),
        "version": login.version,
        "size": login.size,
    }


def tally_row(kind: Kind, tally: Tally) -> list[str]:
    moments = (tally.oldest, tally.newest, tally.last_use)
    return [
        *(KINDS[kind], str(tally.records), filesizeformat(tally.bytes)),
        filesizeformat(tally.largest),
        *("-" if moment is None else brief(_moment(moment)) for moment in moments),
    ]


def tally_json(kind: Kind, tally: Tally) -> dict[str, Any]:
    report = {
        "records": tally.records,
        "bytes": tally.bytes,
        "largest": tally.largest,
        "oldest": tally.oldest and _exact(_moment(tally.oldest)),
        "newest": tally.newest and _exact(_moment(tally.newest)),
        "last_use": tally.last_use and _exact(_moment(tally.last_use)),
    }
    if kind is Kind.SESSION:
        signed_in = tally.records - tally.anonymous
        report |= {"signed_in": signed_in, "anonymous": tally.anonymous}
        report |= {"users": len(tally.owners)}
    return report


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _exact(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
