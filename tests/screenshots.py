"""`make screenshots`: every page in both colour schemes and two sizes, in screenshots/."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

BASE_DIR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BASE_DIR))
from tests.browser import ARGS  # noqa: E402
from tests.servers import (  # noqa: E402
    DEMO_PASSWORD,
    SiteFactory,
    component,
    manage,
    project_env,
)

SIZES = {"390": (390, 844), "1280": (1280, 900)}
PAGES = {
    "portal": "/",
    "account-sessions": "/accounts/sessions/",
    "account-keys": "/accounts/keys/",
    "account-password": "/accounts/password/change/",
    "account-email": "/accounts/email/",
    "account-two-factor": "/accounts/two-factor/",
    "admin": "/admin/",
    "admin-users": "/admin/auth/user/",
}


def shoot(page: Page, url: str, file: Path) -> None:
    answer = page.goto(url)
    assert answer is not None and answer.ok, f"{url}: {answer and answer.status}"
    if "/gradio/" in url:
        page.locator("gradio-app .gradio-container").first.wait_for(timeout=30_000)
        page.wait_for_timeout(1_000)
    page.screenshot(path=file, full_page=True)


def shoot_all(browser: Browser, site: str, directory: Path) -> int:
    made = 0
    for scheme in ("light", "dark"):
        for name, (width, height) in SIZES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            page = context.new_page()
            shoot(page, f"{site}/accounts/login/", directory / f"login-{name}-{scheme}.png")
            page.locator("[name=login]").fill("admin")
            page.locator("[name=password]").fill(DEMO_PASSWORD)
            page.locator("[name=password]").press("Enter")
            page.wait_for_url(f"{site}/")
            links = page.locator("a.app-card").all()
            apps = [str(link.get_attribute("href")) for link in links]
            assert apps, "The portal shows no app."
            pages = PAGES | {f"demo-{app.split('/')[2]}": app for app in apps}
            for label, path in pages.items():
                shoot(page, site + path, directory / f"{label}-{name}-{scheme}.png")
            made += 1 + len(pages)
            context.close()
    return made


def main() -> None:
    directory = BASE_DIR / "screenshots"
    directory.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        env = project_env(Path(place))
        for command in (["migrate", "-v", "0"], ["demo_users"]):
            done = manage(*command, env=env)
            if done.returncode:
                sys.exit(done.stderr)
        factory = SiteFactory(Path(place), Path(place) / "db.sqlite3")
        try:
            site = factory("runserver")
            browser = playwright.chromium.launch(executable_path=component("chromium"), args=ARGS)
            print(f"{shoot_all(browser, site.url, directory)} pictures in screenshots/")
            browser.close()
        finally:
            factory.close()


if __name__ == "__main__":
    main()
