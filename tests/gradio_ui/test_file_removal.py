"""What users have left behind: old files, and the files of a user who is gone."""

import os
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from gradio_ui import files


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def write(path: Path, *, days: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 1000)
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))
    return path


def test_old_files_of_users_go_and_nothing_else(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write(root / "users/7/app/h/a.txt", days=8)
    others = write(root / "users/8/app/h/a.txt", days=8)
    young = write(root / "users/7/app/i/b.txt", days=6)
    shared = write(root / "public/app/h/c.txt", days=100)
    assert files.usage("7") == 2000
    call_command("gradio_files", "usage")
    assert "7\t2.0\xa0KB" in capsys.readouterr().out
    call_command("gradio_files", "purge", "--days=7", "--dry-run")
    assert "Would remove 2 files" in capsys.readouterr().out
    assert old.exists()
    call_command("gradio_files", "purge", "--days=7", "--user=7")
    assert not old.parent.exists()
    assert others.exists()
    call_command("gradio_files", "purge", "--days=7")
    assert not others.exists()
    assert young.exists() and shared.exists()


@pytest.mark.django_db(transaction=True)
def test_who_is_deleted_leaves_no_files(root: Path) -> None:
    ada, bob = User.objects.create(username="ada"), User.objects.create(username="bob")
    hers = write(root / f"users/{ada.pk}/app/h/a.txt")
    his = write(root / f"users/{bob.pk}/app/h/a.txt")
    ada.delete()
    assert not hers.exists() and his.exists()
    User.objects.filter(username="bob").delete()
    assert not his.parent.exists()
