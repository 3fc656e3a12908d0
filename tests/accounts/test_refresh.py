"""Refresh tokens rotate; one that is used again ends the session; a race has one winner."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings

from tests.accounts.helpers import (
    bearer,
    by_api,
    by_page,
    claims_of,
    cookie_of,
    signed,
    status,
)


@pytest.fixture(autouse=True)
def no_waiting(request: pytest.FixtureRequest) -> Any:
    """A winner's answer is held back for half a second, which only the race needs."""
    if "race" in request.node.name:
        yield
        return
    with override_settings(ACCOUNTS_REFRESH_SETTLE=0):
        yield


def refresh(token: str, client: Client | None = None) -> Any:
    return (client or Client()).post(
        "/api/auth/refresh", {"refresh": token}, content_type="application/json"
    )


def test_refreshing_gives_a_new_pair_of_the_same_session(ada: User) -> None:
    first = by_api("ada")
    answer = refresh(first["refresh"])
    assert answer.status_code == 200
    second = answer.json()
    assert second.keys() == first.keys()
    assert second["session_id"] == first["session_id"]
    assert second["user"] == first["user"]
    assert second["refresh"] != first["refresh"]
    assert status(second["access"]) == 200
    assert refresh(second["refresh"]).status_code == 200


def test_session_data_survives_a_refresh(ada: User) -> None:
    tokens = by_api("ada")
    client = Client()
    client.put("/api/session/data/n", "7", "application/json", headers=bearer(tokens["access"]))
    second = refresh(tokens["refresh"]).json()
    found = client.get("/api/session/data", headers=bearer(second["access"])).json()
    assert found == {"n": 7}, "and the refresh token's id is not part of it"


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_a_reused_refresh_token_ends_the_session(ada: User, rounds: int) -> None:
    first = last = by_api("ada")
    other = by_api("ada")
    for _ in range(rounds):
        last = refresh(last["refresh"]).json()
    assert status(last["access"]) == 200
    assert refresh(first["refresh"]).status_code == 401
    assert status(last["access"]) == 401
    assert refresh(last["refresh"]).status_code == 401
    assert status(other["access"]) == 200, "another login of the same user goes on"


def test_a_forged_token_does_not_end_the_session(ada: User) -> None:
    tokens = by_api("ada")
    forged = signed(claims_of(tokens["refresh"]), sub="999")
    assert refresh(forged).status_code == 401
    assert refresh(tokens["refresh"][:-4] + "AAAA").status_code == 401
    assert refresh(tokens["access"]).status_code == 401
    assert status(tokens["access"]) == 200


def test_a_new_login_of_the_same_session_voids_the_old_pair(ada: User) -> None:
    client = Client()
    first, second = by_api("ada", client), by_api("ada", client)
    assert first["session_id"] == second["session_id"]
    assert refresh(second["refresh"]).status_code == 200
    assert refresh(first["refresh"]).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_a_race_of_twenty_has_one_winner_and_one_family(ada: User, transactional_db: None) -> None:
    tokens = by_api("ada")
    start = Barrier(20)

    def run(_: int) -> Any:
        start.wait()
        try:
            return refresh(tokens["refresh"])
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(run, range(20)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [401] * 19
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    assert status(winner["access"]) == 200, "the losers did not end the session"
    successor = refresh(winner["refresh"])
    assert successor.status_code == 200
    # From now on the token of the race is a reused one.
    assert refresh(tokens["refresh"]).status_code == 401
    assert status(successor.json()["access"]) == 401


def test_a_late_copy_is_no_race(ada: User) -> None:
    tokens = by_api("ada")
    second = refresh(tokens["refresh"]).json()  # holds back until the race is over
    assert refresh(tokens["refresh"]).status_code == 401
    assert status(second["access"]) == 401


def test_a_refresh_token_lives_for_its_time_within_the_sessions(
    ada: User, clock: ModuleType
) -> None:
    tokens = by_api("ada")
    claims = claims_of(tokens["refresh"])
    most = min(14 * 86400, settings.SESSIONSTATE_ABSOLUTE_AGE)
    assert most - 2 <= claims["exp"] - claims["iat"] <= most
    with override_settings(SESSIONSTATE_ABSOLUTE_AGE=3600):
        short = by_api("ada")
        clock.shift(1800)
        claims = claims_of(refresh(short["refresh"]).json()["refresh"])
        assert claims["exp"] - claims["iat"] <= 1800
        clock.shift(1801)
        assert refresh(short["refresh"]).status_code == 401


def test_refreshing_counts_as_use(ada: User, clock: ModuleType) -> None:
    tokens = by_api("ada")
    for _ in range(4):
        clock.shift(settings.SESSION_COOKIE_AGE * 0.6)
        answer = refresh(tokens["refresh"])
        assert answer.status_code == 200
        tokens = answer.json()
    clock.shift(settings.SESSION_COOKIE_AGE + 60)
    assert refresh(tokens["refresh"]).status_code == 401


def test_a_browsers_cookie_cannot_be_refreshed_into_tokens(ada: User) -> None:
    browser = by_page("ada")
    assert refresh(cookie_of(browser), browser).status_code == 401
    minted = signed(claims_of(cookie_of(browser)), typ="refresh")
    # Even the right key does not help: a session that gave out no refresh token has none.
    assert refresh(minted).status_code == 401
