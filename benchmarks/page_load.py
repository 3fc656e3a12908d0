"""What loading a Gradio page takes, here and of the same Blocks mounted bare in FastAPI.

A headless Chromium opens the page with an empty cache (cold) and once more (warm), in alternating
rounds, all in one run:

- bare: Gradio as its documentation mounts it, under uvicorn.
- uvicorn, daphne: this project as in production, signed in, with its static files collected.

CPU is the server's, all its threads, for what the browser asked for: the same requests once more,
one after the other, so that what a server does while nobody asks (Gradio's queue polls) counts
for as little as possible. The WebSocket of our pages is one of them; streams that only end with
the page are opened and left.

    make bench-pages      or   python benchmarks/page_load.py --rounds 20
"""

import argparse
import http.client
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright
from websockets.sync.client import connect

BASE_DIR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BASE_DIR))
from tests.servers import free_port, running  # noqa: E402

PAGE = "/gradio/bench-page/"
# Milliseconds in which a page that can be used asks for what it loads late.
SETTLE = 1000


@dataclass
class Target:
    name: str
    url: str
    process: "subprocess.Popen[bytes]"
    is_ours: bool

    def spent(self) -> float:
        """Seconds of all threads so far, to the nanosecond."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except FileNotFoundError:
                continue
        return total / 1e9


@dataclass
class Asked:
    method: str
    url: str
    # Of server-sent events, which end when the page does.
    is_stream: bool = False


@dataclass
class Traffic:
    """What the network is asked for; what the browser has needs no asking."""

    requests: dict[str, "Asked"] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)
    _methods: dict[str, str] = field(default_factory=dict)

    def listen(self, context: BrowserContext, page: Any) -> None:
        cdp = context.new_cdp_session(page)
        cdp.send("Network.enable")
        cdp.on("Network.requestWillBeSent", self._asked)
        cdp.on("Network.webSocketCreated", self._connected)
        cdp.on("Network.responseReceived", self._answered)
        cdp.on("Network.dataReceived", self._received)
        cdp.on("Network.loadingFinished", self._finished)

    def _asked(self, event: dict[str, Any]) -> None:
        self._methods[event["requestId"]] = event["request"]["method"]

    def _connected(self, event: dict[str, Any]) -> None:
        self.requests[event["requestId"]] = Asked("WS", event["url"])

    def _answered(self, event: dict[str, Any]) -> None:
        response = event["response"]
        from_network = not (response.get("fromDiskCache") or response.get("fromPrefetchCache"))
        if from_network and response["url"].startswith("http"):
            method = self._methods.get(event["requestId"], "GET")
            is_stream = response["mimeType"] == "text/event-stream"
            self.requests[event["requestId"]] = Asked(method, response["url"], is_stream)
            self.sizes[event["requestId"]] = response["encodedDataLength"]

    def _received(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.requests:
            self.sizes[event["requestId"]] += event["encodedDataLength"]

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.requests:
            self.sizes[event["requestId"]] = event["encodedDataLength"]


@dataclass
class Load:
    requests: list[Asked]
    bytes: float
    seconds: float
    cpu: float = 0.0


def load(target: Target, context: BrowserContext) -> Load:
    page = context.new_page()
    traffic = Traffic()
    traffic.listen(context, page)
    started = time.perf_counter()
    page.goto(f"{target.url}{PAGE}", wait_until="commit")
    page.locator("textarea:visible").first.click()
    usable = time.perf_counter() - started
    page.wait_for_timeout(SETTLE)
    page.close()
    return Load([*traffic.requests.values()], sum(traffic.sizes.values()), usable)


def replay(target: Target, requests: list[Asked], cookies: list[Any]) -> float:
    """Seconds of the server's CPU."""
    cookie = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
    headers = {
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Cookie": cookie,
        "Sec-Fetch-Site": "same-origin",
    }
    connection = new_connection(target)
    before = target.spent()
    for asked in requests:
        if asked.method == "WS":
            with connect(
                asked.url, origin=target.url, additional_headers={"Cookie": cookie}
            ) as socket:
                socket.recv()
            continue
        assert asked.method == "GET", asked
        path = asked.url.removeprefix(target.url)
        if asked.is_stream:
            stream = new_connection(target)
            stream.request("GET", path, headers=headers)
            assert stream.getresponse().status == 200, asked
            stream.close()
            continue
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (200, 404), (asked, answer.status)
    connection.close()
    return target.spent() - before


