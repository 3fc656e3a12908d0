"""Time per Gradio event of this project, and of the same Blocks mounted bare in FastAPI.

An event is what an open page does for one: POST queue/join, then the queue/data stream to its end.
Four servers run under uvicorn, in one run and in alternating rounds, so that whatever else the
machine does hits all of them:

- stock: Gradio as it comes. It summarises its past events after every event, so it slows down.
- tuned: Gradio with the settings that this project gives it, which end that.
- db, redis: this project, with the gate and the session backend of that name. The database is
  SQLite.

Below the times stands what an event costs in CPU time of the server's process, all its threads, in
user and system mode: on a machine that has more to do than this it says more than a clock on the
wall. (What Redis does is Redis's, and not in it.)

`echo` is the way through the gate alone; `visit` also reads and writes a session, where the bare
apps count in a global variable. Every server has had the same events before it is measured.

    make bench            or   python benchmarks/event_latency.py --warmup 5000 --starts 5

A process keeps the luck that it starts with (where its memory lies, say), so that one start says
little about a difference of a tenth: `--starts` takes the median of several.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx

BASE_DIR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BASE_DIR))
from benchmarks.app.blocks import CLIENTS  # noqa: E402
from benchmarks.sessions import servers  # noqa: E402

API = "/gradio/bench/gradio_api"
FUNCTIONS = {"echo": 0, "visit": 1}
USERS = ("ada", "bob", "admin")


@dataclass
class Target:
    name: str
    port: int
    pid: int
    # One per signed-in session, taken in turn by the clients.
    headers: list[str] = field(default_factory=lambda: [""])


class Connection:
    """An open page: a keep-alive HTTP connection with as little work in the client as possible.
    What it costs would be added to all times and make them look more alike."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str):
        self.reader, self.writer, self.head = reader, writer, head
        self.session_hash = uuid.uuid4().hex[:11]

    @classmethod
    async def open(cls, port: int, headers: str) -> "Connection":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, f"Host: 127.0.0.1:{port}\r\n{headers}")

    async def request(self, line: str, body: bytes = b"") -> bytes:
        """The body of the answer, which must be a 200."""
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head = f"{line} HTTP/1.1\r\n{self.head}{length if body else ''}\r\n"
        self.writer.write(head.encode() + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length: " in answer:
            size = int(answer.split(b"content-length: ")[1].split(b"\r\n")[0])
            data = await self.reader.readexactly(size)
        else:
            data = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                data += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
        if not answer.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{line}: {answer.splitlines()[0].decode()} {data[:300].decode()}")
        return data

    async def event(self, function: int) -> float:
        """Seconds from sending the event to the end of its stream."""
        text = f"hello {uuid.uuid4().hex}"
        body = {"data": [text], "fn_index": function, "session_hash": self.session_hash}
        started = time.perf_counter()
        await self.request(f"POST {API}/queue/join", json.dumps(body).encode())
        stream = await self.request(f"GET {API}/queue/data?session_hash={self.session_hash}")
        seconds = time.perf_counter() - started
        if b'"success":true' not in stream or text.encode() not in stream:
            raise RuntimeError(f"the event failed: {stream[-500:].decode()}")
        return seconds


async def measure(target: Target, function: int, clients: int, events: int) -> list[float]:
    """Seconds of each of `events` events of `clients` clients at once."""

    async def client(number: int) -> list[float]:
        headers = target.headers[number % len(target.headers)]
        connection = await Connection.open(target.port, headers)
        try:
            return [await connection.event(function) for _ in range(events // clients)]
        finally:
            connection.writer.close()

    return sum(await asyncio.gather(*(client(number) for number in range(clients))), [])


@contextmanager
def uvicorn(application: str, env: dict[str, str], log: Path) -> Iterator[tuple[int, int]]:
    """Its port and its process id."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port)]
    quiet = ["--log-level", "warning", "--no-access-log"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command + quiet, cwd=BASE_DIR, env=env, stdout=output, stderr=output
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/health/live")
                    break
                except httpx.TransportError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        sys.exit(f"{application} did not start:\n{log.read_text()}")
                    time.sleep(0.1)
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def sign_in(port: int) -> list[str]:
    found = []
    for username in USERS:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/api/auth/login",
            json={"username": username, "password": "gradio-demo"},
        )
        answer.raise_for_status()
        found.append(f"Authorization: Bearer {answer.json()['access']}\r\n")
    return found


async def warm_up(target: Target, events: int) -> None:
    for function in FUNCTIONS.values():
        await measure(target, function, CLIENTS, events // len(FUNCTIONS))
        await measure(target, function, 1, 20)


def cpu_seconds(pid: int) -> float:
    """Of a process until now, to the nanosecond: its clock, as clock_getcpuclockid(3) names it."""
    return time.clock_gettime(~pid << 3 | 2)


# Of each row of the table, how much longer each of ours takes than each of the bare ones.
Ratios = dict[str, dict[str, float]]


async def compare(targets: list[Target], rounds: int, events: int) -> Ratios:
    print(f"Median time per event in ms, {rounds} alternating rounds of {events} events\n")
    ours = [target.name for target in targets if target.headers != [""]]
    bares = [target.name for target in targets if target.name not in ours]
    pairs = {f"{own}/{bare}": (own, bare) for own in ours for bare in bares}
    heads = [target.name for target in targets] + list(pairs)
    print(f"{'':20}" + "".join(f"{head:>12}" for head in heads))
    ratios: Ratios = {}
    for label, function in FUNCTIONS.items():
        for clients in (1, CLIENTS):
            times: dict[str, list[float]] = {target.name: [] for target in targets}
            spent: dict[str, list[float]] = {target.name: [] for target in targets}
            # A client alone is soon done: the shorter a turn, the more alike is the machine to all.
            turns = 4 if clients == 1 else 1
            for number in range(rounds * turns):
                # Nobody always goes first.
                for target in targets[number % len(targets) :] + targets[: number % len(targets)]:
                    before = cpu_seconds(target.pid)
                    found = await measure(target, function, clients, events // turns)
                    spent[target.name].append((cpu_seconds(target.pid) - before) / len(found))
                    times[target.name] += found
            name = f"{label}, {clients} client{'s' if clients > 1 else ''}"
            for row, measured in ((name, times), (f"{name}, CPU", spent)):
                medians = {name: median(found) for name, found in measured.items()}
                ratios[row] = {
                    pair: medians[own] / medians[bare] for pair, (own, bare) in pairs.items()
                }
                cells = [f"{medians[target.name] * 1000:>12.2f}" for target in targets]
                cells += [f"{ratio:>12.2f}" for ratio in ratios[row].values()]
                print(f"{row if row == name else '  CPU':20}{''.join(cells)}", flush=True)
    return ratios


def print_all(starts: list[Ratios]) -> None:
    """What two processes of the same program differ by is no less than what is compared here."""
    print(f"\nMedian of {len(starts)} starts, and from the lowest to the highest\n")
    pairs = list(next(iter(starts[0].values())))
    print(f"{'':24}" + "".join(f"{pair:>20}" for pair in pairs))
    for row in starts[0]:
        cells = []
        for pair in pairs:
            found = sorted(ratios[row][pair] for ratios in starts)
            cells.append(f"{median(found):>8.2f} ({found[0]:.2f}-{found[-1]:.2f})")
        print(f"{row:24}" + "".join(f"{cell:>20}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--events", type=int, default=100, help="per round")
    parser.add_argument("--warmup", type=int, default=500, help="events of each server before")
    parser.add_argument("--starts", type=int, default=1, help="all of it with new servers")
    parser.add_argument("--only", nargs="*", choices=["stock", "tuned", "db", "redis"])
    options = parser.parse_args()
    if options.events < CLIENTS:
        parser.error(f"--events: at least {CLIENTS}, one for each client")
    starts = [run(options) for _ in range(options.starts)]
    if len(starts) > 1 and any(starts[0].values()):
        print_all(starts)


def run(options: argparse.Namespace) -> Ratios:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        targets = [
            start(stack, directory, name)
            for name in ("stock", "tuned", "db", "redis")
            if not options.only or name in options.only
        ]
        for target in targets:
            asyncio.run(warm_up(target, options.warmup))
        return asyncio.run(compare(targets, options.rounds, options.events))


def start(stack: ExitStack, directory: Path, name: str) -> Target:
    place = directory / name
    place.mkdir()
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "gradiosession.settings",
        "DJANGO_ENV_FILE": os.devnull,
        # As in production: with DEBUG on Django keeps every query.
        "DJANGO_DEBUG": "0",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SSL_REDIRECT": "0",
        "DEMO_USERS": "1",
        "DATABASE_URL": f"sqlite:///{place}/db.sqlite3",
        "GRADIOSESSION_DATA_DIR": str(place),
        "EXTRA_APPS": "benchmarks.app",
        "GRADIO_ANALYTICS_ENABLED": "False",
        # No line for each request, as the bare servers are told by --no-access-log.
        "LOG_LEVEL": "WARNING",
    }
    log = place / "log"
    if name == "stock":
        return Target(name, *stack.enter_context(uvicorn("benchmarks.app.bare:app", env, log)))
    if name == "tuned":
        env |= {"GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000", "GRADIO_ANALYTICS_MAX_EVENTS": "1"}
        return Target(name, *stack.enter_context(uvicorn("benchmarks.app.bare:app", env, log)))
    env["SESSIONSTATE_BACKEND"] = name
    if name == "redis":
        env["REDIS_URL"] = f"redis://127.0.0.1:{stack.enter_context(servers.redis())}/0"
    for command in (["migrate", "-v", "0"], ["demo_users"]):
        done = [sys.executable, "manage.py", *command]
        subprocess.run(done, cwd=BASE_DIR, env=env, check=True, stdout=subprocess.DEVNULL)
    port, pid = stack.enter_context(uvicorn("gradiosession.asgi:application", env, log))
    return Target(name, port, pid, sign_in(port))


if __name__ == "__main__":
    main()
