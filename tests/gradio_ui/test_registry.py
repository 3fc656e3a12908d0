import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core import checks
from django.template import engines
from django.test import Client

from gradio_ui import register, registry
from gradio_ui.registry import AppSpec, RegistrationError
from sessionstate.engine import SessionStore
from sessionstate.tickets import get_scheme

pytestmark = pytest.mark.usefixtures("empty_registry")
MakeApp = Callable[[str, str], Path]


def sign_in(browser: Client, user: User) -> None:
    """`force_login` puts the session's id into the cookie; ours is a ticket."""
    browser.force_login(user)
    session = SessionStore(browser.cookies[django_settings.SESSION_COOKIE_NAME].value)
    assert session["_auth_user_id"] == str(user.pk)
    cookie = get_scheme().cookie(session)
    assert cookie
    browser.cookies[cookie["key"]] = cookie["value"]


def build() -> Any:
    return None


def other_build() -> Any:
    return None


def build_in(language: str) -> Any:
    return language


def slugs(specs: list[AppSpec]) -> list[str]:
    return [spec.slug for spec in specs]


@pytest.mark.parametrize("limit", ["20", "many", "0/m", 20])
def test_a_limit_is_read_where_it_is_registered(limit: Any) -> None:
    with pytest.raises(ValueError, match="20/m|1 to 10000"):
        register("app", limit=limit)


@pytest.mark.parametrize("slug", ["a", "my-app", "app-2", "2", "a" * 50])
def test_a_slug_may_be(slug: str) -> None:
    register(slug)(build)
    assert slugs(registry.all_apps()) == [slug]


@pytest.mark.parametrize(
    "slug", ["", "A", "a_b", "-a", "a-", "a--b", "a/b", "..", "a b", "ä", "a\n", "a" * 51]
)
def test_a_slug_may_not_be(slug: str) -> None:
    with pytest.raises(RegistrationError, match="cannot be a slug"):
        register(slug)


def test_a_slug_that_is_taken_names_both_places() -> None:
    register("hello")(build)
    with pytest.raises(RegistrationError) as error:
        register("hello")(other_build)
    for function in (build, other_build):
        assert f"{__file__}:{function.__code__.co_firstlineno}" in str(error.value)
    assert registry.get("hello").build is build  # type: ignore[union-attr]


def test_the_same_function_again_is_a_reload() -> None:
    register("hello")(build)
    register("hello", title="Again")(build)
    assert [spec.title for spec in registry.all_apps()] == ["Again"]


def test_a_group_by_itself_is_not_a_list_of_letters() -> None:
    with pytest.raises(RegistrationError, match=r"groups=\['analysts'\]"):
        register("hello", groups="analysts")


@pytest.mark.parametrize("option", ["auth", "show_error", "root_path", "thme"])
def test_what_the_mount_decides_is_no_option(option: str) -> None:
    with pytest.raises(RegistrationError, match=option):
        register("hello", **{option: True})


@pytest.mark.parametrize("whom", [{"groups": ["analysts"]}, {"staff": True}])
def test_what_is_for_everybody_is_for_nobody_in_particular(whom: dict[str, Any]) -> None:
    with pytest.raises(RegistrationError, match="'hello' is public"):
        register("hello", public=True, **whom)


def test_one_function_may_build_several_apps() -> None:
    for language in ("en", "de"):
        register(f"hello-{language}", title=language)(partial(build_in, language))
    assert [spec.build() for spec in registry.all_apps()] == ["de", "en"]
    # Its module being reloaded.
    register("hello-en", title="again")(partial(build_in, "en"))
    assert registry.get("hello-en").module == __name__  # type: ignore[union-attr]


def test_apps_are_in_the_order_of_the_portal() -> None:
    register("b", title="Beta")(build)
    register("a", title="Alpha")(build)
    register("z", order=1)(build)
    assert slugs(registry.all_apps()) == ["z", "a", "b"]
    assert registry.all_apps()[0].title == "Z"


# Who may ----------------------------------------------------------------------------------


@pytest.fixture
def three_apps(empty_registry: None) -> None:
    register("everybody")(build)
    register("analysts", groups=["analysts", "editors"])(build)
    register("staff", staff=True)(build)


@pytest.mark.django_db
@pytest.mark.usefixtures("three_apps")
def test_groups_staff_and_superusers(django_assert_num_queries: Any) -> None:
    people = {
        "nobody": User(),
        "analyst": User(),
        "staff": User(is_staff=True),
        "root": User(is_superuser=True),
        "disabled": User(is_superuser=True, is_active=False),
    }
    for name, user in people.items():
        user.username = name
        user.save()
    people["analyst"].groups.add(Group.objects.create(name="analysts"))
    with django_assert_num_queries(len(people)):
        found = {name: slugs(registry.permitted(user)) for name, user in people.items()}
    assert found == {
        "nobody": ["everybody"],
        "analyst": ["analysts", "everybody"],
        "staff": ["everybody", "staff"],
        "root": ["analysts", "everybody", "staff"],
        "disabled": [],
    }
    for name, user in people.items():
        one_by_one = [spec.slug for spec in registry.all_apps() if spec.allows(user)]
        assert one_by_one == found[name]
    assert registry.permitted(AnonymousUser()) == []


# Discovery --------------------------------------------------------------------------------


