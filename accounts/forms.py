"""allauth's forms in our words."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from allauth.account.forms import LoginForm, SignupForm
from django import forms

from sessionstate.clock import now


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, remember = self.fields["login"], self.fields.get("remember")
        login.label = "User name or e-mail"
        login.max_length = 254
        login.widget.attrs |= {
            "autocomplete": "username",
            "autocapitalize": "none",
            "spellcheck": "false",
            "autofocus": True,
        }
        if remember:
            remember.label = "Stay signed in on this device"
        # The link to the reset page has a place of its own beside the form.
        self.fields["password"].help_text = ""


class RegisterForm(SignupForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {
            "username": "User name",
            "email": "E-mail",
            "password1": "Password",
            "password2": "Password, once more",
        }
        for name, label in labels.items():
            if name in self.fields:
                self.fields[name].label = label


class KeyForm(forms.Form):
    name = forms.CharField(
        max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}), label="Name"
    )
    apps = forms.CharField(
        required=False,
        max_length=2000,
        label="Apps",
        help_text="As in their addresses, with commas between. Empty: every app you may open.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    access = forms.ChoiceField(
        choices=[("write", "Read and write"), ("read", "Read only")], label="Access"
    )
    days = forms.ChoiceField(
        choices=[("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("never", "Never")],
        initial="90",
        label="Expires after",
    )

    def clean_apps(self) -> list[str]:
        slugs: list[str] = re.findall(r"[^\s,]+", self.cleaned_data["apps"])
        for slug in slugs:
            if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
                raise forms.ValidationError(f"{slug} cannot be the address of an app.")
        return slugs

    @property
    def expires(self) -> datetime | None:
        days: str = self.cleaned_data["days"]
        return now() + timedelta(days=int(days)) if days != "never" else None
