"""Real servers for tests: this project under each ASGI server, Redis, PostgreSQL, memcached.

Every one has its own loopback port and directory, and is stopped by its process id.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import httpx
import pytest

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO_PASSWORD = "gradio-demo"
START_LIMIT = 90.0
STOP_LIMIT = 10.0
# Seconds that a loaded machine may add to what has a limit of its own. A loop that is blocked by
# a store that hangs stands still for longer than `BLOCKED`.
GRACE = 2.0
BLOCKED = 1.4

ServerName = Literal["runserver", "daphne", "uvicorn"]
SERVERS: tuple[ServerName, ...] = ("runserver", "daphne", "uvicorn")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def component(name: str, *places: str) -> str:
    """Where a program is; skips the test without it, which fails it when CI=true."""
    path = shutil.which(name, path=os.pathsep.join([*places, os.environ["PATH"], "/usr/sbin"]))
    if path is None:
        pytest.skip(f"missing component: {name}")
    return path


def wait_for(condition: Callable[[], Any], limit: float = 20.0, what: str = "") -> Any:
    """The first true value of `condition`, polled."""
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what or f"{condition} stayed false for {limit:g} s")
        time.sleep(0.05)
    return value


def _listens(host: str, port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex((host, port)) == 0


@dataclass(frozen=True)
class Place:
    """Where a server runs: its address, and what its command begins with."""

    host: str = "127.0.0.1"
    within: Sequence[str] = ()


HERE = Place()


def allow_interrupt() -> None:
    # A test run started in the background of a shell has SIGINT ignored, and hands that down.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    directory: Path,
    user: str | None = None,
    host: str = "127.0.0.1",
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens on `port`, with its output in `directory`/output.log."""
    log = directory / "output.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            user=user,
            preexec_fn=allow_interrupt,
        ) as process,
    ):
        try:
            wait_for(lambda: _listens(host, port) or process.poll() is not None, 60, command[0])
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes], limit: float = STOP_LIMIT) -> float:
    """Interrupt as Ctrl-C does; the seconds until it was gone. Killed at the limit."""
    started = time.monotonic()
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return time.monotonic() - started


# Components -------------------------------------------------------------------------------


def freeze(process: subprocess.Popen[bytes]) -> None:
    """It takes connections and says nothing, until it is sent SIGCONT."""
    process.send_signal(signal.SIGSTOP)
    # Only then the last of its threads stands still.
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


@contextmanager
def frozen(process: subprocess.Popen[bytes]) -> Iterator[None]:
    freeze(process)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis that keeps nothing on disk."""
    program, port = component("redis-server"), free_port()
    directory = tmp_path_factory.mktemp("redis")
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory)]
    with running([program, "--port", str(port), *options], port, directory):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def memcached_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a memcached."""
    program, port = component("memcached"), free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program, "-l", "127.0.0.1", "-p", str(port), *user]
    with running(command, port, tmp_path_factory.mktemp("memcached")):
        yield f"127.0.0.1:{port}"


