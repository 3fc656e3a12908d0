"""The site and each app can be installed, with a name and an icon of their own."""

import json
from io import BytesIO

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.servers import DEMO_PASSWORD, Site


def sign_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.locator("input[name=login]").fill("bob")
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(f"{site.url}/")


@pytest.mark.parametrize(
    ("path", "name"), [("/", "Gradio Session"), ("/gradio/account/", "Account")]
)
def test_a_browser_offers_to_install_it(live_site: Site, page: Page, path: str, name: str) -> None:
    sign_in(page, live_site)
    page.goto(live_site.url + path, wait_until="commit")
    page.wait_for_load_state("load")
    devtools = page.context.new_cdp_session(page)
    found = devtools.send("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert (manifest["name"], manifest["start_url"]) == (name, path)
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # The browser of a test is a private one.
    assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []


def test_icons_are_there_for_everybody_in_their_sizes(live_site: Site) -> None:
    headers = live_site.sign_in("bob")
    for path in ("/manifest.webmanifest", "/manifest/account.webmanifest"):
        answer = httpx.get(live_site.url + path, headers=headers)
        assert answer.headers["content-type"] == "application/manifest+json"
        for icon in answer.json()["icons"]:
            picture = httpx.get(live_site.url + icon["src"])
            assert picture.status_code == 200
            assert picture.headers["content-type"] == icon["type"]
            assert "max-age" in picture.headers["cache-control"]
            if icon["type"] == "image/png":
                width, height = Image.open(BytesIO(picture.content)).size
                assert f"{width}x{height}" == icon["sizes"]


def test_who_may_not_open_an_app_does_not_learn_its_title(live_site: Site) -> None:
    headers = live_site.sign_in("bob")
    for sent in (headers, {}):
        answer = httpx.get(f"{live_site.url}/manifest/dashboard.webmanifest", headers=sent)
        assert answer.status_code == 404


def test_only_icons_of_apps_are_drawn(live_site: Site) -> None:
    for path in ("/icon/192/%E2%98%83.png", "/icon/4096/A.png", "/icon/xyz.svg"):
        assert httpx.get(live_site.url + path).status_code == 404
