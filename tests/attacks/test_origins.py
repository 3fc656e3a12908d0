"""Pages of other sites with ada's cookie, and headers that lie about who is asked."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gradio_ui import routes
from gradio_ui.routes import Access
from tests.attacks.conftest import HOST, PATH, Target
from tests.attacks.people import API
from tests.servers import DEMO_PASSWORD, Site

EVIL = "evil.example"
ORIGINS = {
    "another": f"https://{EVIL}",
    "none": "null",
    "sibling": f"https://other.{HOST}",
    "parent": "https://example",
    "port": f"http://{HOST}:8080",
    "prefix": f"http://{HOST}.{EVIL}",
    "empty": "",
}


@pytest.fixture(scope="module")
def page(ours: Target, site: Site) -> Iterator[httpx.Client]:
    """What sends ada's cookie: her browser, whichever page makes it do so."""
    with httpx.Client(base_url=f"{site.url}{PATH}") as client:
        body = {"username": "ada", "password": DEMO_PASSWORD}
        client.post(f"{site.url}/api/auth/login", json=body).raise_for_status()
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with httpx.Client(
        base_url=f"{site.url}{PATH}", headers={"Host": HOST, "Cookie": cookie}
    ) as client:
        yield client


def test_bare_gradio_lets_every_origin_read(bare: Target) -> None:
    headers = {"Host": HOST, "Origin": ORIGINS["another"]}
    answer = bare.ada.get("/config", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGINS["another"]
    assert answer.headers["access-control-allow-credentials"] == "true"
    join = bare.ada.post(f"{API}/run/echo", {"data": ["x"]}, headers=headers)
    assert join.json()["data"] == ["x"]


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
def test_no_other_site_may_send_anything(
    page: httpx.Client, table: list[tuple[str, str]], origin: str, subtests: pytest.Subtests
) -> None:
    for method, template in table:
        path = template.replace("{", "").replace("}", "").replace(":path", "")
        route = routes.find(path)
        if method == "POST" and route and route.access in (Access.USE, Access.POLL):
            with subtests.test(template):
                answer = page.post(path, json={"data": []}, headers={"Origin": origin})
                assert answer.status_code == 403, answer.text
                assert not [name for name in answer.headers if "access-control" in name]


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
def test_no_other_site_may_read(page: httpx.Client, origin: str) -> None:
    for path in ("/config", f"{API}/info", f"{API}/queue/status"):
        for method in ("GET", "OPTIONS"):
            ask = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = page.request(method, path, headers=ask)
            assert not [name for name in answer.headers if "access-control" in name]
            assert method == "GET" or answer.status_code >= 400


LIES = {
    "forwarded-host": {"X-Forwarded-Host": EVIL},
    "forwarded-hosts": {"X-Forwarded-Host": f"{EVIL}, {HOST}"},
    "server": {"X-Gradio-Server": f"https://{EVIL}/app"},
    "forwarded": {"Forwarded": f"host={EVIL};proto=https"},
    "original": {"X-Original-Host": EVIL, "X-Host": EVIL, "X-Forwarded-Server": EVIL},
    "original-url": {"X-Original-URL": "/admin/", "X-Rewrite-URL": f"https://{EVIL}/"},
    "prefix": {"X-Forwarded-Prefix": f"//{EVIL}", "X-Script-Name": f"//{EVIL}"},
}
TOLD = ("/config", f"{API}/info", f"{API}/openapi.json", "/")


def test_bare_gradio_says_what_the_headers_say(bare: Target) -> None:
    for lie in ("forwarded-host", "server"):
        assert EVIL in bare.bob.get("/config", headers=LIES[lie]).text


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_nothing_of_a_lie_is_told_to_anybody(ours: Target, lie: dict[str, str]) -> None:
    for path in TOLD:
        assert EVIL not in ours.bob.get(path, headers=lie).text
        answer = ours.ada.get(path)
        assert answer.status_code == 200
        assert EVIL not in answer.text


@pytest.mark.parametrize(
    "host", [EVIL, f"{HOST}.{EVIL}", f"{HOST}@{EVIL}", "a b", "", "127.0.0.1:x"]
)
def test_another_host_is_refused(ours: Target, host: str) -> None:
    for path in TOLD:
        answer = ours.bob.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert EVIL not in answer.text


ROOTS = (f"https://{EVIL}", f"//{EVIL}", f"/{EVIL}", "/gradio", "/gradio/hello", "/accounts/login")


@pytest.mark.parametrize("root", ROOTS)
def test_no_client_says_where_the_site_is_mounted(live_site: Site, root: str) -> None:
    """daphne would believe it, and take it out of the headers."""
    lie = {"Daphne-Root-Path": root}
    headers = live_site.sign_in("ada")
    with httpx.Client(base_url=live_site.url, headers=headers) as client:
        for path in ("/", "/gradio", "/gradio/", "/gradio/account/", "/gradio/account/config"):
            told, plain = client.get(path, headers=lie), client.get(path)
            assert EVIL not in told.text
            assert told.status_code == plain.status_code
            assert told.headers.get("location") == plain.headers.get("location")


def test_a_mail_for_a_new_password_leads_to_this_site(live_site: Site) -> None:
    path = "/accounts/password/reset/"
    lie = {"Daphne-Root-Path": f"https://{EVIL}", "Origin": live_site.url}
    with httpx.Client(base_url=live_site.url) as client:
        client.get(path).raise_for_status()
        form = {"email": "ada@example.com", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        answer = client.post(path, data=form, headers=lie)
        assert answer.status_code == 302, answer.text
    mails = re.findall(r"http\S+/accounts/password/reset/key/", live_site.log)
    assert mails == [f"{live_site.url}/accounts/password/reset/key/"]