@dataclass
class S3:
    """A server that speaks S3, with an empty bucket `files`; what is in it is gone with it."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        return {
            "GRADIO_FILES_URL": "s3://files/site",
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "not-much-of-a-secret",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }

    def objects(self) -> list[str]:
        """The names of all objects."""
        listing = ElementTree.fromstring(httpx.get(f"{self.url}/files?list-type=2").text)
        return sorted(key.text or "" for key in listing.iterfind(".//{*}Contents/{*}Key"))


@contextmanager
def s3_server(directory: Path, port: int | None = None) -> Iterator[S3]:
    port = port or free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port, directory) as process:
        s3 = S3(port, process)
        httpx.put(f"{s3.url}/files", timeout=30).raise_for_status()
        yield s3


class Postgres:
    """Debian's PostgreSQL with a database directory of its own. `new_postgres` makes one."""

    def __init__(self, directory: Path) -> None:
        places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self.bin = Path(component("postgres", *map(str, places))).parent
        self.port = free_port()
        self._directory = directory
        self._running = ExitStack()
        # It refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        subprocess.run(
            [self.bin / "initdb", "-D", directory / "data", "-U", "postgres", "-A", "trust"]
            + ["-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=directory,
            user=self._user,
        )

    def start(self) -> None:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._directory,
            "fsync": "off",
        }
        flags = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        command = [str(self.bin / "postgres"), "-D", str(self._directory / "data"), *flags]
        self._running.enter_context(running(command, self.port, self._directory, self._user))
        # It listens before it lets anybody in.
        ready = [str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_for(lambda: subprocess.run(ready).returncode == 0, 60, "PostgreSQL is not ready")

    @property
    def log(self) -> str:
        return (self._directory / "output.log").read_text(errors="replace")

    def stop(self) -> None:
        """At once, whoever is connected; what was committed is there after the next start."""
        self._running.close()

    def url(self, database: str = "postgres") -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """For processes that have this machine's files, but not its address."""
        return f"postgres://postgres@/{database}?host={self._directory}&port={self.port}"

    def new_database(self, name: str) -> str:
        """Creates an empty database; its URL."""
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        subprocess.run([str(self.bin / "createdb"), *options, name], check=True)
        return self.url(name)


@contextmanager
def new_postgres() -> Iterator[Postgres]:
    # Not in pytest's temporary directory, which is closed to its user.
    directory = Path(tempfile.mkdtemp(prefix="gradiosession-postgres-"))
    try:
        server = Postgres(directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with new_postgres() as server:
        yield server


# The project ------------------------------------------------------------------------------


@dataclass
class Site:
    """One server process of this project."""

    url: str
    port: int
    server: ServerName
    process: subprocess.Popen[bytes]
    log_file: Path
    env: Mapping[str, str]
    allow_traceback: bool = False

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def stop(self, limit: float = STOP_LIMIT) -> float:
        """Ctrl-C; the seconds it took. Fails when it did not go by itself, or left a traceback."""
        seconds = stop(self.process, limit)
        assert self.process.returncode != -signal.SIGKILL, (
            f"{self.server} had to be killed after {limit:g} s:\n{self.log[-3000:]}"
        )
        if not self.allow_traceback:
            assert "Traceback (most recent call last)" not in self.log, self.log[-6000:]
        return seconds

    def sign_in(self, username: str, password: str = DEMO_PASSWORD) -> dict[str, str]:
        """Headers with which an API client is this user."""
        # Hashing a password takes long on purpose, and longer where many sign in at once.
        who = {"username": username, "password": password}
        answer = httpx.post(f"{self.url}/api/auth/login", json=who, timeout=30)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access']}"}


def project_env(directory: Path, **more: str) -> dict[str, str]:
    """Environment of a development site whose database and files are in `directory`."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return env | {
        "DJANGO_SETTINGS_MODULE": "gradiosession.settings",
        "DJANGO_ENV_FILE": os.devnull,
        "DJANGO_DEBUG": "1",
        "DATABASE_URL": f"sqlite:///{directory / 'db.sqlite3'}",
        "GRADIOSESSION_DATA_DIR": str(directory / "data"),
        "LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def manage(*args: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *args],
        cwd=BASE_DIR,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=120,
    )


def server_command(
    server: ServerName, port: int, *, host: str = HERE.host, reload: bool = False
) -> list[str]:
    application = "gradiosession.asgi:application"
    if server == "runserver":
        flags = [] if reload else ["--noreload"]
        command = ["manage.py", "runserver", *flags, f"{host}:{port}"]
    elif server == "daphne":
        command = ["-m", "daphne", "-v", "0", "-b", host, "-p", str(port), application]
    else:
        command = ["-m", "uvicorn", application, "--host", host, "--port", str(port)]
    return [sys.executable, *command]


class SiteFactory:
    """Starts sites, and stops those that are left when the fixture ends."""

    def __init__(self, directory: Path, database: Path) -> None:
        self.directory = directory
        self._database = database
        self._sites: list[Site] = []

    def __call__(
        self,
        server: ServerName = "daphne",
        *,
        directory: Path | None = None,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        allow_traceback: bool = False,
        reload: bool = False,
        cwd: Path = BASE_DIR,
        place: Place = HERE,
    ) -> Site:
        """A site that answers. The same `directory` again means the same database and files.

        With DATABASE_URL in `env` the caller has migrated that database.
        """
        port = port or free_port()
        directory = directory or self.directory / f"site-{len(self._sites)}"
        self.prepare(directory)
        full_env = project_env(directory, **(env or {}))
        log_file = directory / f"{server}-{port}-{len(self._sites)}.log"
        with log_file.open("wb") as output:
            process = subprocess.Popen(
                [*place.within, *server_command(server, port, host=place.host, reload=reload)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=full_env,
                # Not in this process group: the terminal's Ctrl-C is pytest's.
                start_new_session=True,
                preexec_fn=allow_interrupt,
            )
        url = f"http://{place.host}:{port}"
        site = Site(url, port, server, process, log_file, full_env, allow_traceback)
        self._sites.append(site)
        wait_for(lambda: self._answers(site), START_LIMIT, f"{server} did not start")
        return site

    def prepare(self, directory: Path) -> None:
        """What several processes of one site start from."""
        directory.mkdir(parents=True, exist_ok=True)
        if not (directory / "db.sqlite3").exists():
            shutil.copy(self._database, directory / "db.sqlite3")

    def _answers(self, site: Site) -> bool:
        assert site.process.poll() is None, f"{site.server} ended:\n{site.log}"
        try:
            return httpx.get(f"{site.url}/health/live", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        errors = []
        for site in self._sites:
            if site.process.poll() is None:
                try:
                    site.stop()
                except AssertionError as error:
                    errors.append(error)
        if errors:
            raise errors[0]


@pytest.fixture(scope="session")
def demo_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file with the demo users, to be copied."""
    directory = tmp_path_factory.mktemp("demo-database")
    # Not WAL's side files: with DELETE one file is the whole database.
    env = project_env(directory)
    for command in (["migrate", "-v", "0"], ["demo_users"]):
        done = manage(*command, env=env)
        assert done.returncode == 0, done.stderr
    assert not (directory / "db.sqlite3-wal").exists()
    return directory / "db.sqlite3"


@pytest.fixture(scope="session")
def collected_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DJANGO_STATIC_ROOT of a site without DEBUG, which shows no page before `collectstatic`."""
    directory = tmp_path_factory.mktemp("static")
    env = project_env(
        directory,
        DJANGO_DEBUG="0",
        DJANGO_SECRET_KEY="r4nd0m-" * 10,
        DJANGO_ALLOWED_HOSTS="127.0.0.1",
        DJANGO_STATIC_ROOT=str(directory / "root"),
    )
    # Gradio's own files are many, and served by the processes when they are not collected.
    ignored = [word for name in ("assets/*", "static/*", "admin", "ninja") for word in ("-i", name)]
    done = manage("collectstatic", "--noinput", "-v", "0", *ignored, env=env)
    assert done.returncode == 0, done.stderr
    return directory / "root"


@pytest.fixture
def live_server_factory(tmp_path: Path, demo_database: Path) -> Iterator[SiteFactory]:
    """Start sites of one test's own."""
    factory = SiteFactory(tmp_path, demo_database)
    yield factory
    factory.close()


@pytest.fixture(scope="session")
def live_site(tmp_path_factory: pytest.TempPathFactory, demo_database: Path) -> Iterator[Site]:
    """One site under daphne for all tests that do not mind what others did there before.

    It has the apps of tests/testapp besides the demos.
    """
    factory = SiteFactory(tmp_path_factory.mktemp("live-site"), demo_database)
    yield factory("daphne", env={"EXTRA_APPS": "tests.testapp"})
    factory.close()
