"""Machines of one's own: network namespaces on a bridge, each with an address."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.servers import Place


@dataclass(frozen=True)
class Machine(Place):
    # Its end at the bridge.
    cable: str = ""


@contextmanager
def machines(count: int) -> Iterator[tuple[str, list[Machine]]]:
    """The address of this machine among them, and theirs. Skips the test where that is not
    allowed."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("missing component: network namespaces, which take root and iproute2")
    # The network of RFC 2544, for tests; the number of the process tells runs apart.
    number = os.getpid()
    network, bridge = f"198.18.{number % 250}", f"gs{number}"
    with ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", bridge)
        _ip("address", "add", f"{network}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        places = []
        for each in range(count):
            name, cable, host = f"{bridge}-{each}", f"{bridge}.{each}", f"{network}.{each + 11}"
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
            stack.callback(_ip, "link", "del", cable)
            _ip("link", "set", cable, "master", bridge, "up")
            _ip("-n", name, "address", "add", f"{host}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", name, "link", "set", device, "up")
            places.append(Machine(host, ("ip", "netns", "exec", name), cable))
        yield f"{network}.1", places


@contextmanager
def split(*machines: Machine) -> Iterator[None]:
    """What these send to each other is lost on its way; all others reach them, and they all others.
    No connection is closed or refused by that."""
    _isolate(machines, "on")
    try:
        yield
    finally:
        _isolate(machines, "off")


def _isolate(machines: Sequence[Machine], word: str) -> None:
    for machine in machines:
        _ip("link", "set", "dev", machine.cable, "type", "bridge_slave", "isolated", word)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
