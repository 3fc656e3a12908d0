"""Where settings come from, and what production refuses to start with."""

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

INSECURE_PREFIX = "django-insecure-"
MIN_SECRET_LENGTH = 50
MIN_SECRET_VARIETY = 5
MIN_TOKEN_LENGTH = 20


class _Environment(Env):  # type: ignore[misc]  # django-environ has no types
    # A copy: what .env says stays out of os.environ, so it is not handed to child processes,
    # and the autoreloader's next process reads a changed .env again.
    ENVIRON = dict(os.environ)


def file(base_dir: Path) -> Path:
    return Path(os.environ.get("DJANGO_ENV_FILE", base_dir / ".env"))


def read(base_dir: Path) -> Env:
    """The process environment, completed from DJANGO_ENV_FILE (default `.env`)."""
    environment = _Environment()
    env_file = file(base_dir)
    if env_file.is_file():
        environment.read_env(env_file)
    return environment


def database(env: Env, base_dir: Path) -> dict[str, Any]:
    """DATABASE_URL as Django's database settings; a relative SQLite file is next to manage.py."""
    config: dict[str, Any] = dict(env.db_url("DATABASE_URL", default="sqlite:///db.sqlite3"))
    if config["ENGINE"] != "django.db.backends.sqlite3":
        return config
    if config["NAME"] != ":memory:":
        config["NAME"] = base_dir / config["NAME"]
    # Readers do not wait for the writer (WAL), and a transaction takes the write lock when it
    # begins: taking it later fails at once with "database is locked", whatever the timeout.
    config["OPTIONS"] = {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    } | config.get("OPTIONS", {})
    return config


def files(env: Env) -> dict[str, Any]:
    """The S3 bucket of GRADIO_FILES_URL as an entry of STORAGES; none without it."""
    url = env.str("GRADIO_FILES_URL", default="")
    if not url:
        return {}
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname or parts.query or parts.port or parts.username:
        raise ImproperlyConfigured(
            "GRADIO_FILES_URL must be s3://<bucket> or s3://<bucket>/<path>."
        )
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    endpoint = env.str("AWS_ENDPOINT_URL_S3", default="")
    # What is not set boto3 looks for elsewhere: profiles, roles of the machine.
    options = {
        "access_key": env.str("AWS_ACCESS_KEY_ID", default=""),
        "secret_key": env.str("AWS_SECRET_ACCESS_KEY", default=""),
        "region_name": env.str("AWS_DEFAULT_REGION", default=""),
        "endpoint_url": endpoint,
    }
    return {
        "gradio": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {name: value for name, value in options.items() if value}
            | {
                "bucket_name": parts.hostname,
                "location": parts.path.strip("/"),
                # Larger files are not held in memory.
                "max_memory_size": 4 * 1024 * 1024,
                # A storage that does not answer must fail, not hang. Only Amazon has a host name
                # for each bucket; others may.
                "client_config": Config(
                    connect_timeout=2,
                    read_timeout=5,
                    retries={"mode": "standard", "total_max_attempts": 2},
                    max_pool_connections=32,
                    s3={"addressing_style": "path" if endpoint else "auto"},
                ),
                "transfer_config": TransferConfig(num_download_attempts=1, use_threads=False),
            },
        }
    }


def oidc(env: Env) -> dict[str, Any]:
    """The OpenID Connect provider of OIDC_ISSUER as allauth's settings; none without it."""
    issuer = env.str("OIDC_ISSUER", default="")
    if not issuer:
        return {}
    app = {
        "provider_id": "sso",
        "name": env.str("OIDC_NAME", default="single sign-on"),
        "client_id": env.str("OIDC_CLIENT_ID"),
        "secret": env.str("OIDC_CLIENT_SECRET", default=""),
        "settings": {
            "server_url": issuer,
            "scope": env.str("OIDC_SCOPE", default="openid profile email").split(),
            "signup": env.bool("OIDC_SIGNUP", default=False),
            "email_authentication": env.bool("OIDC_LINK_BY_EMAIL", default=False),
            "groups_claim": env.str("OIDC_GROUPS_CLAIM", default=""),
        },
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}


def networks(given: list[str]) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(network.strip()) for network in given]
    except ValueError as error:
        raise ImproperlyConfigured(f"METRICS_NETWORKS: {error}.") from error


def signing(env: Env) -> dict[str, str]:
    """With what tickets are signed, for simplejwt; by default with SECRET_KEY."""
    algorithm, key = env.str("TICKET_ALGORITHM", default="HS256"), env.str("TICKET_SIGNING_KEY", "")
    if key:
        return {"ALGORITHM": algorithm, "SIGNING_KEY": ticket_key(key)}
    if not algorithm.startswith("HS"):
        raise ImproperlyConfigured(
            f"TICKET_ALGORITHM={algorithm} needs its private key in TICKET_SIGNING_KEY, "
            "in PEM form or as the path of a .pem file."
        )
    return {"ALGORITHM": algorithm}


def ticket_key(material: str) -> str:
    """A key for tickets: a secret, a key in PEM form, or the path of a `.pem` file."""
    if material.endswith(".pem"):
        try:
            return Path(material).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(
                f"The key file {material} cannot be read: {error}."
            ) from None
    # The line ends of a PEM that was put on one line.
    return material.replace("\\n", "\n") if material.startswith("-----BEGIN ") else material


def refuse_unsafe(settings: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured when DEBUG is off and `settings` would not be safe."""
    if settings["DEBUG"]:
        return
    secret = settings["SECRET_KEY"]
    # As security.W009 sees it.
    if (
        secret.startswith(INSECURE_PREFIX)
        or len(secret) < MIN_SECRET_LENGTH
        or len(set(secret)) < MIN_SECRET_VARIETY
    ):
        raise ImproperlyConfigured(
            f"DJANGO_SECRET_KEY must be a random secret of at least {MIN_SECRET_LENGTH} characters "
            "when DJANGO_DEBUG is off (for development set DJANGO_DEBUG=1)."
        )
    if 0 < len(settings["METRICS_TOKEN"]) < MIN_TOKEN_LENGTH:
        raise ImproperlyConfigured(
            f"METRICS_TOKEN must be a random secret of at least {MIN_TOKEN_LENGTH} characters."
        )
    if not settings["ALLOWED_HOSTS"] or "*" in settings["ALLOWED_HOSTS"]:
        raise ImproperlyConfigured(
            "DJANGO_ALLOWED_HOSTS must name this site's hosts, without *, when DJANGO_DEBUG is off."
        )
    if not settings["SESSION_COOKIE_SECURE"] or not settings["CSRF_COOKIE_SECURE"]:
        raise ImproperlyConfigured(
            "DJANGO_SECURE_COOKIES must not be switched off when DJANGO_DEBUG is off: "
            "cookies that carry a sign-in are for HTTPS only."
        )
    for provider in settings["SOCIALACCOUNT_PROVIDERS"].values():
        # What it says of who somebody is comes straight from it, and over HTTPS needs no signature.
        if not all(
            app["settings"]["server_url"].startswith("https://") for app in provider["APPS"]
        ):
            raise ImproperlyConfigured(
                "OIDC_ISSUER must begin with https:// when DJANGO_DEBUG is off."
            )
