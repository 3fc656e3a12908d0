"""Settings of the app, read when they are first used and again after `override_settings`."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

PREFIX = "SESSIONSTATE_"


class Conf:
    """A property per setting; `sessionstate.checks.values` takes names and types from here."""

    def __init__(self) -> None:
        # Django keeps the settings that it has, and looks long for those that it has not.
        self._read: dict[str, Any] = {}

    def _get(self, name: str, default: Any) -> Any:
        if name not in self._read:
            self._read[name] = getattr(settings, PREFIX + name, default)
        return self._read[name]

    def forget(self, *, setting: str, **_: object) -> None:
        self._read.pop(setting.removeprefix(PREFIX), None)

    @property
    def backend(self) -> str:
        """A short name (`memory`, `db`, `cache`, `redis`) or a dotted path to a backend class."""
        return str(self._get("BACKEND", "db"))

    @property
    def max_bytes(self) -> int:
        """Limit of one session, user state or tab state, in bytes of encoded values."""
        return int(self._get("MAX_BYTES", 5 * 1024 * 1024))

    @property
    def reserved_prefixes(self) -> tuple[str, ...]:
        """Keys that begin so are the framework's, beside those that begin with an underscore:
        for third-party apps that keep security-relevant notes under other names."""
        return tuple(self._get("RESERVED_PREFIXES", ()))

    @property
    def idle_age(self) -> int:
        """Seconds without use after which a session ends, unless `set_expiry` says otherwise."""
        return int(settings.SESSION_COOKIE_AGE)

    @property
    def absolute_age(self) -> int:
        """Seconds after which a session ends, used or not."""
        return int(self._get("ABSOLUTE_AGE", 30 * 24 * 3600))

    @property
    def tab_age(self) -> int:
        """Seconds without use after which a tab's state ends."""
        return int(self._get("TAB_AGE", 24 * 3600))

    @property
    def claim_age(self) -> int:
        """Seconds without use after which a name that a session claimed is free again."""
        return int(self._get("CLAIM_AGE", 24 * 3600))

    @property
    def lock_timeout(self) -> float:
        """Seconds that `atomic()` waits for its lock."""
        return float(self._get("LOCK_TIMEOUT", 10.0))

    @property
    def lock_age(self) -> float:
        """Seconds after which a lock whose holder went silent is given to the next."""
        return float(self._get("LOCK_AGE", 10.0))

    @property
    def store_timeout(self) -> float:
        """Seconds after which a store that does not answer counts as down."""
        return float(self._get("STORE_TIMEOUT", 2.0))

    @property
    def threads(self) -> int:
        """Threads for store work of async code; 0 uses the thread of the running request."""
        return int(self._get("THREADS", 8))

    @property
    def tickets(self) -> str:
        """Dotted path of the `TicketScheme` that names a request's session."""
        return str(self._get("TICKETS", "sessionstate.tickets.SessionIdCookie"))

    @property
    def max_per_user(self) -> int:
        """Logins that a user may have at a time; one more ends the oldest. 0: any number."""
        return int(self._get("MAX_PER_USER", 0))

    @property
    def verifiers(self) -> tuple[str, ...]:
        """Dotted paths of functions that may refuse a session to a request."""
        return tuple(self._get("VERIFIERS", ()))

    @property
    def skip_header(self) -> str:
        """Requests with this header have no session, whatever else they carry: `X-Probe`, or with
        a pattern for its value `User-Agent: kube-probe/*`."""
        return str(self._get("SKIP_HEADER", ""))

    @property
    def attribute(self) -> str:
        """Where the session is on a request and in the scope that Gradio gets. On Django's
        requests it is under `session` as well."""
        return str(self._get("ATTRIBUTE", "session"))

    @property
    def logger(self) -> str:
        """Name of the logger that hears of refused and damaged sessions."""
        return str(self._get("LOGGER", "sessionstate"))

    def log(self) -> logging.Logger:
        return logging.getLogger(self.logger)

    @property
    def cache_alias(self) -> str:
        return str(self._get("CACHE_ALIAS", "default"))

    @property
    def redis_alias(self) -> str:
        """The `CACHES` alias (django-redis) whose connection pool the redis backend uses."""
        return str(self._get("REDIS_ALIAS", "default"))

    @property
    def redis_prefix(self) -> str:
        """What all keys of the redis backend begin with."""
        return str(self._get("REDIS_PREFIX", "sessionstate:"))


conf = Conf()
setting_changed.connect(conf.forget)
