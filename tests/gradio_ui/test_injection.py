"""`@with_session` by itself: signatures, direct calls, mistakes. (The matrix has the rest.)"""

import functools
import inspect
import subprocess
import sys
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Optional

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from gradio_ui import asked, current_session, current_state, current_user, with_session
from gradio_ui.running import Call
from sessionstate import Session, TabState, UserState

if TYPE_CHECKING:
    from decimal import Decimal


@with_session
def count(name: str, session: Session) -> str:
    session["visits"] = session.get("visits", 0) + 1
    return f"{name} {session['visits']}"


def test_a_direct_call_takes_any_mapping() -> None:
    session: dict[str, Any] = {"visits": 4}
    assert count("ada", session) == "ada 5"  # type: ignore[arg-type]
    assert count("ada", session=session) == "ada 6"  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="session"):
        count("ada")  # type: ignore[call-arg]


async def test_each_kind_of_function_stays_what_it_is() -> None:
    @with_session
    async def coroutine(session: Session) -> int:
        return session["a"]

    @with_session
    def generator(session: Session) -> Iterator[int]:
        received = yield session["a"]
        yield received

    @with_session
    async def async_generator(session: Session) -> AsyncIterator[int]:
        yield session["a"]

    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)
    session: Any = {"a": 1}
    assert await coroutine(session) == 1
    assert [value async for value in async_generator(session)] == [1]
    steps = generator(session)
    assert (next(steps), steps.send(2)) == (1, 2)  # type: ignore[attr-defined]


async def test_closing_reaches_the_generator_inside() -> None:
    ended = []

    @with_session
    def generator(session: Session) -> Iterator[int]:
        try:
            yield 1
        finally:
            ended.append("sync")

    @with_session
    async def async_generator(session: Session) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.append("async")

    session: Any = {}
    steps: Any = generator(session)
    next(steps)
    steps.close()
    async_steps: Any = async_generator(session)
    await anext(async_steps)
    await async_steps.aclose()
    assert ended == ["sync", "async"]


def shown(fn: Any) -> list[str]:
    return list(inspect.signature(fn).parameters)


def test_gradio_sees_inputs_first_and_requests_at_the_end() -> None:
    import gradio as gr
    from gradio.utils import get_type_hints

    @with_session
    def mixed(
        session: Session,
        word: str,
        tab: "TabState",
        times: int = 2,
        *rest: str,
        user: UserState | None = None,
        **more: str,
    ) -> None: ...

    assert shown(mixed) == ["word", "times", "session", "tab", "user", "rest", "more"]
    hints = get_type_hints(mixed)
    assert {hints[name] for name in ("session", "tab", "user")} == {gr.Request}
    assert hints["word"] is str


@pytest.mark.parametrize(
    "annotation",
    [
        Session,
        "Session",
        Session | None,
        Optional[Session],  # noqa: UP045
        "Session | None",
        Session | dict,
        Annotated[Session, "of the login"],
        "Annotated[Session | None, 'of the login']",
        Optional[Annotated[Session, 1]],  # noqa: UP045
    ],
)
def test_the_session_may_be_asked_for_as(annotation: Any) -> None:
    def fn(word: str, state: Any = None) -> None: ...

    fn.__annotations__["state"] = annotation
    assert shown(with_session(fn)) == ["word", "state"]
    assert asked.of(with_session(fn)) == {Session}


def test_a_type_that_only_checkers_know_does_not_hide_the_session() -> None:
    @with_session
    def fn(amount: "Decimal", session: "Session") -> "Decimal": ...

    from gradio.routes import Request
    from gradio.utils import get_type_hints

    assert get_type_hints(fn) == {"session": Request}


def test_methods_partials_and_objects() -> None:
    class Greeter:
        greeting = "hi"

        @with_session
        def method(self, name: str, session: Session) -> str:
            return f"{self.greeting} {name} {session['x']}"

        @with_session
        @classmethod
        def of_class(cls, name: str, session: Session) -> str:
            return f"{cls.greeting} {name} {session['x']}"

        @staticmethod
        @with_session
        def static(name: str, session: Session) -> str:
            return f"{name} {session['x']}"

        def __call__(self, name: str, session: Session) -> str:
            return self.method(name, session)

    session: Any = {"x": 1}
    greeter = Greeter()
    assert greeter.method("ada", session) == "hi ada 1"
    assert Greeter.of_class("ada", session) == "hi ada 1"
    assert greeter.static("ada", session) == "ada 1"
    assert with_session(greeter)("ada", session) == "hi ada 1"
    assert with_session(greeter.__call__)("ada", session) == "hi ada 1"
    partial = with_session(functools.partial(inspect.unwrap(count), "bob"))
    assert partial(session) == "bob 1"
    assert partial.__name__ == "count"
    for fn in (greeter.method, Greeter.of_class, greeter.static, with_session(greeter)):
        assert shown(fn) == ["name", "session"]


