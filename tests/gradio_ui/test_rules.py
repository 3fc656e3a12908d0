"""The decorators by themselves, and the rule that they and the apps share."""

import functools
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission

from gradio_ui import (
    asked,
    compat,
    requires_group,
    requires_permission,
    requires_staff,
    rules,
    running,
    with_session,
)
from gradio_ui.registry import AppSpec
from gradio_ui.rules import Rule
from sessionstate import Session
from tests.factories import UserFactory

for_analysts = requires_group("analysts")


def test_a_direct_call_goes_through() -> None:
    @requires_staff
    @requires_group("editors")
    @requires_permission("reports.publish")
    def publish(text: str, times: int = 1, *, end: str) -> str:
        return text * times + end

    assert publish("a", 2, end="!") == "aa!"
    assert publish.__name__ == "publish"
    assert list(inspect.signature(publish).parameters) == ["text", "times", "end"]
    assert rules.of(publish) == {
        Rule(staff=True),
        Rule(groups=("editors",)),
        Rule(permission="reports.publish"),
    }


async def test_each_kind_of_function_stays_what_it_is() -> None:
    @for_analysts
    async def coroutine() -> int:
        return 1

    @for_analysts
    def generator() -> Iterator[int]:
        yield 1

    @for_analysts
    async def async_generator() -> AsyncIterator[int]:
        yield 1

    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)
    assert await coroutine() == 1
    assert list(generator()) == [1]
    assert [value async for value in async_generator()] == [1]


def test_the_order_of_the_decorators_does_not_matter() -> None:
    def fn(word: str, session: Session) -> str:
        return f"{word} {session['x']}"

    for both in (for_analysts(with_session(fn)), with_session(for_analysts(fn))):
        assert both("a", {"x": 1}) == "a 1"  # type: ignore[arg-type]
        assert rules.of(both) == {Rule(groups=("analysts",))}
        assert getattr(both, asked.ASKED) == {Session}
        assert list(inspect.signature(both).parameters) == ["word", "session"]


def test_the_undecorated_function_is_left_as_it_was() -> None:
    def fn() -> None: ...

    assert rules.of(for_analysts(fn)) and not rules.of(fn)


def test_rules_are_found_through_whatever_is_around_the_function() -> None:
    @for_analysts
    def fn(word: str) -> str:
        return word

    @functools.wraps(fn)
    def logged(*args: Any) -> Any:
        return fn(*args)

    class Desk:
        @for_analysts
        def method(self) -> None: ...

        @for_analysts
        def __call__(self) -> None: ...

        @staticmethod
        @for_analysts
        def static() -> None: ...

        @for_analysts
        @classmethod
        def of_class(cls) -> None: ...

    partial = functools.partial(functools.partial(fn), "a")
    for found in (logged, partial, Desk(), Desk().method, Desk.static, Desk.of_class):
        assert rules.of(found) == {Rule(groups=("analysts",))}, found
    assert rules.of(None) == rules.of(print) == rules.of(int) == frozenset()


@pytest.mark.parametrize(
    ("decorate", "message"),
    [
        (lambda: requires_group(), "names in parentheses"),
        (lambda: requires_group(lambda: None), "names in parentheses"),  # type: ignore[arg-type]
        (lambda: requires_group(["analysts"]), "names in parentheses"),  # type: ignore[arg-type]
        (lambda: requires_group(""), "names in parentheses"),
        (lambda: requires_permission("publish"), "'publish' is no permission"),
        (lambda: requires_permission("reports."), "'reports.' is no permission"),
        (lambda: requires_staff(dict), "is for functions"),
        (lambda: requires_group("analysts")("fn"), "is for functions"),  # type: ignore[type-var]
    ],
)
def test_a_decorator_that_means_nothing_is_a_mistake(decorate: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        decorate()


def test_while_the_app_is_built_it_may_not_run() -> None:
    fn = for_analysts(lambda: "the value of a component, in everybody's page")
    with running.building(), pytest.raises(TypeError, match="cannot run while the app is built"):
        fn()


async def test_under_gradio_alone_it_runs_for_nobody() -> None:
    compat.prepare()
    import gradio as gr

    demo = gr.Interface(for_analysts(lambda word: word), "text", "text", api_name="secret")
    with pytest.raises(RuntimeError, match="must be served by gradio_ui"):
        await demo.process_api(0, ["a"])


@pytest.mark.parametrize(
    ("rule", "sentence", "shown"),
    [
        (Rule(("a",)), "You need to be in the group a to do this.", "group a"),
        (
            Rule(("a", "b", "c")),
            "You need to be in one of the groups a, b or c to do this.",
            "groups a, b or c",
        ),
        (
            Rule(permission="x.y"),
            "You need the permission x.y to do this.",
            "permission x.y",
        ),
        (Rule(staff=True), "Only staff may do this.", "staff"),
    ],
)
def test_what_a_rule_says(rule: Rule, sentence: str, shown: str) -> None:
    assert (rule.sentence, str(rule), bool(rule)) == (sentence, shown, True)


def spec(**values: Any) -> AppSpec:
    options = {"groups": (), "staff": False} | values
    return AppSpec("x", "X", "", "", order=1, build=lambda: None, module="m", **options)


@pytest.mark.django_db
def test_apps_and_functions_have_one_rule() -> None:
    analyst = UserFactory(groups=["analysts"])
    staff = UserFactory(is_staff=True)
    root = UserFactory(is_superuser=True)
    locked = UserFactory(is_superuser=True, is_active=False)
    permitted = UserFactory()
    permitted.user_permissions.add(Permission.objects.get(codename="view_group"))
    nobody = AnonymousUser()
    people = (analyst, staff, root, locked, permitted, nobody)
    table = {
        Rule(): (True, True, True, False, True, False),
        Rule(("analysts",)): (True, False, True, False, False, False),
        Rule(("x", "analysts")): (True, False, True, False, False, False),
        Rule(staff=True): (False, True, True, False, False, False),
        Rule(("analysts",), staff=True): (False, False, True, False, False, False),
        Rule(permission="auth.view_group"): (False, False, True, False, True, False),
        Rule(public=True): (True, True, True, True, True, True),
    }
    for rule, expected in table.items():
        assert tuple(rule.allows(person) for person in people) == expected, rule
        app = spec(groups=rule.groups, staff=rule.staff, public=rule.public)
        if not rule.permission:
            assert tuple(app.allows(person) for person in people) == expected, rule
