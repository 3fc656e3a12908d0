"""What no client may say of the site, and what nobody could read (gradiosession.front)."""

from typing import Any

import pytest

from gradiosession.front import MountedAt, OnlyReadable
from gradiosession.logs import Receive, Scope, Send


class Asked:
    """The application behind; it has seen these scopes."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)


async def nothing() -> dict[str, Any]:
    return {}


async def answers(app: Any, scope: Scope) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, nothing, send)
    return sent


def scope(kind: str = "http", **more: Any) -> Scope:
    return {"type": kind, "path": "/", "query_string": b"", "headers": [], **more}


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("root", ["", "/apps"])
async def test_where_the_site_is_mounted_is_configured(kind: str, root: str) -> None:
    site = Asked()
    for said in ({}, {"root_path": "https://evil.example"}):
        await answers(MountedAt(site, root), scope(kind, **said))
    assert [seen["root_path"] for seen in site.scopes] == [root, root]


UNREADABLE = [
    {"query_string": b"a=\xff"},
    {"headers": [(b"content-type", b"application/json; charset*=x'y'z")]},
]


@pytest.mark.parametrize("more", UNREADABLE)
async def test_what_cannot_be_read_is_refused(more: Any) -> None:
    site = Asked()
    start, body = await answers(OnlyReadable(site), scope(**more))
    assert start["status"] == 400 and b"cannot be read" in body["body"]
    assert await answers(OnlyReadable(site), scope("websocket", **more)) == [
        {"type": "websocket.close"}
    ]
    assert not site.scopes


async def test_everything_else_goes_on() -> None:
    site = Asked()
    kinds = [b"application/json; charset=utf-8", b"multipart/form-data; boundary=x"]
    for kind in kinds:
        await answers(OnlyReadable(site), scope(headers=[(b"content-type", kind)]))
    await answers(OnlyReadable(site), {"type": "lifespan"})
    assert len(site.scopes) == 3
