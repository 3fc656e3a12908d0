"""Each hole that Gradio leaves open: the attack succeeds on the bare app, and not through the gate.

That it succeeds there proves that the row here tests the gate, and not itself.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.attacks import on_files, on_functions, on_sessions
from tests.attacks.conftest import Target
from tests.attacks.people import Failed, Person, Victim

Attack = Callable[[Person, Victim], bool]

ATTACKS = [*on_sessions.ATTACKS, *on_files.ATTACKS, *on_functions.ATTACKS]
BY_ANYBODY = on_sessions.BY_ANYBODY | on_functions.BY_ANYBODY


def succeeds(attack: Attack, thief: Person, victim: Victim) -> bool:
    thief.answers.clear()
    thief.failures.clear()
    try:
        return attack(thief, victim)
    except Failed as error:
        thief.failures.append(str(error))
        return False


# Gradio waits up to a minute for the moment at which it can end a generator from outside.
SLOW = {on_sessions.cancel_a_job_under_his_own_hash}


@pytest.mark.parametrize(
    "attack", [a for a in ATTACKS if a not in SLOW], ids=lambda attack: attack.__name__
)
def test_bare_gradio_lets_it_happen(bare: Target, attack: Attack) -> None:
    victim = Victim(bare.ada)
    thief = bare.nobody if attack in BY_ANYBODY else bare.bob
    assert succeeds(attack, thief, victim), (thief.failures, thief.answers)
    victim.leave()


@pytest.fixture(scope="module")
def victims(ours: Target) -> Iterator[list[Victim]]:
    """The one that the rows share for as long as nobody has done her any harm."""
    victims: list[Victim] = []
    yield victims
    for victim in victims:
        victim.leave()


@pytest.fixture
def victim(ours: Target, victims: list[Victim]) -> Victim:
    if victims:
        try:
            victims[0].look()
        except (AssertionError, Failed):
            victims.clear()
    if not victims:
        victims.append(Victim(ours.ada))
    return victims[0]


@pytest.mark.parametrize("who", ["nobody", "bob"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_the_gate_does_not(ours: Target, victim: Victim, attack: Attack, who: str) -> None:
    thief: Person = getattr(ours, who)
    assert not succeeds(attack, thief, victim)
    codes = [answer.status_code for answer in thief.answers]
    assert thief.failures or any(400 <= code < 500 for code in codes), codes
    assert all(code < 500 for code in codes), codes
    victim.look()


@pytest.fixture(scope="module")
def visitor(visited: Target) -> Iterator[Victim]:
    victim = Victim(visited.ada)
    yield victim
    victim.leave()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_nor_does_it_between_visitors(visited: Target, visitor: Victim, attack: Attack) -> None:
    test_the_gate_does_not(visited, visitor, attack, "bob")
