"""deploy/systemd, read by systemd's own tools."""

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.deploy.conftest import DEPLOY
from tests.servers import component

UNITS = DEPLOY / "systemd"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with programs that every machine has."""
    for source in UNITS.iterdir():
        text = source.read_text().replace("gradiosession/docs", "docs")
        text = re.sub(r"^(Exec\w+)=/\S+", r"\1=/bin/true", text, flags=re.M)
        (tmp_path / source.name).write_text(text)
    return tmp_path


def analyze(*arguments: str, directory: Path) -> tuple[int, str]:
    command = [component("systemd-analyze"), *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_nothing_wrong(units: Path) -> None:
    names = ["gradiosession@8001.service", "gradiosession.target"]
    names += ["gradiosession-daily.service", "gradiosession-daily.timer"]
    (units / names[0]).write_text((units / "gradiosession@.service").read_text())
    status, output = analyze(
        "verify", "--man=no", *(f"./{name}" for name in names), directory=units
    )
    ours = [line for line in output.splitlines() if "gradiosession" in line]
    assert (status, ours) == (0, []), output


def test_systemd_would_complain(units: Path) -> None:
    unit = units / "gradiosession@8001.service"
    unit.write_text((units / "gradiosession@.service").read_text() + "TimeoutStopp=4\n")
    assert "TimeoutStopp" in analyze("verify", "--man=no", f"./{unit.name}", directory=units)[1]


@pytest.mark.parametrize("name", ["gradiosession@.service", "gradiosession-daily.service"])
def test_the_units_are_well_confined(units: Path, name: str) -> None:
    """Tenths of points of exposure: an ordinary service has 96."""
    limit = ["--offline=true", "--no-pager", "--threshold=45"]
    status, output = analyze("security", *limit, f"./{name}", directory=units)
    assert status == 0, output


def test_programs_and_files_of_the_units_are_in_the_project() -> None:
    for unit in UNITS.glob("*.service"):
        for path in re.findall(r"/opt/gradiosession/(\S+)", unit.read_text()):
            assert path.startswith(".venv/bin/") or (DEPLOY.parent / path).exists(), path


def unit(name: str) -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNITS / name)
    return parser


def test_instances_start_and_stop_with_the_target() -> None:
    template = unit("gradiosession@.service")
    assert template["Unit"]["PartOf"] == template["Install"]["WantedBy"] == "gradiosession.target"
    assert "-b 127.0.0.1 -p %i " in template["Service"]["ExecStart"]
