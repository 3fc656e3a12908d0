"""`manage.py gradio_files`: what users' files take up, and removing old ones."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from gradio_ui import files

_DAY = 24 * 3600.0


class Command(BaseCommand):
    help = "Says how much room the files of each user take up, or removes old files."

    def add_arguments(self, parser: CommandParser) -> None:
        tasks = parser.add_subparsers(dest="task", required=True)
        tasks.add_parser("usage", help="Bytes of each user's files.")
        purge = tasks.add_parser("purge", help="Remove files that were not written for a while.")
        purge.add_argument("--days", type=float, required=True, help="Age from which a file goes.")
        whose = purge.add_mutually_exclusive_group()
        whose.add_argument("--user", help="Id of a user; otherwise of everybody.")
        whose.add_argument("--visitors", action="store_true", help="Of visitors of public apps.")
        purge.add_argument("--dry-run", action="store_true", help="Only say what would go.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["task"] == "usage":
            for user, size in files.usage_by_user().items():
                self.stdout.write(f"{user}\t{filesizeformat(size)}")
            return
        if options["days"] < 0:
            raise CommandError("--days must not be negative.", returncode=2)
        age = options["days"] * _DAY
        found = files.old(age, options["user"], visitors=options["visitors"])
        if not options["dry_run"]:
            for path, _ in found:
                files.remove(path)
        verb = "Would remove" if options["dry_run"] else "Removed"
        total = filesizeformat(sum(size for _, size in found))
        self.stdout.write(f"{verb} {len(found)} files, {total}.")
