from __future__ import annotations

from datetime import datetime

from django import template
from django.conf import settings
from django.forms import BoundField
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from accounts.conf import conf
from accounts.demo import DEMO_USERS, DemoUser
from sessionstate.clock import now

register = template.Library()


@register.simple_tag
def signup_is_open() -> bool:
    return conf.signup_open


@register.simple_tag
def demo_users() -> tuple[DemoUser, ...]:
    """Whom one can sign in as; shown in DEBUG only, because the password is shown as well."""
    return DEMO_USERS if settings.DEBUG and conf.demo_users else ()


@register.simple_tag
def demo_password() -> str:
    return conf.demo_password


@register.filter
def plain(field: BoundField) -> SafeString:
    """The field without allauth's placeholder: every field has a label, which stays."""
    return field.as_widget(attrs={"placeholder": False})


@register.filter
def ago(moment: datetime) -> str:
    if (now() - moment).total_seconds() < 60:
        return "just now"
    # Of "1 day, 3 hours" the first part says enough.
    return f"{timesince(moment, now()).partition(',')[0]} ago"
