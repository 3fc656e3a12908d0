"""No new connections, while what has come is answered.

Of a process that stops a balancer learns when it refuses a connection, and then asks the next one.
What was accepted the moment before would be lost: daphne cuts everything, and uvicorn closes
connections of which it has not read a request yet.
"""

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

from gradio_ui import stopping

# Seconds until a request has come on a connection that was accepted; for answers at least.
_ARRIVAL, _LEAST = 0.1, 0.5


async def end(handlers: Iterable[Any]) -> None:
    """`handlers`: of signals, as the server has set them."""
    for handler in handlers:
        # uvicorn's is a method of its server.
        for server in getattr(getattr(handler, "__self__", None), "servers", ()):
            server.close()
    for port in _twisted_ports():
        port.stopListening()
    await asyncio.sleep(_ARRIVAL)


async def answered(end: float) -> None:
    """Returns when nobody waits for an answer any more, or at the loop's time `end`."""
    now = asyncio.get_running_loop().time
    end = max(end, now() + _LEAST)
    while stopping.answering and now() < end:
        await asyncio.sleep(0.02)


def _twisted_ports() -> list[Any]:
    if "twisted.internet.reactor" not in sys.modules:
        return []
    from twisted.internet import reactor, tcp

    running: Any = reactor
    return [reader for reader in running.getReaders() if isinstance(reader, tcp.Port)]
