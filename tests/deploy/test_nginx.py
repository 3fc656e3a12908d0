"""deploy/nginx, run by nginx in front of two processes of a production site."""

import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gradio_client import Client
from websockets.sync.client import connect

from tests.deploy.conftest import DEPLOY
from tests.nginx import nginx
from tests.servers import (
    DEMO_PASSWORD,
    Site,
    SiteFactory,
    free_port,
    wait_for,
)

# Another loopback address than nginx's own: who talks to nginx, and nobody else.
CLIENT = "127.0.0.2"
APP = "/gradio/cluster"
MB = 1024 * 1024


def write_certificate(directory: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, under the names that the configuration has."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "apps.example.org")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain = directory / "fullchain.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for pattern, replacement in pairs:
        text, count = re.subn(pattern, replacement, text)
        assert count, pattern
    return text


@dataclass
class Front:
    """The site as visitors reach it."""

    url: str
    plain_url: str
    tls: ssl.SSLContext
    sites: list[Site]

    def client(self, **headers: str) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self.tls, local_address=CLIENT)
        return httpx.Client(base_url=self.url, transport=transport, headers=headers, timeout=30)

    def sign_in(self, **headers: str) -> dict[str, str]:
        with self.client(**headers) as client:
            who = {"username": "ada", "password": DEMO_PASSWORD}
            answer = client.post("/api/auth/login", json=who).raise_for_status()
        return {"Authorization": f"Bearer {answer.json()['access']}"}

    def lines(self, path: str) -> list[dict[str, Any]]:
        """What the processes' access logs say of requests for `path`."""
        output = [line for site in self.sites for line in site.log.splitlines()]
        found = [json.loads(line) for line in output if line.startswith("{")]
        return [line for line in found if line.get("path") == path]

    def seen(self, path: str, count: int = 1) -> list[dict[str, Any]]:
        return wait_for(lambda: (found := self.lines(path))[count - 1 :] and found, what=path)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def front(
    tmp_path_factory: pytest.TempPathFactory,
    demo_database: Path,
    redis_server: str,
    collected_static: Path,
) -> Iterator[Front]:
    directory = tmp_path_factory.mktemp("nginx")
    production = {
        "DJANGO_DEBUG": "0",
        "DJANGO_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR",
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_STATIC_ROOT": str(collected_static),
        "DJANGO_BEHIND_PROXY": "1",
        "REDIS_URL": redis_server,
        "GRADIO_UI_CLUSTER_PREFIX": "nginx",
        "GRADIO_UI_MAX_UPLOAD": str(MB),
        "EXTRA_APPS": "tests.cluster.app",
    }
    factory = SiteFactory(directory, demo_database)
    sites = [factory(directory=directory / "site", env=production) for _ in range(2)]
    port, plain_port = free_port(), free_port()
    for name in ("tls", "cache"):
        (directory / name).mkdir()
    chain = write_certificate(directory / "tls")
    ports = iter(sites)
    upstream = re.sub(
        r"127\.0\.0\.1:800\d",
        lambda _: f"127.0.0.1:{next(ports).port}",
        (DEPLOY / "nginx/upstream.conf").read_text(),
    )
    config = replaced(
        (DEPLOY / "nginx/gradiosession.conf").read_text(),
        (r"listen 80;", f"listen 127.0.0.1:{plain_port};"),
        (r"listen 443 ", f"listen 127.0.0.1:{port} "),
        (r"listen \[::\].*\n", ""),
        (r"/etc/gradiosession/tls", str(directory / "tls")),
        (r"/var/cache/nginx", str(directory / "cache")),
    )
    running = nginx(directory, port, upstream=upstream, gradiosession=config)
    with closing(factory), running, pytest.MonkeyPatch.context() as patch:
        # For gradio_client, which takes no certificate.
        patch.setenv("SSL_CERT_FILE", str(chain))
        tls = ssl.create_default_context(cafile=chain)
        yield Front(f"https://127.0.0.1:{port}", f"http://127.0.0.1:{plain_port}", tls, sites)


@pytest.fixture(scope="module")
def ada(front: Front) -> Iterator[httpx.Client]:
    with front.client(**front.sign_in()) as client:
        yield client


def test_plain_http_is_sent_to_https(front: Front) -> None:
    answer = httpx.get(f"{front.plain_url}/accounts/login/?next=/a")
    assert answer.status_code == 308
    assert answer.headers["location"] == "https://127.0.0.1/accounts/login/?next=/a"


def test_a_person_signs_in_on_the_page(front: Front) -> None:
    with front.client() as browser:
        page = browser.get("/", follow_redirects=True)
        assert (page.status_code, page.url.path) == (200, "/accounts/login/")
        assert page.headers["strict-transport-security"]
        form = {
            "login": "ada",
            "password": DEMO_PASSWORD,
            "csrfmiddlewaretoken": browser.cookies["__Host-csrftoken"],
        }
        headers = {"Referer": str(page.url), "Origin": front.url}
        answer = browser.post(str(page.url), data=form, headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
        assert browser.get(f"{APP}/").status_code == 200


def test_requests_go_to_the_processes_in_turn(front: Front, ada: httpx.Client) -> None:
    for _ in range(4):
        assert ada.get("/api/apps").status_code == 200
    front.seen("/api/apps", 4)
    assert all(site.log.count('"/api/apps"') >= 2 for site in front.sites)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "x-forwarded-for"])
