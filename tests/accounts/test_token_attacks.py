"""Every broken, forged, stale or misplaced token is a 401 in each place it can be put."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.tickets import JWTTickets
from accounts.tokens import MAX_LENGTH
from sessionstate.tickets import BadTicket
from tests.accounts.helpers import LOGIN, ME, by_api, by_page, claims_of, cookie_of, signed

KEY = settings.SECRET_KEY
NOW = time.time()
BIG = 10**400


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw_signed(header: Any, payload: Any, digest: str = "sha256") -> str:
    """Signed with the real key, whatever is in it."""
    signing_input = f"{part(header)}.{part(payload)}"
    signature = hmac.digest(KEY.encode(), signing_input.encode(), digest)
    return f"{signing_input}.{part(signature)}"


def with_header(claims: dict[str, Any], **header: Any) -> str:
    return raw_signed({"alg": "HS256", "typ": "JWT"} | header, claims)


def tampered(claims: dict[str, Any]) -> str:
    head, _, signature = signed(claims).split(".")
    return f"{head}.{part(claims | {'sub': '1'})}.{signature}"


def rs256(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256")


NESTED = b"[" * 3000 + b"]" * 3000

ATTACKS: dict[str, Any] = {
    "alg none": lambda c: jwt.encode(c, None, "none"),
    "alg None spelled otherwise": lambda c: f"{part({'alg': 'nOnE'})}.{part(c)}.",
    "alg HS512": lambda c: raw_signed({"alg": "HS512"}, c, "sha512"),
    "alg HS384": lambda c: raw_signed({"alg": "HS384"}, c, "sha384"),
    "alg RS256": rs256,
    "alg is a number": lambda c: with_header(c, alg=256),
    "alg is a list": lambda c: with_header(c, alg=["HS256"]),
    "no alg": lambda c: raw_signed({"typ": "JWT"}, c),
    "wrong key": lambda c: jwt.encode(c, "x" * 40, "HS256"),
    "empty key": lambda c: with_header(c).rsplit(".", 1)[0] + "." + part(b""),
    "tampered": tampered,
    "cut off": lambda c: signed(c)[:-5],
    "header kid": lambda c: with_header(c, kid="../../dev/null"),
    "header kid is a number": lambda c: with_header(c, kid=7),
    "header jku": lambda c: with_header(c, jku="https://evil.example/keys"),
    "header jwk": lambda c: with_header(c, jwk={"kty": "oct", "k": part(b"x")}),
    "header x5u": lambda c: with_header(c, x5u="https://evil.example/cert"),
    "header crit": lambda c: with_header(c, crit=["exp"]),
    "header crit b64": lambda c: with_header(c, crit=["b64"], b64=False),
    "header is a list": lambda c: raw_signed([], c),
    "header is nested": lambda c: f"{part(NESTED)}.{part(c)}.{part(b'x')}",
    "JWE": lambda c: ".".join([part({"alg": "dir", "enc": "A256GCM"}), "", part(c), "x", "y"]),
    "expired": lambda c: signed(c, exp=int(NOW) - 3600),
    "exp in the past of 1970": lambda c: signed(c, exp=-BIG),
    "not valid yet": lambda c: signed(c, nbf=int(NOW) + 3600),
    "issued in the future": lambda c: signed(c, iat=int(NOW) + 3600),
    "no exp": lambda c: signed(c, exp=None),
    "no iat": lambda c: signed(c, iat=None),
    "no nbf": lambda c: signed(c, nbf=None),
    "no jti": lambda c: signed(c, jti=None),
    "no sid": lambda c: signed(c, sid=None),
    "no typ": lambda c: signed(c, typ=None),
    "no aud": lambda c: signed(c, aud=None),
    "no iss": lambda c: signed(c, iss=None),
    "foreign aud": lambda c: signed(c, aud="another"),
    "aud among others": lambda c: signed(c, aud=["gradiosession", "another"]),
    "foreign iss": lambda c: signed(c, iss="another"),
    "typ refresh": lambda c: signed(c, typ="refresh"),
    "typ is a list": lambda c: signed(c, typ=["access", "cookie"]),
    "exp is a string": lambda c: signed(c, exp=str(int(NOW) + 600)),
    "exp is a float": lambda c: signed(c, exp=NOW + 600),
    "exp is infinite": lambda c: raw_signed({"alg": "HS256"}, c | {"exp": float("inf")}),
    "exp is true": lambda c: signed(c, exp=True),
    "iat is an object": lambda c: signed(c, iat={}),
    "nbf is a list": lambda c: signed(c, nbf=[]),
    "sid is a number": lambda c: signed(c, sid=1),
    "sid is a list": lambda c: signed(c, sid=[c["sid"]]),
    "sid is empty": lambda c: signed(c, sid=""),
    "sid is unknown": lambda c: signed(c, sid="a" * 32),
    "sid is long": lambda c: signed(c, sid="a" * 2000),
    "sid has odd characters": lambda c: signed(c, sid="\x00'\"%;\ud7ff/../" + c["sid"]),
    "sid is a lone surrogate": lambda c: raw_signed({"alg": "HS256"}, c | {"sid": "\ud800"}),
    "jti is a number": lambda c: signed(c, jti=7),
    "sub is a number": lambda c: signed(c, sub=int(c["sub"])),
    "sub is null": lambda c: raw_signed({"alg": "HS256"}, c | {"sub": None}),
    "sub of another user": lambda c: signed(c, sub=str(int(c["sub"]) + 1)),
    "no sub": lambda c: signed(c, sub=None),
    "sub is big": lambda c: signed(c, sub="9" * 400),
    "payload is a list": lambda c: raw_signed({"alg": "HS256"}, [1]),
    "payload is a string": lambda c: raw_signed({"alg": "HS256"}, "x"),
    "payload is not JSON": lambda c: raw_signed({"alg": "HS256"}, b"\xff\xfe{"),
    "payload is nested": lambda c: raw_signed({"alg": "HS256"}, NESTED),
    "only dots": lambda c: "..",
    "one word": lambda c: "token",
    "a session id": lambda c: c["sid"],
    "not ASCII": lambda c: "\xe4.\xf6.\xfc",
    "too long": lambda c: signed(c | {"pad": "x" * MAX_LENGTH}),
    "a megabyte": lambda c: "a." * 500_000,
}


@pytest.fixture
def claims(ada: User) -> dict[str, dict[str, Any]]:
    """The claims of good tickets, per place."""
    access = claims_of(by_api("ada")["access"])
    return {"bearer": access, "header": access, "cookie": claims_of(cookie_of(by_page("ada")))}


def send(place: str, token: str, path: str = ME) -> Any:
    client = Client(raise_request_exception=False)
    if place == "cookie":
        client.cookies[settings.SESSION_COOKIE_NAME] = token
        return client.get(path)
    name = "Authorization" if place == "bearer" else "X-Session-Token"
    return client.get(path, headers={name: f"Bearer {token}" if place == "bearer" else token})


@pytest.mark.parametrize("place", ["bearer", "header", "cookie"])
def test_the_tickets_the_attacks_start_from_are_good(
    claims: dict[str, dict[str, Any]], place: str
) -> None:
    assert send(place, signed(claims[place])).status_code == 200


@pytest.mark.parametrize("place", ["bearer", "header", "cookie"])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_bad_ticket_is_a_401_problem(
    claims: dict[str, dict[str, Any]], attack: Any, place: str
) -> None:
    token = attack(claims[place])
    response = send(place, token)
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == "Not authenticated"
    page = send(place, token, "/accounts/sessions/")
    assert page.status_code == 302
    assert page["Location"].startswith(LOGIN)


@pytest.mark.parametrize(
    ("place", "kind"),
    [("bearer", "cookie"), ("header", "cookie"), ("cookie", "access"), ("cookie", "refresh")],
)
def test_a_ticket_counts_only_where_it_belongs(
    claims: dict[str, dict[str, Any]], place: str, kind: str
) -> None:
    assert send(place, signed(claims[place], typ=kind)).status_code == 401


@pytest.mark.parametrize("exp", [None, "x", 10**400, -1, float("nan")])
def test_a_bad_refresh_token_is_a_401(ada: User, exp: Any) -> None:
    claims = claims_of(by_api("ada")["refresh"]) | {"exp": exp}
    for token in (raw_signed({"alg": "HS256"}, claims | {"typ": "access"}), "", "x", "a" * 10**6):
        response = Client().post(
            "/api/auth/refresh", {"refresh": token}, content_type="application/json"
        )
        assert response.status_code == 401


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
claim_names = st.sampled_from(["typ", "sid", "sub", "jti", "iat", "nbf", "exp", "aud", "iss", "x"])


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(header=json_values, payload=json_values | st.dictionaries(claim_names, json_values))
def test_whatever_is_signed_it_is_a_ticket_or_a_bad_ticket(header: Any, payload: Any) -> None:
    header = {"alg": "HS256", "x": header}
    for token in (raw_signed(header, payload), raw_signed({"alg": "HS256"}, payload)):
        with pytest.raises(BadTicket):
            JWTTickets().read({"Authorization": f"Bearer {token}"}, {})


@hypothesis_settings(max_examples=300, deadline=None)
@given(text=st.text() | st.from_regex(r"[A-Za-z0-9_.-]{0,80}", fullmatch=True))
def test_whatever_text_is_sent_it_is_a_bad_ticket(text: str) -> None:
    with pytest.raises(BadTicket):
        JWTTickets().read({"X-Session-Token": text}, {})


def test_an_old_key_verifies_but_does_not_sign(ada: User) -> None:
    tokens = by_api("ada")
    with_old = {"SECRET_KEY": "n" * 60, "SECRET_KEY_FALLBACKS": [KEY]}
    with override_settings(**with_old):
        answer = Client().post(
            "/api/auth/refresh", {"refresh": tokens["refresh"]}, content_type="application/json"
        )
        assert answer.status_code == 200
        new = answer.json()["access"]
        assert jwt.decode(new, "n" * 60, ["HS256"], audience="gradiosession")
        assert send("bearer", tokens["access"]).status_code == 200
        assert send("bearer", new).status_code == 200
    with override_settings(SECRET_KEY="n" * 60, SECRET_KEY_FALLBACKS=[]):
        assert send("bearer", tokens["access"]).status_code == 401