@pytest.fixture
def make_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], Path]]:
    """Install a Django app with this `gradio_apps.py`; discovery is due again."""
    configs: list[AppConfig] = []
    engines.all()  # which look at the installed apps for their tags, once
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(apps, "get_app_configs", lambda: list(configs))

    def make(name: str, source: str) -> Path:
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").touch()
        file = package / "gradio_apps.py"
        file.write_text(source)
        configs.append(AppConfig.create(name))
        registry.reset()
        return file

    yield make
    for name in [name for name in sys.modules if name.split(".")[0] in {c.name for c in configs}]:
        del sys.modules[name]


APP = "from gradio_ui import register\n@register('{0}')\ndef build():\n    pass\n"


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("import os\nimport no_such_package\n", 2, "ModuleNotFoundError"),
        ("def f(:\n", 1, "SyntaxError"),
        ("\n\nraise ValueError('wrong')\n", 3, "ValueError: wrong"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("import json\njson.loads('{')\n", 2, "JSONDecodeError"),
    ],
)
def test_a_module_that_fails_is_named_with_its_line_and_the_others_work(
    make_app: MakeApp, source: str, line: int, message: str
) -> None:
    make_app("first_app", APP.format("first"))
    file = make_app("bad_app", source)
    make_app("last_app", APP.format("last"))
    assert slugs(registry.all_apps()) == ["first", "last"]
    (failure,) = registry.failures()
    assert (failure.module, failure.file, failure.line) == (
        "bad_app.gradio_apps",
        str(file),
        line,
    )
    assert message in failure.message
    assert f"{file}:{line}" in str(failure)


def test_what_a_module_registered_before_it_failed_is_forgotten(make_app: MakeApp) -> None:
    make_app("half_app", APP.format("half") + "raise ValueError\n")
    assert registry.all_apps() == []


def test_the_second_of_two_apps_with_one_slug_is_the_failure(make_app: MakeApp) -> None:
    make_app("one_app", APP.format("same"))
    make_app("two_app", APP.format("same"))
    assert [spec.module for spec in registry.all_apps()] == ["one_app.gradio_apps"]
    (failure,) = registry.failures()
    assert "Two Gradio apps want the slug 'same'" in failure.message


@pytest.mark.django_db
def test_staff_see_what_failed_in_the_portal(make_app: MakeApp) -> None:
    file = make_app("bad_app", "raise ValueError('wrong')\n")
    make_app("good_app", APP.format("good"))
    pages = {}
    for name, is_staff in (("staff", True), ("other", False)):
        client = Client()
        sign_in(client, User.objects.create(username=name, is_staff=is_staff))
        pages[name] = client.get("/").content.decode()
    assert f"{file}:1" in pages["staff"]
    assert str(file) not in pages["other"]
    assert all("/gradio/good/" in page for page in pages.values())


def test_a_syntax_error_is_a_warning_of_check_without_an_import(make_app: MakeApp) -> None:
    file = make_app("bad_app", "x = (\n")
    make_app("loud_app", "raise SystemExit('imported')\n")
    messages = checks.run_checks(tags=["gradio_ui"])
    assert [message.id for message in messages] == ["gradio_ui.W001"]
    assert f"{file}:1" in messages[0].msg
    assert "loud_app.gradio_apps" not in sys.modules


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from gradio_ui import limit, register\n", ["gradio_ui.W002"]),
        ("import gradio_ui\n\n@gradio_ui.limit('2/m')\ndef f(): ...\n", ["gradio_ui.W002"]),
        ("import gradio_ui as ui\n\nui.register('a', limit='2/m')(build)\n", ["gradio_ui.W002"]),
        ("from gradio_ui import register\n\nregister('a', title='limit')(build)\n", []),
        ("from library import limit\n", []),
    ],
)
def test_limits_that_each_process_would_count_by_itself_are_a_warning(
    make_app: MakeApp, settings: Any, text: str, found: list[str]
) -> None:
    make_app("limited_app", text)
    settings.REDIS_URL, settings.DEBUG = "", False
    assert [message.id for message in checks.run_checks(tags=["gradio_ui"])] == found
    settings.REDIS_URL = "redis://127.0.0.1:6379/0"
    assert checks.run_checks(tags=["gradio_ui"]) == []


def test_a_data_directory_that_cannot_be_written_is_an_error(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.GRADIOSESSION_DATA_DIR = tmp_path / "file"
    assert [message.id for message in checks.run_checks(tags=["gradio_ui"])] == ["gradio_ui.E001"]
    settings.GRADIOSESSION_DATA_DIR = tmp_path / "new" / "deep"
    assert checks.run_checks(tags=["gradio_ui"]) == []
    assert not (tmp_path / "new").exists()


# The portal -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_portal_shows_what_one_may_open_and_asks_strangers_to_sign_in() -> None:
    register("open", title="Open <b>", description="For all", icon="🧪")(build)
    register("closed", staff=True)(build)
    client = Client()
    answer = client.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/")
    sign_in(client, User.objects.create(username="ada"))
    answer = client.get("/")
    page = answer.content.decode()
    assert "/gradio/open/" in page and "Open &lt;b&gt;" in page and "For all" in page
    assert "🧪" in page
    assert "/gradio/closed/" not in page
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_an_empty_portal_says_what_to_do() -> None:
    client = Client()
    sign_in(client, User.objects.create(username="ada"))
    assert "No apps yet" in client.get("/").content.decode()
