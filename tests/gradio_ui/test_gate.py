"""The gate, row by row, on a real server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.gradio_ui.conftest import tab
from tests.servers import DEMO_PASSWORD, Site, SiteFactory, component, free_port, running

HTML = {"Accept": "text/html"}
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def anybody(matrix_site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{matrix_site.url}/gradio") as client:
        yield client


@pytest.fixture(scope="module")
def ada(matrix_site: Site) -> Iterator[httpx.Client]:
    headers = matrix_site.sign_in("ada")
    with httpx.Client(base_url=f"{matrix_site.url}/gradio", headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def bob(matrix_site: Site) -> Iterator[httpx.Client]:
    headers = matrix_site.sign_in("bob")
    with httpx.Client(base_url=f"{matrix_site.url}/gradio", headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def browser(matrix_site: Site) -> Iterator[httpx.Client]:
    """ada by cookie."""
    body = {"username": "ada", "password": DEMO_PASSWORD}
    with httpx.Client(base_url=f"{matrix_site.url}/gradio") as client:
        client.post(f"{matrix_site.url}/api/auth/login", json=body).raise_for_status()
        assert client.cookies
        yield client


PRIVATE = [
    ("GET", "/steps/"),
    ("GET", "/steps/config"),
    ("GET", "/steps/gradio_api/info"),
    ("GET", "/steps/gradio_api/app_id"),
    ("GET", "/steps/gradio_api/heartbeat/x"),
    ("GET", "/steps/gradio_api/queue/data?session_hash=x"),
    ("GET", "/steps/gradio_api/queue/status"),
    ("GET", "/steps/gradio_api/file=/etc/passwd"),
    ("GET", "/steps/gradio_api/upload_progress?upload_id=x"),
    ("GET", "/steps/gradio_api/call/show/x"),
    ("POST", "/steps/gradio_api/queue/join"),
    ("POST", "/steps/gradio_api/run/show"),
    ("POST", "/steps/gradio_api/call/show"),
    ("POST", "/steps/gradio_api/cancel"),
    ("POST", "/steps/gradio_api/reset"),
    ("POST", "/steps/gradio_api/stream/x"),
    ("POST", "/steps/gradio_api/upload"),
    ("POST", "/steps/gradio_api/component_server"),
]


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_nobody_gets_past_without_a_session(anybody: httpx.Client, method: str, path: str) -> None:
    answer = anybody.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["title"] == "Not authenticated"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path.replace("steps", "dashboard")) for method, path in PRIVATE],
)
def test_who_may_not_use_an_app_gets_past_nowhere(
    bob: httpx.Client, method: str, path: str
) -> None:
    answer = bob.request(method, path)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == PROBLEM


def test_staff_and_groups_decide(matrix_site: Site, ada: httpx.Client, bob: httpx.Client) -> None:
    admin = httpx.Client(base_url=f"{matrix_site.url}/gradio", headers=matrix_site.sign_in("admin"))
    found = {
        slug: [client.get(f"/{slug}/config").status_code for client in (ada, bob, admin)]
        for slug in ("matrix", "dashboard", "sessions")
    }
    admin.close()
    assert found == {
        "matrix": [200, 200, 200],
        "dashboard": [200, 403, 200],
        "sessions": [403, 403, 200],
    }


def test_a_person_is_sent_to_the_login_and_back(anybody: httpx.Client) -> None:
    answer = anybody.get("/steps/?a=1&b=ü", headers=HTML)
    assert answer.status_code == 302
    location = answer.headers["location"]
    assert location == "/accounts/login/?next=/gradio/steps/%3Fa%3D1%26b%3D%25C3%25BC"
    assert answer.headers["cache-control"] == "no-store"


def test_a_person_who_may_not_enter_sees_a_page_of_the_site(
    matrix_site: Site,
) -> None:
    body = {"username": "bob", "password": DEMO_PASSWORD}
    with httpx.Client(base_url=matrix_site.url, headers=HTML) as client:
        client.post("/api/auth/login", json=body).raise_for_status()
        refused = client.get("/gradio/dashboard/")
        unknown = client.get("/gradio/no-such-app/")
    assert (refused.status_code, unknown.status_code) == (403, 404)
    assert "You may not use this app." in refused.text
    assert "There is no such app or page." in unknown.text
    for answer in (refused, unknown):
        assert answer.headers["content-type"].startswith("text/html")
        assert "bob" in answer.text and "Sign out" in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/steps/logout"),
        ("GET", "/steps/logout"),
        ("GET", "/steps/gradio_api/token"),
        ("GET", "/steps/gradio_api/startup-events"),
        ("GET", "/steps/gradio_api/dev/reload"),
        ("GET", "/steps/gradio_api/vibe-code"),
        ("POST", "/steps/gradio_api/vibe-edit/"),
        ("POST", "/steps/gradio_api/undo-vibe-edit"),
        ("GET", "/steps/monitoring"),
        ("GET", "/steps/monitoring/summary"),
        ("GET", "/steps/openapi.json"),
        ("GET", "/steps/no-such-route"),
        ("GET", "/steps//config"),
        ("GET", "/no-such-app/config"),
        ("GET", "/STEPS/config"),
    ],
)
def test_what_is_not_in_the_table_is_not_there(ada: httpx.Client, method: str, path: str) -> None:
    assert ada.request(method, path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/steps/static/%2e%2e/config", "/steps%2Fconfig", "/steps/%63onfig", "/steps/config/"]
)
def test_an_encoded_path_is_no_way_around(anybody: httpx.Client, path: str) -> None:
    assert anybody.get(path).status_code in (401, 403, 404)


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "POST", "TRACE"])
def test_a_route_has_its_methods_only(ada: httpx.Client, method: str) -> None:
    answer = ada.request(method, "/steps/config")
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def join(client: httpx.Client, **headers: str) -> httpx.Response:
    # An event that does not exist: Gradio's answer shows that the gate let it pass.
    body = {"data": [], "fn_index": None, "session_hash": f"gate-{id(client)}"}
    return client.post("/steps/gradio_api/queue/join", json=body, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_a_cookie_is_not_enough_for_another_sites_page(
    browser: httpx.Client, headers: dict[str, str]
) -> None:
    answer = join(browser, **headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_our_own_page_may_write_and_a_token_needs_no_origin(
    matrix_site: Site, browser: httpx.Client, ada: httpx.Client
) -> None:
    assert join(browser, Origin=matrix_site.url).status_code == 400
    assert join(browser, **{"Sec-Fetch-Site": "same-origin"}).status_code == 400
    assert join(ada).status_code == 400


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_may_link_here_but_not_read(browser: httpx.Client, site: str) -> None:
    read = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert browser.get("/steps/config", headers=read).status_code == 403
    assert browser.get("/steps/", headers=link).status_code == 200


def test_no_origin_may_read_answers(ada: httpx.Client) -> None:
    answer = ada.get("/steps/config", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Gradio-Server", "Forwarded"]
)
def test_urls_are_not_made_of_untrusted_headers(
    matrix_site: Site, ada: httpx.Client, header: str
) -> None:
    headers = {header: "https://evil.example" if "Proto" not in header else "https"}
    assert ada.get("/steps/config", headers=headers).json()["root"] == (
        f"{matrix_site.url}/gradio/steps"
    )
    assert "evil.example" not in ada.get("/steps/gradio_api/info", headers=headers).text


def test_a_host_that_is_not_ours_is_refused(ada: httpx.Client) -> None:
    answer = ada.get("/steps/config", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_private_answers_are_not_kept(ada: httpx.Client) -> None:
    for path in ("/steps/", "/steps/config"):
        answer = ada.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_public_assets_are_open_and_kept(anybody: httpx.Client, ada: httpx.Client) -> None:
    page = ada.get("/steps/").text
    script = page.split("/assets/index-")[1].split('"')[0]
    answer = anybody.get(f"/steps/assets/index-{script}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert "immutable" not in anybody.get("/steps/theme.css").headers.get("cache-control", "")
    named = page.split('"theme_hash":"')[1].split('"')[0]
    for encoding in ("br", "gzip", "identity"):
        headers = {"Accept-Encoding": encoding}
        style = anybody.get("/steps/theme.css", params={"v": named}, headers=headers)
        assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert style.headers.get("content-encoding", "identity") == encoding
        assert style.headers["content-type"].startswith("text/css")
        assert hashlib.sha256(style.content).hexdigest() == named


def test_a_callback_does_not_find_the_ticket(matrix_site: Site) -> None:
    headers = matrix_site.sign_in("ada")
    token = headers["Authorization"].split()[1]
    client = tab(matrix_site, "steps", headers | {"X-Kept": "yes", "Cookie": "theme=dark"})
    seen = client.predict(api_name="/seen")
    assert seen["headers"]["x-kept"] == "yes"
    assert seen["cookies"] == {"theme": "dark"}
    assert token not in str(seen)


def test_a_file_of_the_server_is_refused(ada: httpx.Client) -> None:
    assert ada.get("/steps/gradio_api/file=/etc/passwd").status_code == 403
    config = ada.get("/steps/config").json()
    fn = next(d["id"] for d in config["dependencies"] if d["api_name"] == "read_file")
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    body = {"data": [file], "fn_index": fn, "session_hash": "file"}
    ada.post("/steps/gradio_api/queue/join", json=body).raise_for_status()
    stream = ada.get("/steps/gradio_api/queue/data?session_hash=file", timeout=20).text
    assert '"success":false' in stream
    assert "root:" not in stream


def test_an_app_is_entered_by_its_short_address_too(
    matrix_site: Site, anybody: httpx.Client, ada: httpx.Client
) -> None:
    answer = anybody.get("/steps?a=1")
    assert (answer.status_code, answer.headers["location"]) == (308, "/gradio/steps/?a=1")
    for path in ("", "/"):
        first = ada.get(f"{matrix_site.url}/gradio{path}")
        assert (first.status_code, first.headers["location"]) == (302, "/gradio/assistant/")
        assert anybody.get(f"{matrix_site.url}/gradio{path}").status_code == 401


@pytest.mark.parametrize(
    ("slug", "reason"),
    [
        ("broken", "RuntimeError: a secret of the build"),
        ("not-blocks", "build_nothing() returned str, not a gr.Blocks."),
        ("shared-2", "build_shared_again() returned the same Blocks as the app 'shared-1'."),
        ("batched", "batched() is batched, so one call serves several people"),
        ("batched-for-some", "serves several people, and cannot be for group analysts only."),
        ("cached-for-some", "cannot run while the app is built"),
        ("value-for-some", "cannot run while the app is built"),
        (
            "batched-user",
            "batched_user() is batched, so one call serves several people, and cannot",
        ),
        ("cached-examples", "examples are cached for everybody: set cache_examples=False."),
        ("lazy-examples", "examples are cached for everybody: set cache_examples=False."),
        ("cached-calls", "cached_call() takes a Session, so what it returns is one person's"),
        ("value-of-session", "first_value() takes a session and cannot run while the app is built"),
        ("other-users", "takes a Stranger, and the users of this site are auth.User"),
        ("exits", "SystemExit: 1"),
    ],
)
def test_an_app_that_cannot_be_served_says_so_and_the_others_work(
    matrix_site: Site, anybody: httpx.Client, ada: httpx.Client, slug: str, reason: str
) -> None:
    assert anybody.get(f"/{slug}/config").status_code == 401
    answer = ada.get(f"/{slug}/config")
    assert answer.status_code == 500
    assert answer.json()["title"] == "This app failed to start"
    # In DEBUG, as here, with reason and place; in the log always.
    assert reason in answer.json()["detail"]
    assert "tests/gradio_ui/unbuildable/gradio_apps.py:" in answer.json()["detail"]
    assert ada.get("/shared-1/config").status_code == 200


def test_without_debug_the_reason_is_in_the_log_only(live_server_factory: SiteFactory) -> None:
    env = {
        "EXTRA_APPS": "tests.gradio_ui.unbuildable",
        "DJANGO_DEBUG": "0",
        "DJANGO_SECRET_KEY": "r4nd0m-" * 10,
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SSL_REDIRECT": "0",
    }
    site = live_server_factory("uvicorn", env=env, allow_traceback=True)
    answer = httpx.get(f"{site.url}/gradio/broken/config", headers=site.sign_in("ada"))
    assert answer.status_code == 500
    assert "gradio_apps.py" not in answer.text and "secret" not in answer.text
    assert "a secret of the build" in site.log


@pytest.mark.parametrize(("address", "status"), [("", 200), ("unix:/{deep}", 500)])
def test_no_path_is_too_long_for_an_answer(
    live_server_factory: SiteFactory, tmp_path: Path, redis_server: str, address: str, status: int
) -> None:
    """A Unix socket has a place of about a hundred bytes for its path."""
    deep = "/".join(["deep" * 10] * 4)
    env = {
        "EXTRA_APPS": "tests.testapp",
        "REDIS_URL": redis_server.replace("/0", "/14"),
        "GRADIOSESSION_DATA_DIR": str(tmp_path / deep),
        "GRADIO_UI_CLUSTER_ADDRESS": address.format(deep=f"{tmp_path}/{deep}"),
    }
    site = live_server_factory(env=env, allow_traceback=True)
    answer = httpx.get(f"{site.url}/gradio/probe/config", headers=site.sign_in("ada"), timeout=30)
    assert answer.status_code == status
    assert ("too long for a Unix socket" in site.log) is (status == 500)


def test_a_store_that_is_gone_closes_the_gate_with_503(
    live_server_factory: SiteFactory, tmp_path: Path
) -> None:
    program, port = component("redis-server"), free_port()
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running([program, "--port", str(port), *options], port, tmp_path):
        env = {
            "EXTRA_APPS": "tests.testapp",
            "REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "SESSIONSTATE_BACKEND": "redis",
        }
        site = live_server_factory(env=env, allow_traceback=True)
        headers = site.sign_in("ada")
        assert httpx.get(f"{site.url}/gradio/probe/config", headers=headers).status_code == 200
    for path in ("config", "gradio_api/heartbeat/x", ""):
        answer = httpx.get(f"{site.url}/gradio/probe/{path}", headers=headers, timeout=15)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == PROBLEM
    assert httpx.get(f"{site.url}/gradio/probe/theme.css").status_code == 200
