"""The site's own say: functions that see a request and its session, and may refuse it.

`SESSIONSTATE_VERIFIERS` names them by dotted path. Each is called with the session and the
request (an `HttpRequest`, below `/gradio/` and for WebSockets too) when a ticket's session is
loaded, and may be async. What returns no true value, or raises, refuses: the session is then as
good as gone for this request, and for no other.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.utils.module_loading import import_string

from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable
from sessionstate.threads import in_thread

if TYPE_CHECKING:
    from sessionstate.engine import SessionStore

Verifier = Callable[["SessionStore", HttpRequest], bool | Awaitable[bool]]


@lru_cache(maxsize=8)
def _functions(paths: tuple[str, ...]) -> tuple[Verifier, ...]:
    return tuple(import_string(path) for path in paths)


def accepted(session: SessionStore, request: HttpRequest | None) -> bool:
    for verify in _functions(conf.verifiers):
        try:
            ours = _ask(verify, session, request)
        except StoreUnavailable:
            raise
        except Exception:
            return _refuse(verify, session, failed=True)
        if not ours:
            return _refuse(verify, session)
    return True


async def aaccepted(session: SessionStore, request: HttpRequest | None) -> bool:
    for verify in _functions(conf.verifiers):
        try:
            if inspect.iscoroutinefunction(verify):
                ours = request is not None and bool(await verify(session, request))
            else:
                ours = await in_thread(_ask, verify, session, request)
        except StoreUnavailable:
            raise
        except Exception:
            return _refuse(verify, session, failed=True)
        if not ours:
            return _refuse(verify, session)
    return True


def _ask(verify: Verifier, session: SessionStore, request: HttpRequest | None) -> bool:
    if request is None:
        return False  # nobody can tell
    if inspect.iscoroutinefunction(verify):
        return bool(async_to_sync(verify)(session, request))
    return bool(cast("Callable[[SessionStore, HttpRequest], bool]", verify)(session, request))


def _refuse(verify: Verifier, session: SessionStore, *, failed: bool = False) -> bool:
    conf.log().log(
        logging.ERROR if failed else logging.WARNING,
        "%s %s session %s",
        getattr(verify, "__qualname__", verify),
        "failed, which refuses" if failed else "refused",
        session.short_id,
        exc_info=failed,
    )
    return False
