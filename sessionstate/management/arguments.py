"""The arguments of `manage.py sessions`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

EPILOG = """
Sessions are named by the first 8 or more characters of their id, as lists and logs show them.
A whole id is a secret: whoever has it may be able to use the session. Only --full-ids prints it.
Exit codes: 0 done, 1 not done for the reason that is printed, 2 wrong arguments, 3 the session
store does not answer.
"""


def add(parser: ArgumentParser) -> None:
    tasks = parser.add_subparsers(dest="task", required=True, metavar="task")

    def task(name: str, what: str) -> ArgumentParser:
        sub: ArgumentParser = tasks.add_parser(name, help=what, description=what)
        sub.add_argument("--json", action="store_true", help="Print JSON.")
        return sub

    one = task("list", "Lists live sessions, the last used first.")
    whose = one.add_mutually_exclusive_group()
    whose.add_argument("--user", metavar="NAME", help="Of this user (name or id).")
    whose.add_argument("--anonymous", action="store_true", help="Of visitors.")
    one.add_argument("--search", metavar="TEXT", help="In user name, address or device.")
    one.add_argument("--limit", type=_positive, default=50, metavar="N", help="A page (50).")
    one.add_argument("--page", type=_positive, default=1, metavar="N", help="Which page (1).")
    _full_ids(one)

    one = task("show", "Shows one session and its keys with type and size.")
    one.add_argument("id", help="The first 8 or more characters of its id.")
    one.add_argument(
        "--values", action="store_true", help="Shows values too, shortened; never secrets."
    )
    _full_ids(one)

    one = task("revoke", "Ends sessions: their users are signed out, their data is deleted.")
    one.add_argument("ids", nargs="*", metavar="id", help="First 8 or more characters.")
    one.add_argument("--user", metavar="NAME", help="All of this user (name or id).")
    one.add_argument("--except", dest="kept", metavar="ID", help="With --user: not this one.")
    one.add_argument("--all", action="store_true", help="Everybody's.")
    one.add_argument("--dry-run", action="store_true", help="Only says what would be ended.")
    one.add_argument(
        *("--no-input", "--noinput"),
        action="store_false",
        dest="interactive",
        help="Does not ask.",
    )

    one = task("purge", "Removes what has expired. `clearsessions` does the same.")
    one.add_argument(
        "--batch", type=_positive, default=1000, metavar="N", help="Records at a time (1000)."
    )

    task("stats", "Counts what the store holds.")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _full_ids(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--full-ids", action="store_true", help="Prints whole ids. They are secrets."
    )
