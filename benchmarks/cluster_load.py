"""Many people use a site of three processes at once, and whatever can happen to it happens.

    python -m benchmarks.cluster_load calm        nothing happens
    python -m benchmarks.cluster_load machines    nothing, on three machines of their own (root)
    python -m benchmarks.cluster_load kill        processes are killed, again and again
    python -m benchmarks.cluster_load restart     all processes are restarted, one after the other
    python -m benchmarks.cluster_load redis       Redis is restarted, stands still, and is away

Starts nginx, Redis, PostgreSQL and the processes, and says what became of the events. Ends with
an error when anything was lost that should not be.
"""

import argparse
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster import chaos, kills
from tests.cluster.conftest import Processes, processes
from tests.cluster.load import Load, loaded
from tests.cluster.network import machines
from tests.servers import HERE, Place, SiteFactory, manage, new_postgres, project_env

_USERS = """
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
password = make_password("gradio-demo")
User.objects.bulk_create(User(username=f"user{n}", password=password) for n in range(%d))
"""


@contextmanager
def site(users: int, *, apart: bool, directory: Path) -> Iterator[tuple[Processes, chaos.Redis]]:
    with ExitStack() as stack:
        host, places = stack.enter_context(machines(3)) if apart else (HERE.host, [])
        redis = stack.enter_context(chaos.redis(directory / "redis", Place(host)))
        postgres = stack.enter_context(new_postgres())
        postgres.new_database("load")
        more = {
            "DATABASE_URL": postgres.socket_url("load"),
            # All sign in from one address.
            "ACCOUNTS_ATTEMPTS": "10000/m/ip",
        }
        env = project_env(directory, **more)
        for command in (["migrate", "-v", "0"], ["shell", "-v", "0", "-c", _USERS % users]):
            done = manage(*command, env=env)
            assert done.returncode == 0, done.stderr
        unused = directory / "unused.sqlite3"
        unused.touch()
        factory = SiteFactory(directory, unused)
        servers = ("daphne", "uvicorn", "uvicorn")
        yield stack.enter_context(processes(factory, servers, redis.url, more, places)), redis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("calm", "machines", "kill", "restart", "redis"))
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    given = parser.parse_args()
    # As an interrupt does: everything that was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cluster-")))
        apart = given.what == "machines"
        found, redis = stack.enter_context(site(given.users, apart=apart, directory=directory))
        names = [f"user{number}" for number in range(given.users)]
        load = stack.enter_context(loaded(found, names, directory))
        stack.callback(report, load)
        if given.what in ("calm", "machines"):
            wrong = load.run(given.events).failures
        elif given.what == "kill":
            with load.going_on():
                killed = kills.kill(found, load, given.kills)
            stack.callback(lambda: print(kills.summary(load, killed)))
            wrong = kills.wrong(load, killed)
        elif given.what == "restart":
            with load.going_on():
                kills.restart_all(found, load)
            wrong = load.failures
        else:
            with load.going_on():
                outages = chaos.outages(redis, 30)
            print(*chaos.described(load, outages), sep="\n")
            wrong = chaos.unbounded(load, outages)
        for event in wrong:
            print(event, load.where().get(event.token))
        assert not wrong


def report(load: Load) -> None:
    print(load.table())
    for (kind, error), count in Counter((e.kind, e.error) for e in load.failures).items():
        print(f"{count} x {kind}: {error}")
    for event in load.stale:
        print(event)


if __name__ == "__main__":
    main()
