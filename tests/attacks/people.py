"""Somebody with a browser or a program, as the server sees them: plain HTTP to a Gradio app."""

import contextlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import httpx

from tests.servers import wait_for

LIMIT = httpx.Timeout(20.0, read=12.0)
API = "/gradio_api"


class Failed(Exception):
    """An event that was refused, or that ended without success."""


class Person:
    """`root`: where the app is mounted. Without headers or cookies: an anonymous visitor."""

    def __init__(
        self,
        name: str,
        root: str,
        headers: dict[str, str] | None = None,
        cookies: httpx.Cookies | None = None,
    ) -> None:
        self.name = name
        self.root = root
        self.answers: list[httpx.Response] = []
        self.failures: list[str] = []
        self._who = {"headers": headers, "cookies": cookies}
        self.client = self.new_client()
        self.client.event_hooks["response"].append(self.answers.append)

    def new_client(self) -> httpx.Client:
        # A server closes the connection on which it has failed, which the next request would meet.
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.root, timeout=LIMIT, limits=limits, **self._who)  # type: ignore[arg-type]

    def close(self) -> None:
        self.client.close()

    @cached_property
    def config(self) -> Any:
        return self.get("/config").raise_for_status().json()

    def fn(self, api_name: str) -> int:
        return next(d["id"] for d in self.config["dependencies"] if d["api_name"] == api_name)

    def component(self, elem_id: str) -> int:
        found = (c["id"] for c in self.config["components"] if c["props"].get("elem_id") == elem_id)
        return next(found)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        if body is not None:
            more["json"] = body
        return self.client.post(path, **more)

    def upload(self, content: bytes, name: str = "file.txt", query: str = "") -> str:
        """The path of the file on the server."""
        answer = self.client.post(f"{API}/upload{query}", files={"files": (name, content)})
        path: str = answer.raise_for_status().json()[0]
        return path

    def serve(self, component: int, fn: str, data: Any, session_hash: str) -> httpx.Response:
        """Call a function of a component."""
        body = {
            "component_id": component,
            "fn_name": fn,
            "data": data,
            "session_hash": session_hash,
        }
        return self.post(f"{API}/component_server", body)


def new_hash() -> str:
    return secrets.token_hex(6)


class Tab:
    """A page of the app. Of somebody else, when it is given their `session_hash`."""

    def __init__(self, person: Person, session_hash: str | None = None, fns: Any = None) -> None:
        self.person = person
        self.hash = session_hash or new_hash()
        # The numbers of the functions, for who cannot read the configuration.
        self._fn: Callable[[str], int] = fns or person.fn

    def join(self, fn: str | int, *data: Any, **more: Any) -> httpx.Response:
        number = fn if isinstance(fn, int) else self._fn(fn)
        body = {"data": data, "fn_index": number, "session_hash": self.hash, **more}
        return self.person.post(f"{API}/queue/join", body)

    def start(self, fn: str | int, *data: Any, **more: Any) -> str:
        """Join; the id of the event."""
        answer = self.join(fn, *data, **more)
        if answer.status_code != 200:
            raise Failed(answer.text)
        event: str = answer.json()["event_id"]
        return event

    def predict(self, fn: str | int, *data: Any, **more: Any) -> Any:
        """The first output of the function's last step."""
        event = self.start(fn, *data, **more)
        with self.stream() as messages:
            for message in messages:
                # Without an event: of all that there are.
                if message["msg"] == "process_completed" and message["event_id"] in (event, None):
                    if not message["success"]:
                        self.person.failures.append(str(message["output"]))
                        raise Failed(str(message["output"]))
                    return (message["output"].get("data") or [None])[0]
        raise Failed("the stream ended")

    def run(self, fn: str, *data: Any, **more: Any) -> Any:
        """The first output, without the queue."""
        body = {"data": data, "session_hash": self.hash, **more}
        answer = self.person.post(f"{API}/run/{fn}", body)
        if answer.status_code != 200:
            raise Failed(answer.text)
        return answer.json()["data"][0]

    @contextlib.contextmanager
    def stream(self, path: str = "") -> Iterator[Iterator[dict[str, Any]]]:
        path = path or f"{API}/queue/data?session_hash={self.hash}"
        with self.person.client.stream("GET", path) as answer:
            if answer.status_code != 200:
                answer.read()
                raise Failed(answer.text)
            try:
                yield messages_of(answer)
            except httpx.ReadTimeout as error:
                raise Failed("the stream is silent") from error


