"""What it is when the Redis that all processes share is away."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from sessionstate.errors import StoreUnavailable


@contextmanager
def answering() -> Iterator[None]:
    """What fails here has failed because Redis does not answer: `StoreUnavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis does not answer: {type(error).__name__}") from error
