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


def test_old_files_of_visitors_go_and_those_that_became_a_users_stay(root: Path) -> None:
    old = write(root / "users/visitor-a/app/h/a.txt", days=8)
    kept = write(root / "users/visitor-b/app/h/b.txt", days=8)
    both = write(root / "users/visitor-b/app/i/same.txt", days=8)
    users = write(root / "users/7/app/i/same.txt", days=8)
    young = write(root / "users/visitor-c/app/h/c.txt", days=1)
    files.hand_over("visitor-b", "7")
    assert kept.read_bytes() == both.read_bytes() == users.read_bytes()
    assert files.usage("7") == 2000
    assert list(files.usage_by_user()) == ["7", "visitor-a", "visitor-c"]
    call_command("gradio_files", "purge", "--days=7", "--visitors")
    assert not old.exists() and young.exists()
    assert users.exists() and (root / "users/7/app/h/b.txt").exists()
    # The way there is as young as the sign-in; it goes later, and the files stay.
    assert kept.exists()
    os.utime(root / "users/visitor-b", (0, 0), follow_symlinks=False)
    call_command("gradio_files", "purge", "--days=7", "--visitors")
    assert not (root / "users/visitor-b").is_symlink()
    assert files.usage("7") == 2000
