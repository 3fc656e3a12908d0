"""Ids of events that say whose they are.

Gradio draws an event's id at random and takes it from whoever presents it. Ours carries a MAC of
the session that made the event, so every process can tell, without asking a store, whether a
request may name it, also after the event has ended. And it begins with the process in which the
event runs, so that a request which names it can be taken there.
"""

import hmac
import re
import secrets
from functools import lru_cache

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from gradio_ui.cluster import process

FORM = re.compile(r"([0-9a-f]{32})-([0-9a-f]{32})")


def new(session_id: str) -> str:
    # 80 bits of chance.
    nonce = process.ID + secrets.token_hex(10)
    return f"{nonce}-{_mac(session_id, nonce, settings.SECRET_KEY)}"


def is_event_id(name: str) -> bool:
    """Whether it looks like one; no client invents such a name by chance."""
    return FORM.fullmatch(name) is not None


def process_of(event_id: str) -> str:
    """The process in which an event was made; "" of what is no id of ours."""
    return event_id[: len(process.ID)] if is_event_id(event_id) else ""


def belongs(event_id: str, session_id: str) -> bool:
    match = FORM.fullmatch(event_id)
    return match is not None and any(
        constant_time_compare(match[2], _mac(session_id, match[1], key))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


def _mac(session_id: str, nonce: str, key: str) -> str:
    digest = _keyed(key).copy()
    digest.update(f"{session_id}:{nonce}".encode())
    return digest.hexdigest()[:32]


@lru_cache(maxsize=8)
def _keyed(key: str) -> hmac.HMAC:
    """To be copied: making it takes longer than the rest."""
    return salted_hmac("gradio_ui.event_ids", "", secret=key, algorithm="sha256")
