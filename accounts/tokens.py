"""The signed tokens: simplejwt's, with our claims, our keys and our clock.

A token only names a session (`sid`) and whom it was made for (`sub`, absent for visitors); the
session on the server decides. `typ` says where it may be presented, so that a cookie copied into
a header, or a refresh token sent as an access token, is worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import Token

from sessionstate.clock import now, timestamp
from sessionstate.tickets import BadTicket

from .conf import conf
from .signing import Key, keys

# Far above what we issue (about 400 bytes); what is longer is not even parsed.
MAX_LENGTH = 8 * 1024

# Claim of a cookie that was given to a program: no browser has ever seen it.
PROGRAM = "program"
# Claim of an invitation: see `accounts.visitors`.
OPENS = "opens"

# Tokens whose verified claims are remembered, in each process.
VERIFIED = 2048

# No `jku`, `jwk`, `x5u`, `crit`: the key is ours to choose, not the token's. `kid` is ours.
_HEADER = {"alg", "typ", "kid"}


class _Backend(TokenBackend):
    """Verifies everything but time, which PyJWT would take from the system's clock."""

    def __init__(self, keys: tuple[Key, ...], issuer: str, audience: str) -> None:
        super().__init__(keys[0].algorithm, issuer=issuer, audience=audience)
        self._keys = keys
        # A ticket comes with every request, and what its signature says does not change; whether
        # it is still valid is asked each time.
        self._claims = lru_cache(maxsize=VERIFIED)(self._verified)

    def encode(self, payload: dict[str, Any]) -> str:
        key = self._keys[0]
        return jwt.encode(
            payload | {"aud": self.audience, "iss": self.issuer},
            key.signs,
            key.algorithm,
            headers={"kid": key.id} if key.id else None,
        )

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        return self._claims(token).copy()

    def _verified(self, token: Any) -> dict[str, Any]:
        for key in self._keys:
            try:
                decoded = jwt.decode_complete(
                    token,
                    key.verifies,
                    algorithms=[key.algorithm],
                    audience=self.audience,
                    issuer=self.issuer,
                    options={
                        "strict_aud": True,
                        "verify_exp": False,
                        "verify_iat": False,
                        "verify_nbf": False,
                    },
                )
            except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                continue  # perhaps an older key's
            except jwt.InvalidTokenError as error:
                raise TokenBackendError("Token is invalid") from error
            header = decoded["header"]
            if not header.keys() <= _HEADER or header.get("kid", key.id) != key.id:
                raise TokenBackendError("Token has headers that are not accepted")
            claims: dict[str, Any] = decoded["payload"]
            return claims
        raise TokenBackendError("Token is signed by an unknown key")


@lru_cache(maxsize=8)
def _backend(keys: tuple[Key, ...], issuer: str, audience: str) -> _Backend:
    return _Backend(keys, issuer, audience)


def _our_backend() -> _Backend:
    return _backend(keys(), conf.issuer, conf.audience)


class SessionToken(Token):
    lifetime = timedelta()  # `issue` gives the real one

    def get_token_backend(self) -> TokenBackend:
        return _our_backend()

    @property
    def current_time(self) -> datetime:
        return now()

    @current_time.setter
    def current_time(self, value: datetime) -> None:
        """simplejwt would note the system's time here."""

    def verify(self) -> None:
        self.check(self.payload)

    @classmethod
    def check(cls, claims: dict[str, Any]) -> None:
        """Raises `TokenError` unless a token of this type with these claims is valid now."""
        moment = timestamp()
        if claims.get("typ") != cls.token_type:
            raise TokenError("Token has the wrong type")
        if not all(type(claims.get(name)) is int for name in ("exp", "iat", "nbf")):
            raise TokenError("Token has no valid times")
        if not all(type(claims.get(name)) is str for name in ("sid", "jti")):
            raise TokenError("Token names no session")
        if "sub" in claims and type(claims["sub"]) is not str:
            raise TokenError("Token names no valid user")
        if not all(claims.get(mark, True) is True for mark in (PROGRAM, OPENS)):
            raise TokenError("Token is for nobody")
        if OPENS in claims and "sub" in claims:
            raise TokenError("Token invites somebody who has an account")
        if claims["exp"] <= moment - conf.leeway:
            raise ExpiredTokenError("Token is expired")
        if max(claims["iat"], claims["nbf"]) > moment + conf.leeway:
            raise TokenError("Token is not valid yet")


class AccessToken(SessionToken):
    token_type = "access"


class RefreshToken(SessionToken):
    token_type = "refresh"


class CookieToken(SessionToken):
    token_type = "cookie"


@dataclass(frozen=True, slots=True)
class Claims:
    session_id: str
    user_id: str | None
    jti: str
    issued: float
    expires: float
    program: bool = False
    opens: bool = False


def issue(
    kind: type[SessionToken],
    *,
    session_id: str,
    user_id: str | None,
    lifetime: timedelta,
    jti: str | None = None,
    program: bool = False,
    opens: bool = False,
) -> str:
    token = kind()
    token.payload = {"typ": kind.token_type, "sid": session_id}
    if program:
        token[PROGRAM] = True
    if opens:
        token[OPENS] = True
    if user_id is not None:
        token["sub"] = user_id
    token.set_jti()
    if jti is not None:
        token["jti"] = jti
    token.set_iat()
    token["nbf"] = token["iat"]
    token.set_exp(lifetime=lifetime)
    return str(token)


def read(kind: type[SessionToken], raw: str) -> Claims:
    """Raises `BadTicket`, whatever was sent."""
    if len(raw) > MAX_LENGTH:
        raise BadTicket("The token is too long")
    if not raw.isascii() or raw.count(".") != 2:
        raise BadTicket("The token is not valid")
    try:
        # As `kind(raw)` does it, which makes an object of each.
        claims = _our_backend().decode(raw)
        kind.check(claims)
    except ExpiredTokenError as error:
        raise BadTicket("The token has expired") from error
    except (TokenError, TokenBackendError, ValueError, TypeError, RecursionError) as error:
        # PyJWT parses the header before it knows who signed it: nesting, odd numbers, odd types.
        raise BadTicket("The token is not valid") from error
    return Claims(
        session_id=claims["sid"],
        user_id=claims.get("sub"),
        jti=claims["jti"],
        issued=float(claims["iat"]),
        expires=float(claims["exp"]),
        program=PROGRAM in claims,
        opens=OPENS in claims,
    )