@pytest.mark.parametrize(
    "fn", [lambda word: word, lambda *args: args, print, functools.partial(int)]
)
def test_a_function_that_asks_for_nothing_is_a_mistake(fn: Any) -> None:
    with pytest.raises(TypeError, match="no argument annotated with Session"):
        with_session(fn)


def test_the_annotations_may_be_given_by_hand() -> None:
    fn = with_session(lambda word, session: f"{word} {session['x']}", session=Session)
    assert fn("ada", {"x": 1}) == "ada 1"
    assert asked.of(fn) == {Session}
    with pytest.raises(TypeError, match="has no argument 'tab'"):
        with_session(lambda word: word, tab=TabState)
    with pytest.raises(TypeError, match="is neither a state nor a user"):
        with_session(lambda word: word, word=str)


class ShopSession(Session):
    pass


@pytest.mark.parametrize(
    ("annotation", "classes", "or_none"),
    [
        (User, {User}, False),
        (get_user_model(), {User}, False),
        ("User", {User}, False),
        (AbstractBaseUser, {AbstractBaseUser}, False),
        (User | AnonymousUser, {User, AnonymousUser}, False),
        (Optional[User], {User}, True),  # noqa: UP045
        (Annotated[User | None, "who"], {User}, True),
    ],
)
def test_the_user_may_be_asked_for_as(annotation: Any, classes: set[type], or_none: bool) -> None:
    def fn(word: str, user: Any) -> None: ...

    fn.__annotations__["user"] = annotation
    assert shown(with_session(fn)) == ["word", "user"]
    assert asked.of(with_session(fn)) == classes
    found = asked.by(typing.get_type_hints(fn)["user"])
    assert isinstance(found, asked.OfUser)
    assert (set(found.classes), found.or_none) == (classes, or_none)


@pytest.mark.parametrize("annotation", [str, dict[str, Any], list, Any, Callable[..., Any], None])
def test_other_types_are_not_ours(annotation: Any) -> None:
    assert asked.by(annotation) is None


def test_a_class_of_ones_own_is_of_its_scope() -> None:
    assert asked.by(ShopSession | None) == asked.OfState(ShopSession)
    assert asked.scope_of(ShopSession) is Session


def test_who_is_not_signed_in_is_what_the_annotation_says() -> None:
    import gradio as gr

    visitor, ada = AnonymousUser(), User(username="ada")
    call: Any = Call.__new__(Call)
    call._scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    for user, annotation, given in (
        (ada, User, ada),
        (ada, AbstractBaseUser | None, ada),
        (visitor, User | AnonymousUser, visitor),
        (visitor, User | None, None),
        (visitor, User | AnonymousUser | None, visitor),
    ):
        call.user = user
        assert call.give(asked.by(annotation), "fn") is given
    call.user = visitor
    with pytest.raises(gr.Error, match="Sign in to do this"):
        call.give(asked.by(User), "fn")
    call.user = ada
    with pytest.raises(TypeError, match="takes a AnonymousUser, and the users of this site"):
        call.give(asked.by(AnonymousUser), "fn")


def test_functools_wraps_sees_a_decorated_method_without_its_self() -> None:
    class Greeter:
        @with_session
        def method(self, name: str, session: Session) -> str:
            return name

    @functools.wraps(Greeter().method)
    def around(*args: Any) -> Any: ...

    assert shown(around) == ["name", "session"]


def test_an_annotation_that_cannot_be_found_is_named() -> None:
    def fn(session: "Sesion") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TypeError, match="'Sesion' cannot be resolved"):
        with_session(fn)


def test_outside_of_our_apps_the_sentence_says_what_to_do() -> None:
    import gradio as gr

    with pytest.raises(RuntimeError, match="must be served by gradio_ui"):
        count("ada", gr.Request())  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="current_session"):
        current_session()
    with pytest.raises(LookupError, match="current_state"):
        current_state(UserState)
    with pytest.raises(LookupError, match="current_user"):
        current_user()


def test_decorating_and_registering_import_no_gradio() -> None:
    script = (
        "import sys, django; django.setup()\n"
        "from gradio_ui import register, with_session\n"
        "from sessionstate import Session\n"
        "@with_session\ndef f(a: str, session: Session): ...\n"
        "@register('x')\ndef build(): ...\n"
        "assert 'gradio' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("command", [["check"], ["migrate", "--check"], ["shell", "-c", "pass"]])
def test_commands_do_not_import_gradio(command: list[str], tmp_path: Any) -> None:
    script = (
        "import sys\n"
        "from django.core.management import execute_from_command_line\n"
        "try:\n"
        f"    execute_from_command_line(['manage.py', *{command!r}])\n"
        "except SystemExit: pass\n"
        "assert 'django.contrib.auth' in sys.modules and 'gradio' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env=_with_path())


def _with_path() -> dict[str, str]:
    import os

    from django.conf import settings

    return os.environ | {"PYTHONPATH": str(settings.BASE_DIR)}
