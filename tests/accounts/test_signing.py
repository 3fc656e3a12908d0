"""Which key signs, which still verify, and what is refused before the first ticket is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.conf import settings
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings

from accounts import signing
from accounts.tokens import AccessToken, read
from gradiosession.env import ticket_key
from sessionstate.tickets import BadTicket
from tests.accounts.helpers import by_api, by_page, claims_of, status

ALGORITHMS = ["RS256", "RS512", "ES256", "ES384", "EdDSA"]
JWKS = "/.well-known/jwks.json"
CLAIMS = {"aud": "gradiosession", "iss": "gradiosession"}


def private(algorithm: str, bits: int = 2048) -> str:
    if algorithm.startswith("RS"):
        key: Any = rsa.generate_private_key(65537, bits)
    elif algorithm.startswith("ES"):
        key = ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def public(pem: str) -> str:
    key = serialization.load_pem_private_key(pem.encode(), None).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def signed_by(algorithm: str, key: str, *old: str) -> Any:
    jwt_settings = {"ALGORITHM": algorithm, "SIGNING_KEY": key}
    return override_settings(SIMPLE_JWT=jwt_settings, ACCOUNTS_OLD_KEYS=old)


def refresh(tokens: dict[str, Any]) -> Any:
    with override_settings(ACCOUNTS_REFRESH_SETTLE=0):
        body = {"refresh": tokens["refresh"]}
        return Client().post("/api/auth/refresh", body, "application/json")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tickets_can_be_signed_with_a_private_key(ada: User, algorithm: str) -> None:
    with signed_by(algorithm, private(algorithm)):
        tokens, browser = by_api("ada"), by_page("ada")
        assert status(tokens["access"]) == status(client=browser) == 200
        header = jwt.get_unverified_header(tokens["access"])
        published = Client().get(JWKS)
        assert "public" in published["Cache-Control"]
        (jwk,) = published.json()["keys"]
        assert header == {"alg": algorithm, "typ": "JWT", "kid": jwk["kid"]}
        assert not {"d", "p", "q"} & jwk.keys(), "the public half only"
        assert (
            jwk["kid"] == jwt.PyJWK(jwk).thumbprint().decode()
            if hasattr(jwt.PyJWK, "thumbprint")
            else jwk["kid"]
        )
        # Another service can do without us.
        key = jwt.PyJWK(jwk).key
        found = jwt.decode(tokens["access"], key, [algorithm], audience="gradiosession")
        assert found["sid"] == tokens["session_id"]
        assert refresh(tokens).status_code == 200


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_the_public_key_is_no_secret_to_sign_with(ada: User, algorithm: str) -> None:
    """The classic: HS256 with the published key as its secret."""
    key = private(algorithm)
    with signed_by(algorithm, key):
        claims = claims_of(by_api("ada")["access"])
        pem = public(key)
        for secret in (pem, pem.strip(), json.dumps(Client().get(JWKS).json()["keys"][0])):
            for kid in (None, signing.keys()[0].id):
                forged = forge(claims, secret, {} if kid is None else {"kid": kid})
                assert status(forged) == 401
        assert status(jwt.encode(claims, settings.SECRET_KEY, "HS256")) == 401
        assert status(jwt.encode(claims, private(algorithm), algorithm)) == 401
        assert status(jwt.encode(claims, None, "none")) == 401


def forge(claims: dict[str, Any], secret: str, header: dict[str, Any]) -> str:
    """HS256 by hand: PyJWT would refuse such a secret."""
    import base64
    import hmac

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = json.dumps({"alg": "HS256", "typ": "JWT"} | header).encode()
    signing_input = f"{part(head)}.{part(json.dumps(claims).encode())}"
    return f"{signing_input}.{part(hmac.digest(secret.encode(), signing_input.encode(), 'sha256'))}"


@pytest.mark.parametrize("kid", ["other", "", 7, None, "../../dev/null"])
def test_a_token_does_not_name_another_key(ada: User, kid: Any) -> None:
    key = private("ES256")
    with signed_by("ES256", key):
        claims = claims_of(by_api("ada")["access"])
        assert status(jwt.encode(claims, key, "ES256")) == 200, "nor need it name one"
        header = {"kid": kid} if isinstance(kid, str) else {}
        token = jwt.encode(claims, key, "ES256", headers=header)
        assert status(token) == (401 if header else 200)


def test_the_switch_to_a_private_key_and_the_next_one_throw_nobody_out(ada: User) -> None:
    tokens, browser = by_api("ada"), by_page("ada")
    first, second = private("RS256"), private("EdDSA")
    with signed_by("RS256", first, settings.SECRET_KEY):
        assert status(tokens["access"]) == status(client=browser) == 200
        tokens = refresh(tokens).json()
        assert jwt.get_unverified_header(tokens["access"])["alg"] == "RS256"
    with signed_by("RS256", first):
        assert status(client=browser) == 401, "the old secret has had its time"
        assert status(tokens["access"]) == 200
    with signed_by("EdDSA", second, public(first)):
        assert status(tokens["access"]) == 200, "to verify, the public half is enough"
        assert len(Client().get(JWKS).json()["keys"]) == 2
        tokens = refresh(tokens).json()
    with signed_by("EdDSA", second):
        assert status(tokens["access"]) == 200


def test_a_secret_of_its_own_rotates_too(ada: User) -> None:
    first, second = "f" * 70, "s" * 70
    before = by_api("ada")
    with signed_by("HS512", first, settings.SECRET_KEY):
        tokens = by_api("ada")
        assert status(before["access"]) == 200
        assert Client().get(JWKS).json() == {"keys": []}
    with signed_by("HS512", second, first):
        assert status(tokens["access"]) == 200
        assert refresh(tokens).status_code == 200
    with signed_by("HS512", second):
        assert status(tokens["access"]) == 401


def test_an_old_private_key_verifies_but_does_not_sign(ada: User) -> None:
    old, new = private("RS256"), private("RS256")
    with signed_by("RS256", new, old):
        assert all(key.signs is not None for key in signing.keys())  # noqa: SIM118
        token = by_api("ada")["access"]
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, public(old), ["RS256"], audience="gradiosession")


BAD = {
    "unknown algorithm": ("XS256", "s" * 40),
    "none": ("none", "s" * 40),
    "weak secret": ("HS256", "weak" * 7),
    "private key missing": ("RS256", "s" * 40),
    "only the public key": ("RS256", public(private("RS256"))),
    "key of another kind": ("ES256", private("RS256")),
    "curve of another size": ("ES256", private("ES384")),
    "PEM as a secret": ("HS256", public(private("ES256"))),
    "broken PEM": ("RS256", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----"),
    "weak secret for the algorithm": ("HS512", "weak" * 12),
    "short RSA": ("RS256", private("RS256", 1024)),
}


@pytest.mark.parametrize(("algorithm", "key"), BAD.values(), ids=BAD.keys())
def test_what_cannot_sign_is_found_by_the_checks(algorithm: str, key: str) -> None:
    with signed_by(algorithm, key):
        (found,) = (e for e in run_checks() if e.id in ("accounts.E001", "accounts.E002"))
        assert found.hint
        with pytest.raises(ImproperlyConfigured) as caught:
            signing.keys()
    for text in (str(found), str(found.hint), str(caught.value)):
        assert key not in text
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("old", ["short", "-----BEGIN nonsense"])
def test_an_old_key_that_cannot_verify_is_found_too(old: str) -> None:
    with override_settings(ACCOUNTS_OLD_KEYS=[old]):
        assert "accounts.E002" in {error.id for error in run_checks()}


def test_a_key_is_text_or_a_file(tmp_path: Path) -> None:
    pem = private("ES256")
    (tmp_path / "key.pem").write_text(pem)
    assert ticket_key(str(tmp_path / "key.pem")) == pem
    assert ticket_key(pem) == ticket_key(pem.replace("\n", "\\n")) == pem
    assert ticket_key("a secret \\n") == "a secret \\n"
    with pytest.raises(ImproperlyConfigured, match="missing.pem cannot be read"):
        ticket_key(str(tmp_path / "missing.pem"))


def test_a_program_claim_is_true_or_absent() -> None:
    from tests.accounts.helpers import signed

    with pytest.raises(BadTicket):
        read(AccessToken, signed(CLAIMS | {"typ": "access", "program": "no"}))
