"""One user who asks for very much, while another works."""

import asyncio
from collections import Counter

import httpx

from tests.attacks.conftest import Target
from tests.attacks.people import API, Listener, Person, Tab, new_hash
from tests.servers import wait_for

# Gradio keeps the messages of 2,000 pages, and forgets the page whose turn it is.
JOINS = 2_050


def crowd(person: Person, path: str, count: int) -> Counter[int]:
    """So many requests, each with a session_hash of its own; how often each status came."""
    number = person.fn("echo")

    async def send(client: httpx.AsyncClient, share: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        for _ in range(share):
            body = {"data": ["x"], "fn_index": number, "session_hash": new_hash()}
            statuses[(await client.post(path, json=body)).status_code] += 1
        return statuses

    async def all_of_them() -> Counter[int]:
        async with httpx.AsyncClient(
            base_url=person.root, headers=person.client.headers, timeout=30
        ) as client:
            client.cookies = httpx.Cookies(person.client.cookies)
            shares = [send(client, count // 10) for _ in range(10)]
            return sum(await asyncio.gather(*shares), Counter())

    return asyncio.run(all_of_them())


class Waiting:
    """ada's page, with a value in gr.State and a run that is silent for as long as it takes."""

    def __init__(self, ada: Person) -> None:
        self.tab, self.word = Tab(ada), new_hash()
        self.tab.run("keep", self.word, None)
        self.event = self.tab.start("wait", self.word)
        self.listener = Listener(self.tab)
        wait_for(lambda: self.listener.words(self.event) == ["waiting"])

    def is_done(self) -> bool:
        """Whether the run gets to its end, and its page is told."""
        Tab(self.tab.person).run("release", self.word)
        self.listener.join(20)
        return self.listener.words(self.event) == ["waiting", "done"]


def test_bare_gradio_forgets_the_page_of_another(bare: Target) -> None:
    ada = Waiting(bare.ada)
    assert crowd(bare.bob, f"{API}/queue/join", JOINS) == {200: JOINS}
    assert not ada.is_done()


def test_thousands_of_joins_leave_her_stream_and_state_alone(ours: Target) -> None:
    ada = Waiting(ours.ada)
    statuses = crowd(ours.bob, f"{API}/queue/join", JOINS)
    assert set(statuses) <= {200, 429}, statuses
    assert ada.is_done()
    assert ada.tab.run("show", None) == ada.word
