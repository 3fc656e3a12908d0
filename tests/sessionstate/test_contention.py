"""Saves of one session that wait for each other on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.servers import BASE_DIR, Postgres


def test_a_save_that_waited_counts_what_the_others_left(postgres_server: Postgres) -> None:
    postgres_server.new_database("contention")
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": "contention"}
    database |= {"USER": "postgres", "HOST": "127.0.0.1", "PORT": str(postgres_server.port)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.sessionstate.contention"],
        cwd=BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "tests.sessionstate.worker_settings",
            "WORKER_SETTINGS": json.dumps({"DATABASES": {"default": database}}),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
