"""System checks of everything that can be set wrong. Ids are `sessionstate.E...` for what cannot
work and `.W...` for what works differently than it seems.

Plain checks look at settings and imports only, because they run before every command. The one
that asks a server (is Redis set to evict?) runs under `check --deploy`.
"""

from __future__ import annotations

from django.core.checks import register

from sessionstate.checks import caches, stores, values, wiring

TAG = "sessionstate"


def register_all() -> None:
    for check in (*wiring.CHECKS, *values.CHECKS, *stores.CHECKS, *caches.CHECKS):
        register(check, TAG)
    for check in stores.DEPLOY_CHECKS:
        register(check, TAG, deploy=True)
