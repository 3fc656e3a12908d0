from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.conf import conf
from accounts.demo import DEMO_USERS, ensure_demo_users


class Command(BaseCommand):
    help = "Creates the demo users that are missing. What exists is left as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        if not conf.demo_users:
            raise CommandError(
                "Demo users have a known password: set DEMO_USERS=1 to create them "
                "where DJANGO_DEBUG is off."
            )
        created = ensure_demo_users()
        for demo in DEMO_USERS:
            state = "created" if demo.username in created else "exists"
            self.stdout.write(f"{demo.username:6} {state:8} {demo.role}")
