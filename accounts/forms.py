"""allauth's forms in our words, and what phones need to know of each field."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, ClassVar

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.socialaccount.forms import SignupForm as SocialSignupForm
from django import forms
from django.utils.translation import gettext_lazy as _

from sessionstate.clock import now

_AS_TYPED = {"autocapitalize": "none", "spellcheck": "false"}
_USER_NAME = _AS_TYPED | {"autocomplete": "username"}
_CODE = {"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True}


class Worded(forms.Form):
    """A mixin. allauth makes most fields in `__init__`, where a class cannot reach them."""

    labels: ClassVar[dict[str, Any]] = {}
    helps: ClassVar[dict[str, Any]] = {}
    hints: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in self.labels.items():
            if name in self.fields:
                self.fields[name].label = label
        for name, text in self.helps.items():
            if name in self.fields:
                self.fields[name].help_text = text
        for name, attrs in self.hints.items():
            if name in self.fields:
                self.fields[name].widget.attrs |= attrs


class SignInForm(Worded, account.LoginForm):  # type: ignore[misc]  # allauth has no types
    labels = {"login": _("User name or e-mail"), "remember": _("Stay signed in on this device")}
    # The link to the reset page has a place of its own beside the form.
    helps = {"password": ""}
    hints = {"login": _USER_NAME | {"autofocus": True}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].max_length = 254  # type: ignore[attr-defined]


class RegisterForm(Worded, account.SignupForm):  # type: ignore[misc]
    labels = {
        "username": _("User name"),
        "email": _("E-mail"),
        "password1": _("Password"),
        "password2": _("Password, once more"),
    }
    hints = {"username": _USER_NAME}


class SSORegisterForm(Worded, SocialSignupForm):  # type: ignore[misc]
    labels = {"username": _("User name"), "email": _("E-mail")}
    hints = {"username": _USER_NAME}


class EmailForm(Worded, account.AddEmailForm):  # type: ignore[misc]
    labels = {"email": _("Another e-mail address")}


class ResetForm(Worded, account.ResetPasswordForm):  # type: ignore[misc]
    labels = {"email": _("E-mail")}


class PasswordForm(Worded, account.ChangePasswordForm):  # type: ignore[misc]
    labels = {
        "oldpassword": _("Current password"),
        "password1": _("New password"),
        "password2": _("New password, once more"),
    }
    helps = {"oldpassword": ""}


class FirstPasswordForm(Worded, account.SetPasswordForm):  # type: ignore[misc]
    labels = {"password1": _("Password"), "password2": _("Password, once more")}


class NewPasswordForm(Worded, account.ResetPasswordKeyForm):  # type: ignore[misc]
    labels = {"password1": _("New password"), "password2": _("New password, once more")}
    hints = {"password1": {"autofocus": True}}


class ConfirmForm(Worded, account.ReauthenticateForm):  # type: ignore[misc]
    labels = {"password": _("Password")}
    helps = {"password": ""}
    hints = {"password": {"autofocus": True}}


class CodeForm(Worded, mfa.AuthenticateForm):  # type: ignore[misc]
    labels = {"code": _("Code")}
    helps = {"code": _("From your authenticator app, or one of your recovery codes.")}
    hints = {"code": _CODE}


class ConfirmCodeForm(Worded, mfa.ReauthenticateForm):  # type: ignore[misc]
    labels, helps, hints = CodeForm.labels, CodeForm.helps, CodeForm.hints


class ActivateForm(Worded, ActivateTOTPForm):  # type: ignore[misc]
    labels = {"code": _("Code from the app")}
    hints = {"code": _CODE}


class KeyForm(forms.Form):
    name = forms.CharField(
        max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}), label=_("Name")
    )
    apps = forms.CharField(
        required=False,
        max_length=2000,
        label=_("Apps"),
        help_text=_("As in their addresses, with commas between. Empty: every app you may open."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    access = forms.ChoiceField(
        choices=[("write", _("Read and write")), ("read", _("Read only"))], label=_("Access")
    )
    days = forms.ChoiceField(
        choices=[
            ("30", _("30 days")),
            ("90", _("90 days")),
            ("365", _("One year")),
            ("never", _("Never")),
        ],
        initial="90",
        label=_("Expires after"),
    )

    def clean_apps(self) -> list[str]:
        slugs: list[str] = re.findall(r"[^\s,]+", self.cleaned_data["apps"])
        for slug in slugs:
            if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
                raise forms.ValidationError(
                    _("%(slug)s cannot be the address of an app."), params={"slug": slug}
                )
        return slugs

    @property
    def expires(self) -> datetime | None:
        days: str = self.cleaned_data["days"]
        return now() + timedelta(days=int(days)) if days != "never" else None