def messages_of(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        if line.startswith("data: "):
            message = json.loads(line.removeprefix("data: "))
            yield message if isinstance(message, dict) else {"msg": "call", "data": message}
            # What comes then is for who has not heard this.
            if isinstance(message, dict) and message.get("msg") == "close_stream":
                return


class Listener(threading.Thread):
    """Reads somebody's stream in the background, as their page does. `path`: of another one than
    that of their events."""

    def __init__(self, tab: Tab, headers: dict[str, str] | None = None, path: str = "") -> None:
        super().__init__(daemon=True)
        self._client = tab.person.new_client()
        self._client.headers.update(headers or {})
        self._path = path or f"{API}/queue/data?session_hash={tab.hash}"
        self.messages: list[dict[str, Any]] = []
        self.error = ""
        self.start()

    def run(self) -> None:
        try:
            # Beyond the 15 seconds after which Gradio says that there is nothing to say.
            with self._client.stream("GET", self._path, timeout=60) as answer:
                for message in messages_of(answer):
                    self.messages.append(message)
        except httpx.HTTPError as error:
            self.error = repr(error)
        finally:
            self._client.close()

    def words(self, event: str) -> list[str]:
        """What this event has yielded so far."""
        words: list[str] = []
        for message in list(self.messages):
            if message["msg"] == "process_generating" and message["event_id"] == event:
                (data,) = message["output"]["data"]
                # After the first value Gradio sends what has changed.
                if isinstance(data, list):
                    ((how, _, value),) = data
                    data = words[-1] + value if how == "append" else value
                words.append(data)
        return words

    def completed(self, event: str) -> bool:
        return any(
            message["msg"] == "process_completed" and message["event_id"] == event
            for message in self.messages
        )


class Victim:
    """ada in the middle of her work: a value in gr.State, a run that streams, a file."""

    def __init__(self, ada: Person) -> None:
        self.person = ada
        self.secret = f"secret-{secrets.token_hex(6)}"
        self.tab = Tab(ada)
        self.hash = self.tab.hash
        assert self.tab.run("keep", self.secret, None) == "nothing"
        self.content = f"file of ada {self.secret}".encode()
        self.path = ada.upload(self.content)
        # By another tab: a second reader of one stream takes half of its messages.
        self.running = Tab(ada)
        assert self.running.run("keep", self.secret, None) == "nothing"
        self.event = self.running.start("count_for", "", None)
        self.listener = Listener(self.running)
        self.wait_for_words(2)

    @property
    def words(self) -> list[str]:
        return self.listener.words(self.event)

    def wait_for_words(self, more: int) -> None:
        there = len(self.words)
        wait_for(
            lambda: len(self.words) >= there + more or not self.listener.is_alive(),
            what="ada's stream stands still",
        )

    def look(self) -> None:
        """Asserts that everything is as she left it, by her own eyes."""
        assert self.tab.run("show", None) == self.secret
        assert self.person.get(f"{API}/file={self.path}").content == self.content
        self.wait_for_words(2)
        assert self.listener.is_alive(), self.listener.error or self.listener.messages[-3:]
        # Each number once: nobody has taken a message out of her stream.
        words = self.words
        assert words == [f"{self.secret} {number}" for number in range(len(words))]
        assert not self.listener.completed(self.event)

    def loses_her_job(self) -> bool:
        """Within a few seconds: Gradio ends a generator at one of its next steps."""
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: self.listener.completed(self.event), 12)
        words = self.words
        expected = [f"{self.secret} {number}" for number in range(len(words))]
        return self.listener.completed(self.event) or words != expected

    def leave(self) -> None:
        body = {
            "session_hash": self.running.hash,
            "event_id": self.event,
            "fn_index": self.person.fn("count_for"),
        }
        self.person.post(f"{API}/cancel", body)


def filedata(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}
