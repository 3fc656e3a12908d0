"""One function of every kind. Each takes a word, counts in every scope that it asks for, under a
key of its own, and says who called: "ada|word|1|1|1"."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, Literal, Optional

import gradio as gr
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from gradio_ui import current_session, current_state, current_user, with_session
from sessionstate import Session, TabState, UserState
from tests.gradio_ui.table import later

SCOPES = {"session": Session, "user": UserState, "tab": TabState}
# A generator has counted so far when it is through.
STEPS = 3

Answer = Callable[[str], Any]


class Visits(Session):
    last: Literal["none", "a word"] = "none"


class Preferences(UserState):
    last: Literal["none", "a word"] = "none"


class Wizard(TabState):
    last: Literal["none", "a word"] = "none"


def add_one(state: Any, key: str) -> int:
    # Nested, so the change must be found without an assignment. Each under a key of its own:
    # events that run at the same time change one session.
    counted: dict[str, int] = state.setdefault(key, {"count": 0})
    counted["count"] += 1
    return counted["count"]


def text(key: str, word: Any, *states: Any, user: Any = None) -> str:
    assert user is None or user is current_user()
    numbers = dict.fromkeys(SCOPES.values(), 0)
    for state in states:
        (scope,) = (scope for scope in numbers if isinstance(state, scope))
        numbers[scope] = add_one(state, key)
    return "|".join([current_user().get_username(), str(word), *map(str, numbers.values())])


def functions(event: str, answer: Answer = str) -> dict[str, Callable[..., Any]]:
    """By kind. `answer` makes of the text what this event wants from its function."""

    def count(kind: str, *args: Any, **kwargs: Any) -> Any:
        return answer(text(f"{event}-{kind}", *args, **kwargs))

    @with_session
    def plain(word: str, session: Session, mine: UserState, tab: TabState) -> str:
        return count("plain", word, session, mine, tab)

    @with_session
    def only_session(word: str, session: Session) -> str:
        return count("only_session", word, session)

    @with_session
    def only_user_state(word: str, mine: UserState) -> str:
        return count("only_user_state", word, mine)

    @with_session
    def only_tab(word: str, tab: TabState) -> str:
        return count("only_tab", word, tab)

    @with_session
    async def coroutine(word: str, session: Session, mine: UserState, tab: TabState) -> str:
        return count("coroutine", word, session, mine, tab)

    @with_session
    def generator(word: str, session: Session, mine: UserState, tab: TabState) -> Iterator[str]:
        for _ in range(STEPS):
            yield count("generator", word, session, mine, tab)

    @with_session
    async def async_generator(
        word: str, session: Session, mine: UserState, tab: TabState
    ) -> AsyncIterator[str]:
        for _ in range(STEPS):
            yield count("async_generator", word, session, mine, tab)

    class Counter:
        @with_session
        def method(self, word: str, session: Session, mine: UserState, tab: TabState) -> str:
            return count("method", word, session, mine, tab)

        @with_session
        async def async_method(
            self, word: str, session: Session, mine: UserState, tab: TabState
        ) -> str:
            return count("async_method", word, session, mine, tab)

        @with_session
        @classmethod
        def of_class(cls, word: str, session: Session, mine: UserState, tab: TabState) -> str:
            return count("of_class", word, session, mine, tab)

        @staticmethod
        @with_session
        def static(word: str, session: Session, mine: UserState, tab: TabState) -> str:
            return count("static", word, session, mine, tab)

        def __call__(self, word: str, session: Session, mine: UserState, tab: TabState) -> str:
            return count("object", word, session, mine, tab)

    class Decorated:
        @with_session
        def __call__(self, word: str, session: Session, mine: UserState, tab: TabState) -> str:
            return count("decorated_object", word, session, mine, tab)

    def of_partial(kind: str, word: str, session: Session, mine: UserState, tab: TabState) -> str:
        return count(kind, word, session, mine, tab)

    @with_session
    def first(session: Session, mine: UserState, word: str, tab: TabState) -> str:
        return count("first", word, session, mine, tab)

    @with_session
    def keyword_only(word: str, *, session: Session, mine: UserState, tab: TabState) -> str:
        return count("keyword_only", word, session, mine, tab)

    @with_session
    def optional(
        word: str,
        session: Session | None = None,
        mine: Optional[UserState] = None,  # noqa: UP045
        tab: TabState | dict[str, Any] | None = None,
    ) -> str:
        return count("optional", word, session, mine, tab)

    @with_session
    def annotated(
        word: Annotated[str, "a word"],
        session: Annotated[Session, "of the login"],
        mine: Annotated[UserState | None, "of the person"],
        tab: Annotated["TabState", "of the tab"],
    ) -> str:
        return count("annotated", word, session, mine, tab)

    @with_session
    def defaults(
        word: str, session: Session, times: int = 1, *, mine: UserState, tab: TabState
    ) -> str:
        return count("defaults", word * times, session, mine, tab)

    @with_session
    def specials(
        request: gr.Request,
        session: Session,
        word: str,
        event: gr.EventData,
        mine: UserState,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
        tab: TabState | None = None,
    ) -> str:
        progress(0.5)
        assert isinstance(event, gr.EventData)
        assert request.session is session is current_session()
        return count("specials", word, session, mine, tab)

    @with_session
    def own_classes(word: str, session: Visits, mine: Preferences, tab: Wizard) -> str:
        session.last = mine.last = tab.last = "a word"
        assert current_session()["last"] == current_state(TabState)["last"] == "a word"
        return count("own_classes", word, session, mine, tab)

    @with_session
    def user(user: User, word: str, session: Session, mine: UserState, tab: TabState) -> str:
        return count("user", word, session, mine, tab, user=user)

    @with_session
    async def user_or_visitor(
        word: str,
        session: Session,
        mine: UserState,
        tab: TabState,
        user: get_user_model() | AnonymousUser | None = None,
    ) -> str:
        return count("user_or_visitor", word, session, mine, tab, user=user)

    @with_session
    def base_user(
        word: str, session: Session, mine: UserState, tab: TabState, *, user: AbstractBaseUser
    ) -> str:
        return count("base_user", word, session, mine, tab, user=user)

    def deep_inside(word: str) -> str:
        return count("deep_inside", word, *map(current_state, SCOPES.values()))

    async def in_a_thread(word: str) -> str:
        states = map(current_state, SCOPES.values())
        return await asyncio.to_thread(count, "in_a_thread", word, *states)

    def inner(word: str, session: Session, mine: UserState, tab: TabState) -> str:
        return count("logged", word, session, mine, tab)

    @functools.wraps(decorated := with_session(inner))
    def logged(*args: Any, **kwargs: Any) -> str:
        return decorated(*args, **kwargs)

    counter = Counter()
    functions = [
        plain,
        only_session,
        only_user_state,
        only_tab,
        coroutine,
        generator,
        async_generator,
        counter.method,
        counter.async_method,
        counter.of_class,
        counter.static,
        first,
        keyword_only,
        optional,
        annotated,
        defaults,
        specials,
        own_classes,
        user,
        user_or_visitor,
        base_user,
        deep_inside,
        in_a_thread,
    ]
    found: dict[str, Any] = {fn.__name__: fn for fn in functions} | {
        "object": with_session(counter),
        "decorated_object": Decorated(),
        "partial": with_session(functools.partial(of_partial, "partial")),
        "partial_of_decorated": functools.partial(with_session(of_partial), "partial_of_decorated"),
        "by_hand": with_session(
            lambda word, session, mine, tab: count("by_hand", word, session, mine, tab),
            session=Session,
            mine=UserState,
            tab=TabState,
        ),
        "logged": logged,
        "postponed": later.postponed(count),
    }
    for kind, fn in found.items():
        if getattr(fn, "__name__", None) != kind:
            fn.__name__ = kind  # by which a tool is called
    return found


def chat_functions(event: str) -> dict[str, Callable[..., Any]]:
    """For `ChatInterface`, whose functions take a message and what was said before."""

    def count(kind: str, *args: Any) -> str:
        return text(f"{event}-{kind}", *args)

    @with_session
    def plain(
        message: str, history: list[Any], session: Session, mine: UserState, tab: TabState
    ) -> str:
        return count("plain", message, session, mine, tab)

    @with_session
    async def coroutine(
        message: str, history: list[Any], session: Session, mine: UserState, tab: TabState
    ) -> str:
        return count("coroutine", message, session, mine, tab)

    @with_session
    def generator(
        message: str, history: list[Any], session: Session, mine: UserState, tab: TabState
    ) -> Iterator[str]:
        for _ in range(STEPS):
            yield count("generator", message, session, mine, tab)

    @with_session
    async def async_generator(
        session: Session, message: str, mine: UserState, history: list[Any], tab: TabState
    ) -> AsyncIterator[str]:
        for _ in range(STEPS):
            yield count("async_generator", message, session, mine, tab)

    class Counter:
        @with_session
        def method(
            self,
            user: User,
            message: str,
            history: list[Any],
            session: Visits,
            mine: UserState,
            tab: TabState,
        ) -> str:
            return text(f"{event}-method", message, session, mine, tab, user=user)

    @with_session
    def additional_inputs(
        message: str,
        session: Session,
        history: list[Any],
        mine: UserState,
        louder: bool,
        tab: TabState,
        request: gr.Request,
    ) -> str:
        assert louder and request.username
        return count("additional_inputs", message, session, mine, tab)

    @with_session
    def multimodal(
        message: dict[str, Any],
        history: list[Any],
        session: Session,
        mine: UserState,
        tab: TabState,
    ) -> str:
        return count("multimodal", message["text"], session, mine, tab)

    functions = [plain, coroutine, generator, async_generator, Counter().method]
    return {fn.__name__: fn for fn in (*functions, additional_inputs, multimodal)}


KINDS = tuple(functions(""))
CHAT_KINDS = tuple(chat_functions(""))
GENERATORS = {"generator", "async_generator"}
ASYNC = {"coroutine", "async_method", "user_or_visitor", "in_a_thread"}
# Scopes that a function does not ask for.
ONLY = {"only_session": "session", "only_user_state": "user", "only_tab": "tab"}
