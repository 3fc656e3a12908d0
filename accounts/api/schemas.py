"""What goes in and out of the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from django.contrib.auth.models import User
from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from accounts.models import ApiKey
from sessionstate.clock import now

Username = Annotated[str, StringConstraints(min_length=1, max_length=254, pattern=r"^[^\x00]+$")]
# Far above what anybody types; hashing costs time for every byte.
Password = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class Problem(Schema):
    """Problem details (RFC 9457)."""

    type: str = Field(description="`about:blank`, or a URN for what a program acts upon")
    title: str = Field(description="The status in words")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong, for people")


class SignIn(Schema):
    username: Username = Field(description="User name or e-mail address", examples=["ada"])
    password: Password = Field(examples=["gradio-demo"])
    code: str = Field(
        "", max_length=100, description="Of the authenticator app, or a recovery code"
    )
    remember: bool = Field(False, description="Stay signed in when the browser is closed")


class Register(Schema):
    username: Username = Field(examples=["grace"])
    password: Password = Field(examples=["a long sentence you remember"])
    email: str = Field("", max_length=254, examples=["grace@example.org"])


class Registered(Schema):
    username: str


class Refresh(Schema):
    # A token that is too long is a bad token (401), not a bad request.
    refresh: str


class Person(Schema):
    id: int
    username: str
    name: str
    email: str
    groups: list[str]
    is_staff: bool
    is_superuser: bool

    @classmethod
    def of(cls, user: User) -> Person:
        return cls(
            id=user.pk,
            username=user.get_username(),
            name=user.get_full_name(),
            email=user.email,
            groups=sorted(user.groups.values_list("name", flat=True)),
            is_staff=user.is_staff,
            is_superuser=user.is_superuser,
        )


class Tokens(Schema):
    access: str = Field(description="For `Authorization: Bearer` or `X-Session-Token`")
    refresh: str = Field(description="Good for one call of /api/auth/refresh")
    expires_in: int = Field(description="Seconds until `access` expires")
    session_id: str
    user: Person


class Me(Schema):
    user: Person
    groups: list[str]
    session_id: str
    created: datetime
    expires: datetime = Field(description="When the session ends if it is not used any more")


class SessionOut(Schema):
    id: str
    current: bool
    device: str
    ip: str
    user_agent: str
    created: datetime
    last_used: datetime
    expires: datetime


class Ended(Schema):
    ended: int


def _in_time(moment: datetime) -> datetime:
    if not now() < moment < now() + timedelta(days=3660):
        raise ValueError("must be within the next ten years")
    return moment


KeyName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$"
    ),
]
Slug = Annotated[str, StringConstraints(max_length=50, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
KeyEnd = Annotated[AwareDatetime, AfterValidator(_in_time)]


class NewKey(Schema):
    name: KeyName = Field(examples=["nightly report"])
    apps: list[Slug] = Field([], max_length=100, description="Empty: every app you may open")
    write: bool = Field(True, description="`false`: requests with GET and HEAD only")
    expires: KeyEnd | None = Field(None, description="`null`: when it is revoked")
    password: Password | None = Field(
        None, description="Needed when you signed in more than five minutes ago"
    )


class KeyOut(Schema):
    id: int
    name: str
    prefix: str = Field(description="What the key begins with, after `gsk_`")
    apps: list[str]
    write: bool
    created: datetime
    expires: datetime | None
    last_used: datetime | None = Field(description="To the minute")

    @classmethod
    def of(cls, key: ApiKey) -> KeyOut:
        return cls.model_validate(key, from_attributes=True)


class KeyMade(KeyOut):
    key: str = Field(description="The key itself, for `Authorization: Bearer`; shown only here")
