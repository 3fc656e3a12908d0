"""Whose request it is, behind proxies. One rule for everything that asks for the address: the
limits on sign-in, the list of logins, the audit trail, the access log and Gradio."""

from __future__ import annotations

from ipaddress import ip_address

from gradiosession.logs import App, Receive, Scope, Send


class ClientAddress:
    """Pure ASGI. With `proxies` trusted proxies in front, each of which appends to
    `X-Forwarded-For` whom it was called by, the client is the entry so many places from the end.
    What stands before it anybody may have written."""

    def __init__(self, app: App, proxies: int) -> None:
        self.app = app
        self.proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.proxies > 0 and scope["type"] in ("http", "websocket"):
            address = _forwarded(scope, self.proxies)
            if address:  # else it did not come through all of them
                scope["client"] = [address, 0]
        await self.app(scope, receive, send)


def _forwarded(scope: Scope, proxies: int) -> str:
    lines = [
        value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
    ]
    entries = ",".join(lines).split(",")
    return _address(entries[-proxies].strip()) if len(entries) >= proxies else ""


def _address(entry: str) -> str:
    """`entry` without a port, as some proxies write it; "" when it is no address."""
    host = entry.rpartition("]")[0].lstrip("[") if entry.startswith("[") else entry
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return ""
