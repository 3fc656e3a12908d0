"""Kinds of functions x kinds of events x scopes, over two processes: what goes in, what is
stored, and that it is nobody else's."""

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gradio_ui.table.functions import GENERATORS, ONLY, SCOPES, STEPS
from tests.gradio_ui.table.gradio_apps import PAIRS
from tests.servers import Site, SiteFactory

Pair = tuple[str, str]
Counts = dict[str, int]

ROUND = 80


@dataclass
class Page:
    """A page of a person at a process, driven as the browser does it."""

    client: httpx.AsyncClient
    who: str
    number: int
    numbers: dict[str, int] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        return f"table-{self.who}"

    async def open(self) -> None:
        config = (await self.client.get("/config")).json()
        self.sizes = {d["id"]: len(d["inputs"]) for d in config["dependencies"]}
        self.numbers = await self.run("numbers")

    async def run(self, name: str, *data: Any) -> Any:
        body = {"data": data, "session_hash": self.hash}
        answer = await self.client.post(f"/gradio_api/run/{name}", json=body)
        answer.raise_for_status()
        return answer.json()["data"][0]

    def body(self, name: str, word: Any, number: int | None = None) -> dict[str, Any]:
        number = self.numbers[name] if number is None else number
        kind = name.partition("-")[2]
        first = {"text": word, "files": []} if kind == "multimodal" else word
        history = 1 if kind == "defaults" else None
        data = [first, history, True][: self.sizes.get(number, 1)]
        return {"data": data, "fn_index": number, "session_hash": self.hash}

    async def join(self, name: str, word: str, number: int | None = None) -> str:
        answer = await self.client.post(
            "/gradio_api/queue/join", json=self.body(name, word, number)
        )
        assert answer.status_code in (200, 422), (name, answer.status_code, answer.text)
        # A validator's word comes at once.
        return answer.text if answer.status_code == 422 else f"event {answer.json()['event_id']}"

    async def outcomes(self) -> dict[str, list[Any]]:
        """Of all that was joined, by event."""
        found: dict[str, list[Any]] = {}
        query = {"session_hash": self.hash}
        async with self.client.stream("GET", "/gradio_api/queue/data", params=query) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line.removeprefix("data: ")) if line else {}
                event = message.get("event_id")
                if message.get("msg", "").startswith("process_") and event:
                    found.setdefault(event, []).append(message.get("output"))
                if message.get("msg") == "process_streaming":
                    await self.go_on(event, sum(map(bool, found[event])))
        return found

    async def go_on(self, event: str, steps: int) -> None:
        """With a stream of input, so often that its function has been called `STEPS` times."""
        url, body = f"/gradio_api/stream/{event}", self.body("stream-plain", f"w{self.number}")
        if steps < STEPS:
            await self.client.post(url, json=body | {"event_id": event})
        else:
            await self.client.post(f"{url}/close")

    async def queued(self, calls: dict[str, tuple[str, int | None]]) -> dict[str, Any]:
        """The outcomes of events by name. `calls`: the word of each, and its number if that is
        not the app's."""
        found = {}
        names = list(calls)
        for start in range(0, len(names), ROUND):
            some = names[start : start + ROUND]
            answers = await gather(self.join(n, *calls[n]) for n in some)
            joined = dict(zip(some, answers, strict=True))
            outcomes = await self.outcomes()
            for name, answer in joined.items():
                kind, _, event = answer.partition(" ")
                found[name] = outcomes.get(event) if kind == "event" else answer
        return found

    async def called(self, name: str, word: str) -> str:
        url = f"/gradio_api/call/{name}"
        body = {"data": [word], "session_hash": self.hash}
        event = (await self.client.post(url, json=body)).json()["event_id"]
        return (await self.client.get(f"{url}/{event}")).text

    async def tool(self, name: str, word: str) -> str:
        call = {"name": name, "arguments": {"word": word}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        headers = {"Accept": "application/json, text/event-stream"}
        return (await self.client.post("/gradio_api/mcp/", json=body, headers=headers)).text

    async def everything(self) -> dict[Pair, Counts | None]:
        """Each event once; the counts that it tells."""
        word = f"w{self.number}"
        names = {f"{event}-{kind}": (event, kind) for event, kind in PAIRS}
        apart = {"run", "call", "tool", "unload", "rendered"}
        calls = {n: (word, None) for n, (event, _) in names.items() if event not in apart}
        texts = await self.queued(calls)
        texts |= await self.rendered(word)
        for name, (event, kind) in names.items():
            if event == "run":
                texts[name] = await self.run(name, word)
            elif event == "call":
                texts[name] = await self.called(name, word)
            elif event == "tool":
                texts[name] = await self.tool(kind, word)
        return {
            pair: self.read(json.dumps(texts[name]), word)
            for name, pair in names.items()
            if name in texts
        }

    async def rendered(self, word: str) -> dict[str, Any]:
        """Of the buttons that the app renders for this page."""
        (outputs,) = (await self.queued({"rendered": (word, None)})).values()
        buttons = outputs[-1]["render_config"]["dependencies"]
        return await self.queued({b["api_name"]: (word, b["id"]) for b in buttons})

    async def leave(self) -> None:
        """Close the page, which calls what is there for `unload`."""
        url = f"/gradio_api/heartbeat/{self.hash}"
        async with self.client.stream("GET", url) as stream:
            await anext(stream.aiter_lines())

    def read(self, text: str, word: str) -> Counts | None:
        """The last counts in `text`; None unless they are this person's, for this word."""
        found = re.findall(rf"{self.who}\|{word}\|(\d+)\|(\d+)\|(\d+)", text)
        return dict(zip(SCOPES, map(int, found[-1]), strict=True)) if found else None


async def gather(calls: Iterable[Any]) -> list[Any]:
    few = asyncio.Semaphore(6)

    async def one(call: Any) -> Any:
        async with few:
            return await call

    return await asyncio.gather(*map(one, calls))


@dataclass
class Seen:
    """`answers` of ada at one process, of ada at the other, and of bob there; and what is stored
    for ada and bob in the end, by scope."""

    answers: list[dict[Pair, Counts | None]]
    stored: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def seen(
    redis_server: str, tmp_path_factory: pytest.TempPathFactory, demo_database: Path
) -> Iterator[Seen]:
    directory = tmp_path_factory.mktemp("table")
    factory = SiteFactory(directory, demo_database)
    env = {
        "EXTRA_APPS": "tests.gradio_ui.table",
        "REDIS_URL": redis_server.replace("/0", "/13"),
        "SESSIONSTATE_BACKEND": "redis",
        # Each process runs what it is asked for, so that what crosses is the state alone.
        "GRADIO_UI_CLUSTER": "0",
    }
    try:
        sites = [factory("daphne", directory=directory / "site", env=env) for _ in range(2)]
        yield asyncio.run(look(*sites))
    finally:
        factory.close()


async def look(one: Site, other: Site) -> Seen:
    # A program comes before any page: what is rendered must be found all the same.
    for site in (one, other):
        headers, url = one.sign_in("admin"), f"{site.url}/gradio/table"
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            await Page(client, "admin", 0).tool("plain", "first")
    ada, bob = one.sign_in("ada"), one.sign_in("bob")
    answers, stored = [], {}
    for number, (site, who, headers) in enumerate(
        [(one, "ada", ada), (other, "ada", ada), (other, "bob", bob)]
    ):
        url = f"{site.url}/gradio/table"
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            page = Page(client, who, number)
            await page.open()
            answers.append(await page.everything())
            await page.leave()
            await unloaded(page, 2 if number == 1 else 1)
            found = await page.run("stored")
            stored[who] = found
    return Seen(answers, stored)


async def unloaded(page: Page, times: int) -> None:
    """Nobody answers when a page is closed: its functions have run when all have counted."""
    kinds = {kind for event, kind in PAIRS if event == "unload"}

    async def is_through() -> bool:
        found = await page.run("stored")
        return all(
            any(found[scope].get(f"unload-{kind}") == {"count": times} for scope in SCOPES)
            for kind in kinds
        )

    with suppress(TimeoutError):  # what is missing shows in its cells
        async with asyncio.timeout(20):
            while not await is_through():
                await asyncio.sleep(0.1)


CELLS = [(event, kind, scope) for event, kind in PAIRS for scope in SCOPES]


@pytest.mark.parametrize(("event", "kind", "scope"), CELLS)
def test_a_function_counts_in_its_scope_and_nobody_elses(
    seen: Seen, event: str, kind: str, scope: str
) -> None:
    once = STEPS if kind in GENERATORS or event == "stream" else 1
    if ONLY.get(kind, scope) != scope:
        once = 0
    # A tool is called by a program, which has no tabs: each call is one.
    twice = once if (event, scope) == ("tool", "tab") else 2 * once
    pair, key = (event, kind), f"{event}-{kind}"
    if event != "unload":  # which answers nobody
        found = [answer.get(pair) for answer in seen.answers]
        assert [counts and counts[scope] for counts in found] == [once, twice, once]
    if (event, scope) != ("tool", "tab"):
        stored = [seen.stored[who][scope].get(key) for who in ("ada", "bob")]
        assert stored == [{"count": n} if n else None for n in (twice, once)]
