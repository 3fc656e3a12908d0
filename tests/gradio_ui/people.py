"""Logins that speak to the app of tests/gradio_ui/owned as its page does."""

import json
from typing import Any, ClassVar

import httpx

from tests.servers import Site

API = "/gradio/owned/gradio_api"
PROBLEM = "application/problem+json"


class Person:
    """A login that speaks to an app as a page does."""

    clients: ClassVar[list[httpx.Client]] = []

    def __init__(self, site: Site, username: str, headers: dict[str, str] | None = None) -> None:
        self.headers = headers or site.sign_in(username)
        self.client = httpx.Client(base_url=site.url, headers=self.headers, timeout=20)
        self.clients.append(self.client)
        config = self.client.get("/gradio/owned/config").json()
        self.functions = {d["api_name"]: d["id"] for d in config["dependencies"]}
        # Any one.
        self.component: int = config["components"][0]["id"]

    def join(self, page: str, name: str, *data: Any, **more: Any) -> httpx.Response:
        body = {"data": data, "fn_index": self.functions[name], "session_hash": page} | more
        return self.client.post(f"{API}/queue/join", json=body)

    def data(self, page: str) -> httpx.Response:
        return self.client.get(f"{API}/queue/data", params={"session_hash": page})

    def outcome(self, page: str, name: str, *data: Any) -> dict[str, Any]:
        """The last word about an event, from the page's stream."""
        self.join(page, name, *data).raise_for_status()
        lines = [line.removeprefix("data: ") for line in self.data(page).text.splitlines()]
        messages = [json.loads(line) for line in lines if line]
        (done,) = [m for m in messages if m["msg"] == "process_completed"]
        found: dict[str, Any] = done
        return found

    def call(self, page: str, name: str, *data: Any) -> Any:
        """The result of an event."""
        done = self.outcome(page, name, *data)
        assert done["success"], done
        return done["output"]["data"]

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.client.post(f"{API}/{path}", json=body)

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.client.get(f"{API}/{path}", params=query)


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 403, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "This belongs to another session."
