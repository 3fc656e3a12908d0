"""Refusals that say more than a status and a sentence."""

from __future__ import annotations

from ninja.errors import HttpError

from accounts.throttle import TooManyAttempts


class Refused(HttpError):
    """`type` is one of `accounts.problems`; `headers` go with the answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "about:blank",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, message)
        self.type = type
        self.headers = headers or {}


def too_many(error: TooManyAttempts) -> Refused:
    return Refused(
        429,
        "Too many attempts. Try again later.",
        headers={"Retry-After": str(error.retry_after)},
    )
