"""What each process tells an operator of itself, beside the word that it lives."""

import json
import os
import socket
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from django.conf import settings
from redis import Redis

from gradio_ui import stopping
from gradio_ui.cluster import keys, process
from gradio_ui.load import Load

if TYPE_CHECKING:
    from gradio_ui.cluster.routing import Cluster


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one process. Another release may say more of itself, or less."""

    id: str
    address: str = ""
    host: str = ""
    pid: int = 0
    release: str = ""
    # Epoch seconds.
    since: float = 0.0
    # "ready", or "draining" from the signal on.
    state: str = ""
    # Pages that it holds.
    pages: int = 0
    waiting: int = 0
    running: int = 0
    streams: int = 0
    heartbeats: int = 0
    # Requests that named a page or an event, since the start: answered here, handed over to
    # another process, and those of the latter that it did not answer to the end.
    kept: int = 0
    handed_over: int = 0
    failed: int = 0


def publish(cluster: "Cluster", load: Load) -> bytes:
    """Of this process."""
    facts = Facts(
        process.ID,
        host=socket.gethostname(),
        pid=os.getpid(),
        release=getattr(settings, "GRADIOSESSION_RELEASE", ""),
        since=process.STARTED,
        state="draining" if stopping.is_draining else "ready",
        pages=len(cluster.claims),
        kept=cluster.kept,
        handed_over=cluster.handed_over,
        failed=cluster.failed,
        **asdict(load),
    )
    return json.dumps(asdict(facts)).encode()


def of_all(redis: Redis) -> list[Facts]:
    """Of every process that lives, the oldest first. Raises `RedisError`."""
    members: Any = redis.zrange(keys.all_processes(), 0, -1)
    if not members:
        return []
    ids = [name.decode() for name in members]
    addresses: Any = redis.mget([keys.process(name) for name in ids])
    told: Any = redis.mget([keys.facts(name) for name in ids])
    found = [
        _read(name, address.decode(), facts or b"{}")
        for name, address, facts in zip(ids, addresses, told, strict=True)
        if address is not None
    ]
    return sorted(found, key=lambda facts: (facts.since, facts.id))


def _read(name: str, address: str, told: bytes) -> Facts:
    known = {field.name for field in fields(Facts)}
    said = {key: value for key, value in json.loads(told).items() if key in known}
    return Facts(**{**said, "id": name, "address": address})
