"""A user's files are that user's: wherever they come from, and wherever they are asked for."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.gradio_ui.people import API, Person
from tests.servers import BASE_DIR, Site

SHARED = Path(__file__).parent / "owned" / "shared" / "notes.txt"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def root(site: Site) -> Path:
    return Path(site.env["GRADIOSESSION_DATA_DIR"]) / "gradio"


def upload(who: Person, name: str = "a.txt", data: bytes = b"hers", api: str = API) -> str:
    answer = who.client.post(f"{api}/upload", files={"files": (name, data)})
    answer.raise_for_status()
    (path,) = answer.json()
    return str(path)


def fetch(who: Person, path: str, api: str = API) -> httpx.Response:
    return who.client.get(f"{api}/file={path}")


def given(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}} | more


def run(who: Person, name: str, *data: Any) -> dict[str, Any]:
    return who.outcome(uuid4().hex[:12], name, *data)


def test_an_upload_is_in_its_users_directory(matrix_site: Site, ada: Person, bob: Person) -> None:
    path = upload(ada)
    user = ada.client.get("/api/auth/me").json()["user"]["id"]
    assert Path(path).is_relative_to(root(matrix_site) / "users" / str(user) / "owned")
    answer = fetch(ada, path)
    assert (answer.status_code, answer.text) == (200, "hers")
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["x-content-type-options"] == "nosniff"
    for other in (path, path.replace("/users/", "/users/../users/"), path.replace("/", "%2F")):
        answer = fetch(bob, other)
        assert answer.status_code == 403
        assert "hers" not in answer.text
    assert fetch(ada, path).text == "hers"


def test_what_a_callback_returns_is_there_too(matrix_site: Site, ada: Person, bob: Person) -> None:
    page = uuid4().hex[:12]
    results = [ada.call(page, "paint", "red")[0]]
    results.append(ada.post("run/paint", data=["green"]).json()["data"][0])
    ada.join(page, "paint_slowly", "blue")
    results += [{"path": path} for path in re.findall(r'"path":"([^"]+)"', ada.data(page).text)]
    assert len(results) >= 4
    for result in results:
        assert f"{root(matrix_site)}/users/" in result["path"]
        assert fetch(ada, result["path"]).status_code == 200
        assert fetch(bob, result["path"]).status_code == 403


@pytest.mark.parametrize("name", ["echo", "echo_image", "echo_path", "echo_json"])
def test_a_callback_takes_and_returns_nobody_elses_file(
    ada: Person, bob: Person, name: str
) -> None:
    path = ada.call(uuid4().hex[:12], "paint", "red")[0]["path"]
    value = path if name == "echo_path" else given(path)
    assert run(ada, name, value)["success"]
    outcome = run(bob, name, value)
    assert not outcome["success"]
    assert outcome["output"]["error"] in (None, "This input does not fit.")
    answer = bob.post(f"run/{name}", data=[value])
    assert answer.status_code >= 400
    assert fetch(bob, path).status_code == 403


@pytest.mark.parametrize("path", ["/etc/passwd", str(BASE_DIR / "manage.py"), "/proc/self/environ"])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_file_of_the_server_is_nobodys(bob: Person, path: str, escaped: bool) -> None:
    if escaped:
        path = "/./" + path.lstrip("/").replace("/", "//")
    assert not run(bob, "echo", given(path))["success"]
    assert fetch(bob, path).status_code == 403
    assert bob.post("run/echo", data=[given(path)]).status_code >= 400


def test_an_app_cannot_be_made_to_show_the_database(matrix_site: Site, bob: Person) -> None:
    database = matrix_site.env["DATABASE_URL"].removeprefix("sqlite:///")
    for suffix in ("", "-wal"):
        assert not run(bob, "echo_path", database + suffix)["success"]


def test_a_link_leads_nowhere_else(matrix_site: Site, ada: Person, bob: Person) -> None:
    path = Path(upload(bob, "link.txt", b"bob's"))
    link = path.with_name("hers.txt")
    link.symlink_to(upload(ada))
    assert fetch(bob, str(link)).status_code == 403
    assert not run(bob, "echo", given(str(link)))["success"]


def test_a_file_of_one_app_is_not_read_through_another(ada: Person) -> None:
    path = upload(ada)
    assert fetch(ada, path, "/gradio/owned-2/gradio_api").status_code == 403


def test_what_belongs_to_the_app_is_for_everybody_who_may_open_it(ada: Person, bob: Person) -> None:
    assert fetch(ada, str(SHARED)).text == fetch(bob, str(SHARED)).text == SHARED.read_text()
    config = bob.client.get("/gradio/owned/config").json()
    (image,) = [c["props"]["value"] for c in config["components"] if c["type"] == "image"]
    assert fetch(bob, image["path"]).status_code == 200
    assert run(bob, "echo_image", given(image["path"]))["success"]
    # Not through another app, which may be open to others.
    assert fetch(bob, image["path"], "/gradio/owned-2/gradio_api").status_code == 403


def test_cached_examples_work(ada: Person, bob: Person) -> None:
    for who in (ada, bob):
        images = [v for v in who.call(uuid4().hex[:12], "examples", 0) if isinstance(v, dict)]
        assert fetch(who, images[0]["path"]).status_code == 200


def test_an_svg_is_handed_out_as_a_file(ada: Person, bob: Person) -> None:
    path = upload(ada, "evil.svg", SVG)
    run(ada, "echo", given(path))
    answer = fetch(ada, path)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert fetch(bob, path).status_code == 403


def test_a_link_to_a_pages_state_is_its_users(ada: Person, bob: Person) -> None:
    page = uuid4().hex[:12]
    ada.call(page, "keep", "secret word", None)
    link = ada.get("deep_link", session_hash=page).json()
    assert link
    seen = {who: who.client.get(f"/gradio/owned/config?deep_link={link}") for who in (ada, bob)}
    assert "secret word" in seen[ada].text
    assert "secret word" not in seen[bob].text


def test_a_batch_with_files_is_of_one_user(ada: Person, bob: Person) -> None:
    """And gives each their own."""
    files = {who: upload(who, "x.png", _png(colour)) for who, colour in ((ada, 1), (bob, 2))}
    with ThreadPoolExecutor(8) as pool:
        calls = [who for who in (ada, bob) for _ in range(4)]
        results = list(
            pool.map(lambda who: who.call(uuid4().hex[:12], "batch", given(files[who])), calls)
        )
    for who, (image,) in zip(calls, results, strict=True):
        other = bob if who is ada else ada
        assert fetch(who, image["path"]).status_code == 200
        assert fetch(other, image["path"]).status_code == 403


def test_gradio_client_uploads_and_downloads(
    matrix_site: Site, ada: Person, tmp_path: Path
) -> None:
    file = tmp_path / "näme.txt"
    file.write_text("content")
    client = Client(
        f"{matrix_site.url}/gradio/owned/",
        headers=ada.headers,
        verbose=False,
        download_files=str(tmp_path / "down"),
    )
    result = client.predict(handle_file(str(file)), api_name="/echo")
    assert Path(result).read_text() == "content"


def _png(colour: int) -> bytes:
    from io import BytesIO

    from PIL import Image

    data = BytesIO()
    Image.new("L", (4, 4), colour).save(data, "png")
    return data.getvalue()
