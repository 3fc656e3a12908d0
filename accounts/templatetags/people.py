from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from django import template
from django.conf import settings
from django.forms import BaseForm, BoundField
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

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
    attrs: dict[str, Any] = {"placeholder": False}
    if field.form.errors:
        attrs["autofocus"] = field.name == _to_correct(field.form)
    return field.as_widget(attrs=attrs)


def _to_correct(form: BaseForm) -> str:
    """The first field with an error; of an error of the whole form, the password, now empty."""
    fields = form.visible_fields()
    wrong = [field.name for field in fields if field.errors]
    empty = [field.name for field in fields if field.widget_type == "password"]
    return next(iter(wrong or empty), fields[0].name if fields else "")


@register.simple_tag(takes_context=True)
def tab(context: Context, label: str, *views: str) -> SafeString:
    """A link to the first view; marked on its page, those below it, and those of the others."""
    addresses = [reverse(view) for view in views]
    here = context["request"].path.startswith(tuple(addresses))
    mark = mark_safe(' aria-current="page"') if here else ""
    return format_html('<li><a href="{}"{}>{}</a></li>', addresses[0], mark, label)


@register.simple_tag(takes_context=True)
def sso_providers(context: Context) -> list[Any]:
    """The site's OpenID Connect providers: one, or none."""
    found: list[Any] = get_adapter().list_providers(context["request"])
    return found


@register.filter
def ago(moment: datetime) -> str:
    if (now() - moment).total_seconds() < 60:
        return _("just now")
    # Of "1 day, 3 hours" the first part says enough.
    return _("%(time)s ago") % {"time": timesince(moment, now(), depth=1)}
