"""deploy/backup on a real PostgreSQL: what was lost comes back."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from tests.deploy.conftest import DEPLOY
from tests.servers import Postgres, SiteFactory, manage, project_env, wait_for


def script(name: str, *arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(DEPLOY / "backup" / name), *arguments]
    return subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=120)


def settled(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Each thread of the site may find once that its connection to the database is gone."""

    def asked() -> httpx.Response | None:
        answer = ask()
        return None if answer.status_code == 503 else answer

    return wait_for(asked)  # type: ignore[no-any-return]


def test_a_user_a_session_and_a_file_survive_the_loss_of_everything(
    live_server_factory: SiteFactory, postgres_server: Postgres, tmp_path: Path
) -> None:
    directory, backups = tmp_path / "site", tmp_path / "backups"
    backups.mkdir()
    url = postgres_server.new_database("backup")
    env = project_env(directory, DATABASE_URL=url, EXTRA_APPS="tests.cluster.app")
    for command in (["migrate", "-v", "0"], ["demo_users"]):
        done = manage(*command, env=env)
        assert done.returncode == 0, done.stderr
    site = live_server_factory(directory=directory, env=env)
    data = Path(site.env["GRADIOSESSION_DATA_DIR"])
    tools = env | {"PATH": f"{postgres_server.bin}:{env['PATH']}"}
    with httpx.Client(base_url=site.url, headers=site.sign_in("ada"), timeout=30) as ada:
        ada.put("/api/session/data/color", json={"value": "green"}).raise_for_status()
        files = {"files": ("note.txt", b"kept")}
        uploaded = ada.post("/gradio/cluster/gradio_api/upload", files=files).raise_for_status()
        file = Path(uploaded.json()[0])
        assert file.is_relative_to(data)

        done = script("backup.sh", str(backups), env=tools)
        assert done.returncode == 0, done.stderr
        (backup,) = backups.iterdir()
        assert done.stdout.strip() == str(backup)
        assert backup.stat().st_mode & 0o077 == 0

        # Everything that the site knows is gone; the processes can stay.
        options = ["-h", "127.0.0.1", "-p", str(postgres_server.port), "-U", "postgres"]
        drop = [postgres_server.bin / "dropdb", *options, "--force", "backup"]
        subprocess.run(drop, check=True)
        shutil.rmtree(data / "gradio")
        assert ada.get("/api/session/data").status_code == 503
        postgres_server.new_database("backup")

        done = script("restore.sh", str(backup), env=tools)
        assert done.returncode == 0, done.stderr
        assert settled(lambda: ada.get("/api/auth/me")).json()["user"]["username"] == "ada"
        color = settled(lambda: ada.get("/api/session/data/color")).raise_for_status()
        assert color.json()["value"] == "green"
        served = settled(lambda: ada.get(f"/gradio/cluster/gradio_api/file={file}"))
        assert (served.status_code, served.content) == (200, b"kept")

        # What came after the backup is replaced only by who says so.
        red = settled(lambda: ada.put("/api/session/data/color", json={"value": "red"}))
        red.raise_for_status()
        done = script("restore.sh", str(backup), env=tools)
        assert (done.returncode, "--replace" in done.stderr) == (2, True)
        done = script("restore.sh", str(backup), "--replace", env=tools)
        assert done.returncode == 0, done.stderr
        color = settled(lambda: ada.get("/api/session/data/color")).raise_for_status()
        assert color.json()["value"] == "green"

    # A backup that is not whole is none.
    with (backup / "database.dump").open("ab") as dump:
        dump.write(b"x")
    assert script("restore.sh", str(backup), "--replace", env=tools).returncode == 1


def test_the_password_is_on_no_command_line(tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$@ password=$PGPASSWORD" >&2\nexit 1\n')
    program.chmod(0o755)
    env = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "DATABASE_URL": "postgres://ada:p%40ss%2Fword@db.example.org:5433/site?sslmode=require",
        "GRADIOSESSION_DATA_DIR": str(tmp_path),
    }
    done = script("backup.sh", str(tmp_path), env=env)
    assert done.returncode == 1
    assert "--dbname=postgres://ada@db.example.org:5433/site?sslmode=require " in done.stderr
    assert done.stderr.strip().endswith("password=p@ss/word")
    # Nothing unfinished stays.
    assert list(tmp_path.iterdir()) == [program]


def test_another_database_is_refused(tmp_path: Path) -> None:
    env = {"DATABASE_URL": "sqlite:///db.sqlite3", "GRADIOSESSION_DATA_DIR": str(tmp_path)}
    done = script("backup.sh", str(tmp_path), env=env | {"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stderr) == (2, "DATABASE_URL names no PostgreSQL database.\n")
