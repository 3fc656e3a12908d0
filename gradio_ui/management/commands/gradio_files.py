"""`manage.py gradio_files`: what users' files take up, removing old ones, and moving them into a
storage."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from gradio_ui import files, storage

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

        tasks.add_parser("upload", help="Put the files of this machine into the site's storage.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._run(options)
        except storage.Unavailable as error:
            raise CommandError(f"The storage cannot be used: {error.__cause__}") from error

    def _run(self, options: dict[str, Any]) -> None:
        if options["task"] == "usage":
            for user, size in files.usage_by_user().items():
                self.stdout.write(f"{user}\t{filesizeformat(size)}")
            return
        if options["task"] == "upload":
            if not storage.is_used():
                raise CommandError("There is no storage: set GRADIO_FILES_URL.", returncode=2)
            self.stdout.write(f"Put {files.upload()} files into the storage.")
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
