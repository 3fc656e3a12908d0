"""Several processes behind nginx, which sends each request to the next of them."""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attacks.people import Person, Tab
from tests.nginx import nginx
from tests.servers import (
    BASE_DIR,
    HERE,
    Place,
    ServerName,
    Site,
    SiteFactory,
    component,
    free_port,
)

PATH = "/gradio/cluster"

_SITE = """
map $http_upgrade $connection_header {{
  default upgrade;
  "" close;
}}
upstream gradiosession {{
  {balance}
{servers}
}}
server {{
  listen 127.0.0.1:{port};
  client_max_body_size 0;
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_header;
  proxy_set_header X-Request-ID $request_id;
  proxy_buffering off;
  proxy_request_buffering off;
  proxy_connect_timeout 5s;
  proxy_read_timeout 300s;
  location / {{
    proxy_pass http://gradiosession;
  }}
{stopped}
}}
"""
# What a client hears whose request, or stream, has gone with its process.
_STOPPED = re.compile(
    r"^    (?:error_page|location \S+ \S+/queue/data|location = /stopped).*?^    }$", re.M | re.S
)
_CONFIG = Path(__file__).parents[2] / "deploy/nginx/gradiosession.conf"


@pytest.fixture(scope="session")
def ffmpeg() -> None:
    """Has run once: Gradio gives up an encoder after 5 seconds, and the first start may take longer
    where more than 200 libraries come from a busy disk."""
    silence = ["-f", "lavfi", "-i", "anullsrc", "-t", "0.1", "-c:a", "aac", "-f", "null", "-"]
    subprocess.run([component("ffmpeg"), "-v", "error", *silence], check=True, timeout=60)


@contextmanager
def balanced(addresses: Sequence[str], directory: Path, balance: str = "") -> Iterator[str]:
    """URL of an nginx in front of these addresses, round-robin, without stickiness, unless
    `balance` says otherwise."""
    port = free_port()
    # A process that refuses connections is asked again at the next request.
    servers = "\n".join(f"  server {address} max_fails=0;" for address in addresses)
    stopped = _STOPPED.findall(_CONFIG.read_text())
    site = _SITE.format(balance=balance, servers=servers, port=port, stopped="\n".join(stopped))
    with nginx(directory, port, site=site):
        yield f"http://127.0.0.1:{port}"


@dataclass
class Balanced(Site):
    """Several processes as the one site that they are to who uses it."""

    sites: Sequence[Site] = ()

    @property
    def log(self) -> str:
        return "\n".join(site.log for site in self.sites)


@dataclass
class Processes:
    """A site of several processes. `url`: of the balancer."""

    url: str
    sites: list[Site]
    again: Callable[[int], Site]

    @property
    def site(self) -> Site:
        return Balanced(**(vars(self.sites[0]) | {"url": self.url}), sites=self.sites)

    def person(self, name: str = "ada", path: str = PATH) -> Person:
        headers = self.sites[0].sign_in(name)
        return Person(name, f"{self.url}{path}", headers=headers)

    def at(self, number: int, person: Person) -> Person:
        """The same login, at one process."""
        root = f"{self.sites[number].url}{person.root.removeprefix(self.url)}"
        return Person(person.name, root, headers=dict(person.client.headers))

    def tab_at(self, number: int, tab: Tab) -> Tab:
        """The same page, asking one process."""
        return Tab(self.at(number, tab.person), tab.hash, fns=tab.person.fn)

    def page(self, number: int, person: Person) -> Tab:
        """A new page, which one process has."""
        tab = Tab(person)
        assert self.home(self.tab_at(number, tab)) == number
        return tab

    def home(self, tab: Tab) -> int:
        """The process that has the page."""
        return self.of(tab.predict("process"))

    def of(self, pid: float) -> int:
        """The number of the process with this id."""
        return [site.process.pid for site in self.sites].index(int(pid))

    def kill(self, number: int) -> None:
        self.sites[number].process.kill()
        self.sites[number].process.wait()

    def restart(self, number: int) -> None:
        self.sites[number] = self.again(number)


@contextmanager
def processes(
    factory: SiteFactory,
    servers: Sequence[ServerName],
    redis: str,
    more: Mapping[str, str] | None = None,
    places: Sequence[Place] = (),
    cwd: Path = BASE_DIR,
    balance: str = "",
) -> Iterator[Processes]:
    """`places`: where each of them runs, which then reach each other by TCP."""
    directory = factory.directory / "site"
    env = {
        "REDIS_URL": redis,
        "SESSIONSTATE_BACKEND": "redis",
        "EXTRA_APPS": "tests.cluster.app",
        **(more or {}),
    }
    ports = [free_port() for _ in servers]
    places = places or [HERE for _ in servers]

    def start(number: int) -> Site:
        # What is killed, or has to tell a page that something was, may say so in the log.
        return factory(
            servers[number],
            directory=directory,
            port=ports[number],
            env=env | _reached(places[number], places),
            allow_traceback=True,
            place=places[number],
            cwd=cwd,
        )

    factory.prepare(directory)
    # Also when one of them, or nginx, does not start.
    with closing(factory):
        with ThreadPoolExecutor() as pool:
            sites = list(pool.map(start, range(len(servers))))
        addresses = [f"{place.host}:{port}" for place, port in zip(places, ports, strict=True)]
        with balanced(addresses, factory.directory / "nginx", balance) as url:
            yield Processes(url, sites, start)


def _reached(place: Place, places: Sequence[Place]) -> dict[str, str]:
    if place is HERE:
        return {}
    return {
        "GRADIO_UI_CLUSTER_ADDRESS": f"tcp://{place.host}:0",
        # A request has the name by which it was sent to another one.
        "DJANGO_ALLOWED_HOSTS": ",".join(["127.0.0.1", *(place.host for place in places)]),
    }


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Processes]:
    """Three processes for tests that leave them as they are."""
    factory = SiteFactory(tmp_path_factory.mktemp("cluster"), demo_database)
    more = {"EXTRA_APPS": "tests.cluster.app,tests.cluster.streams"}
    with processes(factory, ("daphne", "uvicorn", "uvicorn"), redis_server, more) as found:
        yield found
