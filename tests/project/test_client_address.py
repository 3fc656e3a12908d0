"""Whose request it is: the address of who is connected, or what trusted proxies say."""

from typing import Any

import pytest

from gradiosession.logs import Scope
from gradiosession.proxies import ClientAddress

PEER = "10.0.0.1"


async def seen(proxies: int, *forwarded: str, kind: str = "http") -> str:
    found: list[str] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        found.append(scope["client"][0])

    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    scope = {"type": kind, "client": (PEER, 4711), "headers": headers}
    await ClientAddress(app, proxies)(scope, None, None)  # type: ignore[arg-type]
    return found[0]


async def test_without_trusted_proxies_the_header_is_hearsay() -> None:
    assert await seen(0, "203.0.113.7") == PEER


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_a_trusted_proxy_appends_the_client(kind: str) -> None:
    assert await seen(1, "203.0.113.7", kind=kind) == "203.0.113.7"
    assert await seen(1, "6.6.6.6, 203.0.113.7", kind=kind) == "203.0.113.7"
    assert await seen(1, "6.6.6.6", "203.0.113.7", kind=kind) == "203.0.113.7"


async def test_two_proxies_append_twice() -> None:
    assert await seen(2, "6.6.6.6, 203.0.113.7, 10.0.0.2") == "203.0.113.7"


@pytest.mark.parametrize("lines", [(), ("203.0.113.7",)])
async def test_what_did_not_come_through_all_proxies_is_its_sender(lines: tuple[str]) -> None:
    assert await seen(2, *lines) == PEER


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("203.0.113.7:5000", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("unknown", PEER),
        ("", PEER),
        ("203.0.113.7\u00e9", PEER),
        ("1.2.3.4.5", PEER),
        ("x" * 10_000, PEER),
    ],
)
async def test_entries_as_proxies_write_them(entry: str, address: str) -> None:
    assert await seen(1, f"6.6.6.6, {entry}") == address
