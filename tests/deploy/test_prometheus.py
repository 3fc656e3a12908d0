"""Prometheus itself reads what is for it."""

import subprocess
from pathlib import Path

from tests.deploy.conftest import DEPLOY
from tests.servers import component


def test_prometheus_takes_its_configuration_and_the_alerts(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x")
    config = (DEPLOY / "prometheus/prometheus.yml").read_text()
    place = "/etc/prometheus/gradiosession.token"
    assert config.count(place) == 3
    (tmp_path / "prometheus.yml").write_text(config.replace(place, str(token)))
    # Its other jobs, too, which stand there as comments.
    others = [line for line in config.splitlines() if line.startswith("  # ")]
    for number, start in enumerate(n for n, line in enumerate(others) if "job_name" in line):
        job = others[start:]
        end = next((n for n, line in enumerate(job[1:], 1) if "job_name" in line), len(job))
        lines = [f"  {line[4:]}" for line in job[:end] if line.startswith(("  # - job", "  #   "))]
        body = "\n".join(["scrape_configs:", *lines]).replace(place, str(token))
        (tmp_path / f"other-{number}.yml").write_text(body + "\n")
    (tmp_path / "alerts.yml").write_text((DEPLOY / "prometheus/alerts.yml").read_text())
    files = sorted(map(str, tmp_path.glob("*.yml")))
    files.remove(str(tmp_path / "alerts.yml"))
    assert len(files) == 3
    command = [component("promtool"), "check", "config", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 rules found" in done.stdout
