import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import BASE_DIR

SECRET = "correct-horse-battery-staple-" * 2
PRODUCTION = {
    "DJANGO_SECRET_KEY": SECRET,
    "DJANGO_ALLOWED_HOSTS": "apps.example.org",
    "DJANGO_DEBUG": "0",
}


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A Python process of the project with exactly this environment."""
    base = {"PATH": os.environ["PATH"], "DJANGO_ENV_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR,
        env=base | {"DJANGO_SETTINGS_MODULE": "gradiosession.settings"} | env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def show(expression: str, **env: str) -> str:
    done = run("-c", f"from django.conf import settings; print({expression})", **env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refusal(**env: str) -> str:
    done = run("-c", "import gradiosession.settings", **env)
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_an_empty_environment_is_refused_naming_the_secret() -> None:
    assert "ImproperlyConfigured: DJANGO_SECRET_KEY must be a random secret" in refusal()


@pytest.mark.parametrize("secret", ["", "short", "django-insecure-" + SECRET, "x7" * 40])
def test_production_refuses_a_weak_secret_without_showing_it(secret: str) -> None:
    line = refusal(**PRODUCTION | {"DJANGO_SECRET_KEY": secret})
    assert "DJANGO_SECRET_KEY" in line
    assert not secret or secret not in line


@pytest.mark.parametrize("hosts", ["", "*", "apps.example.org,*"])
def test_production_refuses_to_answer_for_any_host(hosts: str) -> None:
    assert "DJANGO_ALLOWED_HOSTS" in refusal(**PRODUCTION | {"DJANGO_ALLOWED_HOSTS": hosts})


def test_production_refuses_cookies_over_plain_http() -> None:
    assert "DJANGO_SECURE_COOKIES" in refusal(**PRODUCTION, DJANGO_SECURE_COOKIES="0")


def test_production_refuses_what_would_open_the_metrics() -> None:
    line = refusal(**PRODUCTION, METRICS_TOKEN="short")
    assert "METRICS_TOKEN must be" in line
    assert "METRICS_NETWORKS" in refusal(**PRODUCTION, METRICS_NETWORKS="10.0.0.1/8")


def test_single_sign_on_is_four_variables_and_https_in_production() -> None:
    sso = {"OIDC_CLIENT_ID": "site", "OIDC_CLIENT_SECRET": "s", "OIDC_NAME": "Example ID"}
    found = "settings.SOCIALACCOUNT_PROVIDERS"
    assert show(found, **PRODUCTION) == "{}"
    https = {"OIDC_ISSUER": "https://id.example.org"}
    assert "'https://id.example.org'" in show(found, **PRODUCTION, **sso, **https)
    assert "OIDC_ISSUER" in refusal(**PRODUCTION, **sso, OIDC_ISSUER="http://id.example.org")
    assert "OIDC_CLIENT_ID" in refusal(**PRODUCTION, **https)


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_a_server_without_any_environment_does_not_start(server: str) -> None:
    done = run("-m", server, "gradiosession.asgi:application")
    assert done.returncode != 0
    assert "ImproperlyConfigured: DJANGO_SECRET_KEY" in done.stderr + done.stdout


def test_production_settings_pass_djangos_deployment_check() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr


def test_debug_starts_with_the_embedded_defaults() -> None:
    assert show("settings.ALLOWED_HOSTS, settings.DEMO_USERS", DJANGO_DEBUG="1") == (
        "['localhost', '127.0.0.1', '[::1]'] True"
    )


def test_production_has_no_demo_users_and_logs_json() -> None:
    assert show("settings.DEMO_USERS, settings.LOG_FORMAT", **PRODUCTION) == "False json"


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    env_file.write_text("DJANGO_DEBUG=1\nTIME_ZONE=Europe/Paris\nASSISTANT_MODEL=from-file\n")
    shown = show(
        "settings.DEBUG, settings.TIME_ZONE, settings.ASSISTANT_MODEL",
        DJANGO_ENV_FILE=str(env_file),
        ASSISTANT_MODEL="from-environment",
    )
    assert shown == "True Europe/Paris from-environment"


def test_the_env_file_does_not_leak_into_child_processes(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    env_file.write_text("DJANGO_DEBUG=1\nASSISTANT_API_KEY=secret\n")
    code = (
        "import os; from django.conf import settings; "
        "print(settings.ASSISTANT_API_KEY, 'ASSISTANT_API_KEY' in os.environ)"
    )
    done = run("-c", code, DJANGO_ENV_FILE=str(env_file))
    assert done.stdout.strip() == "secret False"


def test_sqlite_is_next_to_manage_py_whatever_the_working_directory() -> None:
    name = show("settings.DATABASES['default']['NAME']", DJANGO_DEBUG="1")
    assert name == str(BASE_DIR / "db.sqlite3")


@pytest.mark.django_db(transaction=True)
def test_sqlite_writes_ahead_and_locks_when_a_transaction_begins() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
    assert connection.transaction_mode == "IMMEDIATE"


def test_redis_serves_cache_and_channels_when_named() -> None:
    shown = show(
        "settings.CACHES['default']['BACKEND'], settings.CHANNEL_LAYERS['default']['BACKEND']",
        DJANGO_DEBUG="1",
        REDIS_URL="redis://localhost:6379/0",
    )
    layer = "channels_redis.pubsub.RedisPubSubChannelLayer"
    assert shown == f"django_redis.cache.RedisCache {layer}"


@pytest.mark.parametrize("command", [["check"], ["migrate", "--plan"], ["shell", "-c", "1"]])
def test_manage_py_does_not_import_gradio(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from django.core.management import execute_from_command_line as run; "
        f"run(['manage.py', *{command!r}]); "
        "print('loaded:', sorted({'gradio', 'gradio_client', 'pandas'} & set(sys.modules)))"
    )
    database = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    done = run("-c", code, DJANGO_DEBUG="1", DATABASE_URL=database)
    assert done.returncode == 0, done.stderr
    assert "loaded: []" in done.stdout


def test_a_private_key_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    line = refusal(DJANGO_DEBUG="1", TICKET_ALGORITHM="RS256")
    assert "TICKET_ALGORITHM=RS256 needs its private key in TICKET_SIGNING_KEY" in line
    path = tmp_path / "tickets.pem"
    line = refusal(DJANGO_DEBUG="1", TICKET_ALGORITHM="RS256", TICKET_SIGNING_KEY=str(path))
    assert f"The key file {path} cannot be read" in line
    path.write_text("nonsense")
    env = {"DJANGO_DEBUG": "1", "TICKET_ALGORITHM": "RS256", "TICKET_SIGNING_KEY": str(path)}
    check = run("manage.py", "check", **env)
    assert check.returncode != 0
    assert "accounts.E002" in check.stderr and "nonsense" not in check.stderr


def test_files_are_on_disk_until_a_bucket_is_named() -> None:
    assert show("sorted(settings.STORAGES)", DJANGO_DEBUG="1") == "['default', 'staticfiles']"
    options = 'settings.STORAGES["gradio"]["OPTIONS"]'
    shown = f"[{options}.get(key) for key in ('bucket_name', 'location', 'endpoint_url')]"
    more = {"DJANGO_DEBUG": "1", "GRADIO_FILES_URL": "s3://bucket/a/b/"}
    assert show(shown, **more) == "['bucket', 'a/b', None]"
    style = f"{options}['client_config'].s3"
    assert show(style, **more) == "{'addressing_style': 'auto'}"
    more["AWS_ENDPOINT_URL_S3"] = "https://s3.example.org"
    assert show(style, **more) == "{'addressing_style': 'path'}"
    for url in ("/mnt/files", "s3:///path", "s3://key:secret@bucket", "s3://bucket?region=x"):
        line = refusal(**PRODUCTION, GRADIO_FILES_URL=url)
        assert "GRADIO_FILES_URL must be s3://<bucket>" in line
        assert "secret@" not in line
