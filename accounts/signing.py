"""The keys of the tickets: one signs, and what former ones have signed is still accepted.

Each key stands for one algorithm, so no token can have itself verified by another. Nor does a
token choose a key: `kid` only tells other services which of our published keys to look at.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from django.core.exceptions import ImproperlyConfigured

from .conf import conf

# With the bytes that a secret needs, as RFC 7518 wants them.
SECRETS = {"HS256": 32, "HS384": 48, "HS512": 64}
RSA = ("RS256", "RS384", "RS512")
CURVES = {"ES256": SECP256R1, "ES384": SECP384R1}
ALGORITHMS = (*SECRETS, *RSA, *CURVES, "EdDSA")
MIN_RSA_BITS = 2048

_PEM = "-----BEGIN "
_PRIVATE = (RSAPrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey)


class BadKey(ImproperlyConfigured):
    def __init__(self, problem: str, *, hint: str, id: str) -> None:
        super().__init__(problem)
        self.hint = hint
        self.id = id


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    algorithm: str
    signs: Any  # `None`: a public key
    verifies: Any
    id: str | None = None  # of a public key: its thumbprint, RFC 7638

    def jwk(self) -> dict[str, Any]:
        """The public key for other services. Only for keys with an `id`."""
        return _jwk(self.algorithm, self.verifies) | {
            "alg": self.algorithm,
            "use": "sig",
            "kid": self.id,
        }


def keys() -> tuple[Key, ...]:
    """The first one signs. Raises `BadKey`."""
    return _keys(conf.algorithm, conf.signing_key, conf.old_keys)


@lru_cache(maxsize=8)
def _keys(algorithm: str, signing: str, old: tuple[str, ...]) -> tuple[Key, ...]:
    if algorithm not in ALGORITHMS:
        raise BadKey(
            f"SIMPLE_JWT['ALGORITHM'] is {algorithm!r}.",
            hint=f"Use one of {', '.join(ALGORITHMS)}.",
            id="accounts.E001",
        )
    current = _secret(algorithm, signing) if algorithm in SECRETS else _pair(algorithm, signing)
    if current.algorithm != algorithm or current.signs is None:
        raise BadKey(
            f"Tickets are to be signed with {algorithm}, but its private key is missing.",
            hint="Give TICKET_SIGNING_KEY (SIMPLE_JWT['SIGNING_KEY']) the private key for that "
            "algorithm in PEM form, or the path of a .pem file.",
            id="accounts.E002",
        )
    return current, *(key for material in old for key in _former(algorithm, material))


def _former(algorithm: str, material: str) -> Iterator[Key]:
    if material.startswith(_PEM):
        yield _pair(algorithm, material)
        return
    yield _secret("HS256", material)
    if algorithm != "HS256" and len(material.encode()) >= SECRETS.get(algorithm, math.inf):
        yield _secret(algorithm, material)


def _secret(algorithm: str, material: str) -> Key:
    if material.startswith(_PEM):
        raise BadKey(
            f"The key for {algorithm} is in PEM form; a public key as a secret forges tickets.",
            hint="Give TICKET_SIGNING_KEY a random secret, or set TICKET_ALGORITHM to the "
            "algorithm of the key.",
            id="accounts.E002",
        )
    if len(material.encode()) < SECRETS[algorithm]:
        raise BadKey(
            f"A secret for {algorithm} tickets has less than {SECRETS[algorithm]} bytes.",
            hint="Give DJANGO_SECRET_KEY (or TICKET_SIGNING_KEY, or the secret in "
            "TICKET_OLD_KEYS) a longer random value.",
            id="accounts.E002",
        )
    return Key(algorithm, material, material)


def _pair(algorithm: str, material: str) -> Key:
    loaded: Any = None
    for load in (_load_private, load_pem_public_key):
        try:
            loaded = load(material.encode())
            break
        except (ValueError, TypeError):
            continue
    private = loaded if isinstance(loaded, _PRIVATE) else None
    public = private.public_key() if private else loaded
    found = _algorithm_of(algorithm, public)
    if found is None:
        raise BadKey(
            f"A key that tickets are signed or verified with is no usable key in PEM form "
            f"(wanted: {algorithm}).",
            hint=f"Use an RSA key of at least {MIN_RSA_BITS} bits, a P-256, P-384 or Ed25519 key, "
            "without a passphrase, in TICKET_SIGNING_KEY and TICKET_OLD_KEYS.",
            id="accounts.E002",
        )
    return Key(found, private, public, _thumbprint(_jwk(found, public)))


def _load_private(pem: bytes) -> Any:
    return load_pem_private_key(pem, password=None)


def _algorithm_of(algorithm: str, public: Any) -> str | None:
    if isinstance(public, RSAPublicKey) and public.key_size >= MIN_RSA_BITS:
        return algorithm if algorithm in RSA else RSA[0]
    if isinstance(public, EllipticCurvePublicKey):
        return next((a for a, curve in CURVES.items() if isinstance(public.curve, curve)), None)
    return "EdDSA" if isinstance(public, Ed25519PublicKey) else None


def _jwk(algorithm: str, public: Any) -> dict[str, Any]:
    found: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return {name: found[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in found}


def _thumbprint(jwk: dict[str, Any]) -> str:
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
