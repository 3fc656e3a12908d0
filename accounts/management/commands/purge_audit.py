from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import outdated
from accounts.models import AuditEvent, Lockout
from sessionstate.clock import now

CHUNK = 1000


class Command(BaseCommand):
    help = "Delete lines of the audit trail that are older than ACCOUNTS_AUDIT_DAYS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, help="keep so many days instead")
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *args: Any, days: int | None, dry_run: bool, **options: Any) -> None:
        if days is not None and days < 0:
            raise CommandError("--days must not be negative.")
        old = AuditEvent.objects.filter(at__lt=outdated(days)).order_by("pk")
        if dry_run:
            self.stdout.write(f"{old.count()} lines would be deleted.")
            return
        deleted = 0
        # In pieces: nobody who signs in meanwhile should wait for the end of it.
        while chunk := list(old.values_list("pk", flat=True)[:CHUNK]):
            deleted += AuditEvent.objects.filter(pk__in=chunk).delete()[0]
        Lockout.objects.filter(until__lte=now()).delete()
        self.stdout.write(f"{deleted} lines deleted.")
