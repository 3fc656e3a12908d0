"""Moments in few letters, for tables: "5 min ago", "in 13 d"."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sessionstate.clock import now

_UNITS = ((86400, _("%d d")), (3600, _("%d h")), (60, _("%d min")))


def brief(moment: datetime) -> str:
    seconds = (moment - now()).total_seconds()
    for length, text in _UNITS:
        if count := int(abs(seconds) // length):
            span = text % count
            return gettext("in %s") % span if seconds > 0 else gettext("%s ago") % span
    return gettext("now") if seconds <= 0 else gettext("in a moment")
