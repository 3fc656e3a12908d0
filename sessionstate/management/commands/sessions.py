"""`manage.py sessions`: who is signed in, what their sessions hold, and ending them."""

from __future__ import annotations

import heapq
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from sessionstate import contents, logins, people
from sessionstate.backends import get_backend
from sessionstate.backends.base import Kind
from sessionstate.conf import conf
from sessionstate.devices import describe
from sessionstate.errors import StoreUnavailable
from sessionstate.handles import SHORT, starting_with
from sessionstate.logins import Login
from sessionstate.management import arguments
from sessionstate.management.printing import Ticker, clean, pairs, table
from sessionstate.management.reports import (
    KINDS,
    LOGIN_HEADERS,
    TALLY_HEADERS,
    login_facts,
    login_json,
    login_row,
    sessions,
    tally_json,
    tally_row,
)
from sessionstate.statistics import tally

UNAVAILABLE = 3
NAMED_BEFORE_ASKING = 20
VALUE_WIDTH = 100


class Command(BaseCommand):
    help = "Lists, shows and ends live sessions, removes expired ones, and counts."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, epilog=arguments.EPILOG, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        tasks: dict[str, Callable[..., None]] = {
            "list": self._list,
            "show": self._show,
            "revoke": self._revoke,
            "purge": self._purge,
            "stats": self._stats,
        }
        try:
            tasks[options["task"]](**options)
        except StoreUnavailable as error:
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            raise CommandError(f"{error}{cause}.", returncode=UNAVAILABLE) from error

    # Tasks.

    def _list(self, **options: Any) -> None:
        limit, page = options["limit"], options["page"]
        found = self._found(options["user"], options["anonymous"], options["search"])
        count = 0

        def counted() -> Iterator[Login]:
            nonlocal count
            for login in found:
                count += 1
                yield login

        # All are read and only these kept, so that a million of them need little memory.
        newest = heapq.nlargest(limit * page, counted(), key=lambda login: login.used)
        shown = newest[limit * (page - 1) :]
        pages = max(1, math.ceil(count / limit))
        names = people.names(login.user for login in shown)
        if options["json"]:
            rows = [login_json(login, names, whole_id=options["full_ids"]) for login in shown]
            self._json(sessions=rows, total=count, page=page, pages=pages)
            return
        lines = [login_row(login, names, whole_id=options["full_ids"]) for login in shown]
        if lines:
            self.stdout.write(table(LOGIN_HEADERS, lines, right=["SIZE"]))
        where = f", page {page} of {pages}" if pages > 1 else ""
        self.stdout.write(f"{sessions(count)}{where}")

    def _show(self, **options: Any) -> None:
        login = self._one(options["id"])
        entries = contents.entries(login.id)
        if entries is None:
            raise CommandError("This session has just ended.")
        names = people.names([login.user])
        if options["json"]:
            keys: list[dict[str, Any]] = []
            for entry in entries:
                keys.append({"key": entry.key, "type": entry.type, "size": entry.size})
                if options["values"]:
                    keys[-1]["value"] = entry.value
            facts = login_json(login, names, whole_id=options["full_ids"])
            self._json(**facts, keys=keys)
            return
        self.stdout.write(pairs(login_facts(login, names, whole_id=options["full_ids"])))
        self.stdout.write("")
        headers = ["KEY", "TYPE", "SIZE"]
        rows = [[entry.key, entry.type, filesizeformat(entry.size)] for entry in entries]
        if options["values"]:
            headers.append("VALUE")
            for row, entry in zip(rows, entries, strict=True):
                row.append("(hidden)" if entry.value is None else _cut(entry.value))
        text = table(headers, rows, right=["SIZE"]) if rows else "It holds nothing."
        self.stdout.write(text)

    def _revoke(self, **options: Any) -> None:
        if (bool(options["ids"]) + bool(options["user"]) + options["all"]) != 1:
            raise CommandError("Say which: ids, or --user NAME, or --all.", returncode=2)
        if options["kept"] and not options["user"]:
            raise CommandError("--except goes with --user.", returncode=2)
        chosen = self._chosen(options)
        count = sum(1 for _ in chosen())
        if not options["json"]:
            self._announce(count, chosen())
        if options["dry_run"]:
            return self._revoked(0, count, options)
        if count and options["interactive"]:
            self._confirm(count, json=options["json"])
        with Ticker(self.stderr, "revoking"):
            revoked = sum(logins.revoke(login.id) for login in chosen())
        self._revoked(revoked, count, options)

    def _purge(self, **options: Any) -> None:
        started = time.monotonic()
        with Ticker(self.stderr, "purging"):
            purged = get_backend().purge(options["batch"])
        seconds = time.monotonic() - started
        if options["json"]:
            self._json(purged=purged, seconds=round(seconds, 3), backend=conf.backend)
        else:
            noun = "record" if purged == 1 else "records"
            self.stdout.write(f"Removed {purged} expired {noun} in {seconds:.1f} s.")

    def _stats(self, **options: Any) -> None:
        found = {kind: tally(kind) for kind in KINDS}
        if options["json"]:
            kinds = {kind.value: tally_json(kind, found[kind]) for kind in KINDS}
            self._json(backend=conf.backend, **kinds)
            return
        one = found[Kind.SESSION]
        self.stdout.write(
            f"Backend {clean(conf.backend)}: {sessions(one.records - one.anonymous)} of "
            f"{len(one.owners)} users, {one.anonymous} anonymous."
        )
        self.stdout.write("")
        rows = [tally_row(kind, found[kind]) for kind in KINDS]
        self.stdout.write(table(TALLY_HEADERS, rows, right=["RECORDS", "BYTES", "LARGEST"]))

    # Their parts.

    def _found(self, user: str | None, anonymous: bool, search: str | None) -> Iterable[Login]:
        found: Iterator[Login] = logins.each(
            self._owner(user) if user else "" if anonymous else None
        )
        if not search:
            return found
        term, ids = search.lower(), people.named_like(search)
        return (
            login
            for login in found
            if login.user in ids
            or term in login.ip.lower()
            or term in login.user_agent.lower()
            or term in describe(login.user_agent).lower()
        )

    def _owner(self, name_or_id: str) -> str:
        user = people.find(name_or_id)
        if user is not None:
            return str(user.pk)
        # Sessions of a deleted user must still be found.
        if next(logins.each(name_or_id), None) is not None:
            return name_or_id
        raise CommandError(f"There is no user {clean(name_or_id)!r}.")

    def _one(self, prefix: str) -> Login:
        if len(prefix) < SHORT:
            raise CommandError(f"{clean(prefix)!r} is too short: give {SHORT} or more characters.")
        found = starting_with(prefix)
        if not found:
            raise CommandError(f"No live session has an id that begins with {clean(prefix)!r}.")
        if len(found) > 1:
            raise CommandError(
                f"{len(found)} sessions have ids that begin with {clean(prefix)!r}: "
                "give more characters."
            )
        return found[0]

    def _chosen(self, options: dict[str, Any]) -> Callable[[], Iterable[Login]]:
        """What to revoke, to be gone through more than once: everybody's is never held in memory.
        Nothing is revoked when one of the ids is wrong."""
        if options["all"]:
            return logins.each
        if not options["user"]:
            found = list({one.id: one for one in map(self._one, options["ids"])}.values())
            return lambda: found
        owner = self._owner(options["user"])
        kept = self._one(options["kept"]) if options["kept"] else None
        if kept and kept.user != owner:
            raise CommandError(f"{kept.short_id} is not a session of {clean(options['user'])!r}.")
        return lambda: [one for one in logins.for_user(owner) if kept is None or one.id != kept.id]

    def _announce(self, count: int, chosen: Iterable[Login]) -> None:
        named = list(islice(chosen, NAMED_BEFORE_ASKING))
        names = people.names(login.user for login in named)
        for login in named:
            parts = (login.short_id, names[login.user], describe(login.user_agent), login.ip)
            self.stdout.write("  " + "  ".join(clean(part) for part in parts if part))
        if count > len(named):
            self.stdout.write(f"  and {count - len(named)} more")

    def _confirm(self, count: int, *, json: bool) -> None:
        if json:
            raise CommandError("--json does not ask; add --no-input or --dry-run.", returncode=2)
        try:
            answer = input(f"Revoke {sessions(count)}? [y/N] ")
        except EOFError:
            raise CommandError("No answer, nothing was revoked. Add --no-input.") from None
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was revoked.")

    def _revoked(self, revoked: int, count: int, options: dict[str, Any]) -> None:
        if options["json"]:
            self._json(revoked=revoked, found=count, dry_run=options["dry_run"])
        elif options["dry_run"]:
            self.stdout.write(f"{sessions(count)} would be revoked.")
        else:
            self.stdout.write(self.style.SUCCESS(f"{sessions(revoked)} revoked."))

    def _json(self, **data: Any) -> None:
        self.stdout.write(json.dumps(data, indent=2))


def _cut(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= VALUE_WIDTH else f"{line[:VALUE_WIDTH]}…"