def new_connection(target: Target) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("localhost", int(target.url.rpartition(":")[2]), timeout=20)


def measure(browser: Browser, target: Target) -> dict[str, Load]:
    context = browser.new_context()
    if target.is_ours:
        page = context.new_page()
        page.goto(f"{target.url}/accounts/login/")
        page.locator("[name=login]").fill("ada")
        page.locator("[name=password]").fill("gradio-demo")
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(f"{target.url}/")
        page.close()
    found = {"cold": load(target, context), "warm": load(target, context)}
    cookies = context.cookies()
    # A browser that is still busy with its pages slows the server down.
    context.close()
    time.sleep(SETTLE / 1000)
    for item in found.values():
        item.cpu = replay(target, item.requests, cookies)
    return found


@contextmanager
def server(command: list[str], env: dict[str, str], directory: Path) -> Iterator[Any]:
    port = int(command[command.index("--port" if "--port" in command else "-p") + 1])
    previous = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        with running([sys.executable, "-m", *command], port, directory) as process:
            yield process
    finally:
        os.environ.clear()
        os.environ.update(previous)


def start(stack: ExitStack, directory: Path, name: str) -> Target:
    place = directory / name
    place.mkdir()
    env = dict(os.environ) | {
        "PYTHONPATH": str(BASE_DIR),
        "DJANGO_SETTINGS_MODULE": "gradiosession.settings",
        "DJANGO_ENV_FILE": os.devnull,
        "DJANGO_DEBUG": "0",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        "DJANGO_ALLOWED_HOSTS": "localhost",
        "DJANGO_SSL_REDIRECT": "0",
        "DEMO_USERS": "1",
        "DATABASE_URL": f"sqlite:///{place}/db.sqlite3",
        "GRADIOSESSION_DATA_DIR": str(place),
        "EXTRA_APPS": "benchmarks.app",
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    port = str(free_port())
    application = "benchmarks.app.bare:app" if name == "bare" else "gradiosession.asgi:application"
    if name == "daphne":
        command = ["daphne", "-v", "0", "-b", "127.0.0.1", "-p", port, application]
    else:
        command = ["uvicorn", application, "--port", port, "--log-level", "warning"]
    if name != "bare":
        for args in (["collectstatic", "--noinput"], ["migrate"], ["demo_users"]):
            done = [sys.executable, "manage.py", *args]
            subprocess.run(done, cwd=BASE_DIR, env=env, check=True, stdout=subprocess.DEVNULL)
    process = stack.enter_context(server(command, env, place))
    # Browsers send cookies that are meant for HTTPS to localhost as well.
    return Target(name, f"http://localhost:{port}", process, name != "bare")


def show(found: dict[str, dict[str, list[Load]]]) -> None:
    bare = found["bare"]
    for kind in ("cold", "warm"):
        heads = ("requests", "KB", "CPU ms", "usable ms", "CPU/bare")
        print(f"\n{kind:8}" + "".join(f"{head:>11}" for head in heads))
        for name, loads in found.items():
            requests = median(len(item.requests) for item in loads[kind])
            size = median(item.bytes for item in loads[kind]) / 1000
            cpu = median(item.cpu for item in loads[kind]) * 1000
            usable = median(item.seconds for item in loads[kind]) * 1000
            ratio = cpu / (median(item.cpu for item in bare[kind]) * 1000)
            values = f"{requests:>11.0f}{size:>11.1f}{cpu:>11.1f}{usable:>11.0f}{ratio:>11.2f}"
            print(f"{name:8}{values}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--urls", action="store_true", help="also what was asked for")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or sys.exit("chromium is not installed.")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        targets = [start(stack, directory, name) for name in ("bare", "uvicorn", "daphne")]
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        stack.callback(browser.close)
        found: dict[str, dict[str, list[Load]]] = {
            target.name: {"cold": [], "warm": []} for target in targets
        }
        for target in targets:
            measure(browser, target)  # what servers do once
        for number in range(options.rounds):
            for target in targets[number % 3 :] + targets[: number % 3]:
                for kind, item in measure(browser, target).items():
                    found[target.name][kind].append(item)
        show(found)
        if options.urls:
            for name, loads in found.items():
                for kind, items in loads.items():
                    urls = sorted(asked.url for asked in items[-1].requests)
                    print(f"\n{name}, {kind}:", *urls, sep="\n  ")


if __name__ == "__main__":
    main()
