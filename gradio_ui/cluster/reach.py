"""How long one waits for the Redis that all processes share, and what it is when it is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.exceptions import RedisError

from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable


def limits() -> dict[str, Any]:
    """For `Redis.from_url`."""
    return {
        "socket_timeout": conf.store_timeout,
        "socket_connect_timeout": conf.store_timeout,
    }


@contextmanager
def answering() -> Iterator[None]:
    """What fails here has failed because Redis does not answer: `StoreUnavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis does not answer: {type(error).__name__}") from error
