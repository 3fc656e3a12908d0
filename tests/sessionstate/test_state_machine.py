"""Three faces of one session, driven in any order against a model: two `Session` objects, one of
them by the async twins, and Django's `request.session`. The same on every backend."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sessionstate import Session, clock, logins
from sessionstate.backends import get_backend
from sessionstate.backends.base import size_of
from sessionstate.codec import encode
from sessionstate.engine import SessionStore
from sessionstate.errors import SessionGone, StateTooLarge
from sessionstate.threads import in_thread

# Time moves by hundreds of seconds, and no limit is a multiple of that: what the test itself takes
# does not matter.
STEP, IDLE, CUSTOM, ABSOLUTE = 100, 1050, 450, 3050
LIMIT = 2000
USER_KEY, EXPIRY_KEY = "_auth_user_id", "_session_expiry"

Content = dict[str, Any]


# The model ------------------------------------------------------------------------------------


def encoded(content: Content) -> dict[str, bytes]:
    return {key: encode(value) for key, value in content.items()}


def size(content: Content) -> int:
    return size_of(encoded(content))


def differences(old: Content, new: Content) -> tuple[Content, set[str]]:
    """What was set, and what was removed."""
    known = encoded(old)
    written = {key: new[key] for key, data in encoded(new).items() if known.get(key) != data}
    return written, old.keys() - new.keys()


@dataclass
class Stored:
    content: Content
    created: int
    used: int
    expires: int
    version: int = 1
    revoked: bool = False

    def touch(self, now: int, content: Content) -> None:
        """`content` is what the face that touches it believes."""
        idle = content.get(EXPIRY_KEY) or IDLE
        self.used, self.expires = now, min(now + idle, self.created + ABSOLUTE)


@dataclass
class Seen:
    """What a face shows (`content`), and what it had of the store (`base`)."""

    of: Stored
    base: Content
    content: Content
    used: int

    @classmethod
    def all(cls, stored: Stored) -> Seen:
        return cls(stored, deepcopy(stored.content), deepcopy(stored.content), stored.used)

    def copy(self) -> Seen:
        return Seen(self.of, deepcopy(self.base), deepcopy(self.content), self.used)

    @property
    def changed(self) -> bool:
        return any(differences(self.base, self.content))

    def merge(self, onto: Content) -> None:
        """The stored content with the changes made here on top."""
        written, removed = differences(self.base, self.content)
        self.base = deepcopy(onto)
        self.content = {k: v for k, v in (onto | written).items() if k not in removed}
        self.content = deepcopy(self.content)


@dataclass
class Model:
    now: int = 0

    def alive(self, stored: Stored) -> bool:
        return not stored.revoked and stored.expires > self.now

    def save(self, seen: Seen) -> type[Exception] | None:
        """What the save raises."""
        stored = seen.of
        if not self.alive(stored):
            return SessionGone
        written, removed = differences(seen.base, seen.content)
        content = {k: v for k, v in (stored.content | written).items() if k not in removed}
        if size(content) > LIMIT and size(content) > size(stored.content):
            return StateTooLarge
        stored.content = deepcopy(content)
        stored.version += 1
        stored.touch(self.now, seen.content)
        seen.base, seen.used = deepcopy(seen.content), self.now
        return None


# The faces ------------------------------------------------------------------------------------


class SyncFace:
    def __init__(self, session_id: str, runner: asyncio.Runner) -> None:
        self.state = Session(session_id)

    def load(self) -> None:
        self.state.load()

    def save(self) -> None:
        self.state.save()

    def atomic(self, block: Callable[[], None]) -> None:
        with self.state.atomic():
            block()


class AsyncFace(SyncFace):
    def __init__(self, session_id: str, runner: asyncio.Runner) -> None:
        super().__init__(session_id, runner)
        self.run = runner.run

    def load(self) -> None:
        self.run(self.state.aload())

    def save(self) -> None:
        self.run(self.state.asave())

    def atomic(self, block: Callable[[], None]) -> None:
        async def work() -> None:
            async with self.state.atomic():
                # What others do meanwhile is sync code, which Django refuses on the loop.
                await in_thread(block)

        self.run(work())


class DjangoFace(SyncFace):
    def __init__(self, session_id: str, runner: asyncio.Runner) -> None:
        self.session_id = session_id
        self.state: Any = SessionStore(session_id)

    def load(self) -> None:
        store = SessionStore(self.session_id)
        store.keys()
        if store.is_empty():
            raise SessionGone
        self.state = store


@dataclass
class Player:
    face: SyncFace
    seen: Seen
    hidden: bool = field(init=False)

    def __post_init__(self) -> None:
        self.hidden = not isinstance(self.face, DjangoFace)

    @property
    def expected(self) -> Content:
        return {
            k: v for k, v in self.seen.content.items() if not (self.hidden and k.startswith("_"))
        }


class Failed(Exception):
    pass


@contextmanager
def raising(expected: type[Exception] | None) -> Iterator[None]:
    if expected is None:
        yield
    else:
        with pytest.raises(expected):
            yield


# The machine ----------------------------------------------------------------------------------

keys = st.sampled_from("abcd")
values = st.one_of(
    st.integers(-2, 2),
    st.sampled_from([None, True, 1.0, "", "é", b"\x00", (1, [2]), "x" * 900]),
    st.lists(st.integers(0, 2), max_size=3),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=2),
)
players = st.integers(0, 2)
changes = st.lists(st.tuples(keys, values | st.just(...)), min_size=1, max_size=3)


class OneSession(RuleBasedStateMachine):
    @initialize()
    def sign_in(self) -> None:
        self.model = Model()
        self.runner = asyncio.Runner()
        self.user = uuid.uuid4().hex
        self.dead: list[str] = []
        store = SessionStore()
        store[USER_KEY] = self.user
        store.save()
        self.use(store, {USER_KEY: self.user})

    def use(self, store: SessionStore, content: Content) -> None:
        """All faces turn to this new session."""
        assert store.session_key
        self.id, now = store.session_key, self.model.now
        self.stored = Stored(content, created=now, used=now, expires=0)
        self.stored.touch(now, content)
        self.players = [
            Player(face(self.id, self.runner), Seen.all(self.stored))
            for face in (SyncFace, AsyncFace, DjangoFace)
        ]
        for player in self.players:
            player.face.load()

    @property
    def alive(self) -> bool:
        return self.model.alive(self.stored)

    @rule(who=players, changes=changes)
    def change(self, who: int, changes: list[tuple[str, Any]]) -> None:
        self.apply(self.players[who], changes)

    def apply(self, player: Player, changes: list[tuple[str, Any]]) -> None:
        for key, value in changes:
            if value is ...:
                assert (key in player.face.state) is (key in player.seen.content)
                player.face.state.pop(key, None)
                player.seen.content.pop(key, None)
            else:
                player.face.state[key] = deepcopy(value)
                player.seen.content[key] = deepcopy(value)

    @rule(who=players, key=keys)
    def change_inside(self, who: int, key: str) -> None:
        player = self.players[who]
        for content in (player.face.state, player.seen.content):
            match content.get(key):
                case list() as items:
                    items.append(7)
                case dict() as items:
                    items["z"] = 7
                case (_, list() as items):
                    items.clear()

    @rule(who=players)
    def load(self, who: int) -> None:
        player = self.players[who]
        if self.alive:
            player.face.load()
            player.seen = Seen.all(self.stored)
            return
        with pytest.raises(SessionGone):
            player.face.load()
        if player.hidden:  # it has nothing to show any more; a view keeps what it had
            player.seen = Seen(self.stored, {}, {}, player.seen.used)

    @rule(who=players)
    def save(self, who: int) -> None:
        player = self.players[who]
        if player.seen.changed:
            with raising(self.model.save(player.seen)):
                player.face.save()
        elif player.hidden or self.alive:
            player.face.save()
            if not player.hidden:  # as in Django's engines
                self.use_noted(player)
        else:
            with pytest.raises(SessionGone):
                player.face.save()

    @rule(
        who=players,
        changes=changes,
        other=players,
        meanwhile=st.sampled_from(["nothing", "save", "revoke", "fail"]),
    )
    def atomic(self, who: int, changes: list[tuple[str, Any]], other: int, meanwhile: str) -> None:
        player, entered = self.players[who], self.alive
        before = deepcopy(self.stored.content)
        outcome: list[type[Exception] | None] = [None if entered else SessionGone]
        if entered:
            player.seen.merge(before)
            player.seen.used = self.stored.used
        pending = player.seen.copy()

        def block() -> None:
            self.apply(player, changes)
            if meanwhile == "save" and other != who:
                self.save_in_thread(other)
            elif meanwhile == "revoke":
                self.revoke()
            if meanwhile == "fail":
                outcome[0] = Failed
                raise Failed
            if player.seen.changed:
                outcome[0] = self.model.save(player.seen)

        try:
            player.face.atomic(block)
        except (Failed, SessionGone, StateTooLarge) as error:
            assert type(error) is outcome[0]
            player.seen = pending
        else:
            assert outcome[0] is None

    def save_in_thread(self, who: int) -> None:
        player = self.players[who]
        # The loop of the async face may be the one that waits for us.
        if player.seen.changed:
            with raising(self.model.save(player.seen)):
                player.face.state.save()

    @rule(who=st.just(2), seconds=st.sampled_from([CUSTOM, 0]))
    def set_expiry(self, who: int, seconds: int) -> None:
        player = self.players[who]
        player.face.state.set_expiry(seconds)
        player.seen.content[EXPIRY_KEY] = seconds

    @rule(steps=st.integers(1, 5))
    def wait(self, steps: int) -> None:
        clock.shift(steps * STEP)
        self.model.now += steps * STEP

    @rule()
    def touch(self) -> None:
        player = self.players[2]
        due = self.model.now > player.seen.used
        assert player.face.state.touch_if_due() is (self.alive or not due)
        if due and self.alive:
            self.use_noted(player)

    def use_noted(self, player: Player) -> None:
        self.stored.touch(self.model.now, player.seen.content)
        player.seen.used = self.model.now

    @rule(how=st.sampled_from(["one", "user", "flush"]))
    def end(self, how: str) -> None:
        match how:
            case "one":
                self.revoke()
            case "user":
                assert logins.revoke_user(self.user) == self.alive
                self.stored.revoked = True
            case "flush":
                SessionStore(self.id).flush()
                self.stored.revoked = True

    def revoke(self) -> None:
        assert logins.revoke(self.id) is self.alive
        self.stored.revoked = True

    @precondition(lambda self: self.alive and size(self.players[2].seen.content) <= LIMIT)
    @rule()
    def new_id(self) -> None:
        """As a sign-in does: the data stays, the old id is dead."""
        store, content = self.players[2].face.state, self.players[2].seen.content
        self.dead.append(self.id)
        store.cycle_key()
        assert store.session_key not in self.dead
        self.use(store, deepcopy(content))

    @precondition(lambda self: not self.alive)
    @rule()
    def sign_in_again(self) -> None:
        self.dead.append(self.id)
        store = SessionStore(self.id)
        store[USER_KEY] = self.user
        store.save()
        assert store.session_key not in self.dead
        self.use(store, {USER_KEY: self.user})

    @rule()
    def purge(self) -> None:
        get_backend().purge()

    @invariant()
    def the_store_holds_what_the_model_says(self) -> None:
        fresh = Session(self.id)
        if not self.alive:
            with pytest.raises(SessionGone):
                fresh.load()
            assert logins.for_user(self.user) == []
            return
        fresh.load()
        assert encoded(dict(fresh._record.values)) == encoded(self.stored.content)
        (login,) = logins.for_user(self.user)
        assert (login.id, login.version) == (self.id, self.stored.version)
        assert login.size == size(self.stored.content)

    @invariant()
    def every_face_shows_its_own_changes(self) -> None:
        for player in self.players:
            assert encoded(dict(player.face.state.items())) == encoded(player.expected)
            if player.hidden:
                assert player.face.state.changed is player.seen.changed

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for session_id in self.dead:
            assert not SessionStore().exists(session_id)
        logins.revoke_user(self.user)
        self.runner.close()
        clock.reset()


@override_settings(
    SESSION_COOKIE_AGE=IDLE, SESSIONSTATE_ABSOLUTE_AGE=ABSOLUTE, SESSIONSTATE_MAX_BYTES=LIMIT
)
@pytest.mark.usefixtures("backend")
def test_every_order_of_events_does_what_the_model_says() -> None:
    run_state_machine_as_test(
        OneSession,
        settings=hypothesis_settings(max_examples=60, stateful_step_count=30, deadline=None),
    )
