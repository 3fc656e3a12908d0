from __future__ import annotations

from django import template
from django.conf import settings

from accounts.conf import conf
from accounts.demo import DEMO_USERS, DemoUser

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
