"""allauth's forms in our words."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm, SignupForm


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
