"""A process for `test_races`: reads orders, one JSON a line, and answers each with one line."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import django

THREADS = 10


def post(path: str, body: dict[str, Any]) -> tuple[int, Any]:
    from django.db import connections
    from django.test import Client

    client = Client(raise_request_exception=False, SERVER_NAME="localhost")
    try:
        answer = client.post(path, body, content_type="application/json")
    finally:
        connections.close_all()
    if error := getattr(answer, "exc_info", None):
        return answer.status_code, repr(error[1])
    is_json = answer["Content-Type"].startswith("application/")
    return answer.status_code, answer.json() if is_json else None


def setup(username: str, password: str) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_user(username, password=password)


def race(path: str, body: dict[str, Any]) -> list[tuple[int, Any]]:
    """All at once."""
    start = Barrier(THREADS)

    def one(_: int) -> tuple[int, Any]:
        start.wait(30)
        return post(path, body)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def settle(seconds: float) -> None:
    """Ten threads on a busy machine are slower than ten requests to a server."""
    from django.test.utils import override_settings

    override_settings(ACCOUNTS_REFRESH_SETTLE=seconds).enable()


def live(username: str) -> list[str]:
    from django.contrib.auth.models import User

    from sessionstate import logins

    return [login.id for login in logins.for_user(User.objects.get(username=username).pk)]


def main() -> None:
    from django.conf import settings
    from django.contrib.auth.hashers import Argon2PasswordHasher

    settings.ACCOUNT_RATE_LIMITS = False
    Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost = 1, 64
    orders = {"setup": setup, "settle": settle, "post": post, "race": race, "live": live}
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(orders[name](*arguments)), flush=True)


if __name__ == "__main__":
    django.setup()
    main()