def test_nobody_chooses_their_address(front: Front, name: str) -> None:
    headers = front.sign_in(**{name: "6.6.6.6, 7.7.7.7"})
    with front.client(**headers, Forwarded="for=6.6.6.6") as client:
        several = [(name, "6.6.6.6"), (name, "7.7.7.7"), ("X-Real-IP", "6.6.6.6")]
        logins = client.get("/api/sessions", headers=several).raise_for_status().json()
    assert CLIENT in json.dumps(logins)
    assert {line["client"] for line in front.seen("/api/sessions")} == {CLIENT}
    assert not any("6.6.6.6" in site.log or "7.7.7.7" in site.log for site in front.sites)


def test_nobody_chooses_how_the_site_is_called(front: Front, ada: httpx.Client) -> None:
    hearsay = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/evil.example",
        "X-Gradio-Server": "https://evil.example",
        "Daphne-Root-Path": "/evil.example",
    }
    answer = ada.get(f"{APP}/config", headers=hearsay)
    assert answer.status_code == 200
    assert "evil" not in answer.text
    assert "http://127.0.0.1" not in answer.text


def test_steps_of_a_function_arrive_while_it_runs(front: Front, ada: httpx.Client) -> None:
    program = Client(
        f"{front.url}{APP}/", headers={"Authorization": ada.headers["Authorization"]}, verbose=False
    )
    try:
        job = program.submit(3, 1, api_name="/steps")
        steps = iter(job)
        first = next(steps)
        assert not job.done()
        assert [step.split(":")[1] for step in [first, *steps]] == ["0", "1", "2"]
    finally:
        program.close()


def test_the_live_session_is_a_websocket(front: Front) -> None:
    headers = front.sign_in()
    url = front.url.replace("https:", "wss:") + "/ws/session/"
    with connect(url, ssl=front.tls, additional_headers=headers) as socket:
        assert json.loads(socket.recv(20)) == {"type": "open", "user": "ada"}
        with front.client(**headers) as client:
            client.post("/api/auth/logout").raise_for_status()
        assert json.loads(socket.recv(20)) == {"type": "revoked"}


def upload(client: httpx.Client, size: int) -> httpx.Response:
    files = {"files": ("file.bin", b"x" * size)}
    return client.post(f"{APP}/gradio_api/upload", files=files)


def test_an_upload_up_to_the_sites_limit_arrives_and_a_larger_one_is_refused(
    ada: httpx.Client,
) -> None:
    small, large = upload(ada, MB // 2), upload(ada, 3 * MB)
    assert small.status_code == 200, small.text
    assert large.status_code == 413
    # In the site's words, which nginx's own limit must not come before.
    assert large.headers["content-type"].startswith("application/")


@pytest.mark.parametrize(
    ("path", "size"),
    [(f"{APP}/gradio_api/upload", 300 * MB), (f"{APP}/gradio_api/queue/join", 5 * MB)]
    + [("/accounts/login/", 5 * MB)],
)
def test_nginx_refuses_what_no_process_would_take(front: Front, path: str, size: int) -> None:
    host = front.url.removeprefix("https://")
    connection = http.client.HTTPSConnection(host, context=front.tls, timeout=20)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.headers["server"]) == (413, "nginx")
    connection.close()


def test_static_files_are_kept_by_browsers_and_by_nginx(front: Front) -> None:
    with front.client() as client:
        page = client.get("/accounts/login/").text
        path = re.findall(r'href="(/static/[^"]+\.[0-9a-f]{8,}\.css)"', page)[0]
        for asked in ("MISS", "HIT", "HIT"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["x-cache-status"]) == (200, asked)
            assert "immutable" in answer.headers["cache-control"]
        assert client.get("/static/no-such-file.css").status_code == 404


def test_metrics_are_not_for_the_public(front: Front, ada: httpx.Client) -> None:
    answer = ada.get("/metrics")
    # nginx says so itself.
    assert answer.status_code == 404 and "<center>nginx" in answer.text


def test_nothing_but_the_public_port_is_passed_on() -> None:
    text = (DEPLOY / "nginx/gradiosession.conf").read_text()
    assert set(re.findall(r"proxy_pass (\S+);", text)) == {"http://gradiosession"}
    assert not re.search(r"^\s*(root|alias) ", text, re.M)


def test_a_stopped_process_is_not_noticed(front: Front, ada: httpx.Client) -> None:
    """The last test: one process is left."""
    front.sites[0].stop()
    calls: list[Callable[[], httpx.Response]] = [
        lambda: ada.get("/api/auth/me"),
        lambda: ada.post(f"{APP}/gradio_api/run/process", json={"data": []}),
    ]
    assert [call().status_code for call in calls * 3] == [200] * 6
