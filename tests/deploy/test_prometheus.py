"""Prometheus itself reads what is for it."""

import re
import subprocess
from pathlib import Path

import yaml

from tests.deploy.conftest import DEPLOY
from tests.servers import component

TOKEN = "/etc/prometheus/gradiosession.token"


def test_prometheus_takes_its_configuration_and_the_alerts(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    alerts = (DEPLOY / "prometheus/alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(alerts)
    text = (DEPLOY / "prometheus/prometheus.yml").read_text()
    # The jobs that stand there as comments, too.
    text = re.sub(r"^  # (?=- job|  )", "  ", text, flags=re.M)
    config = yaml.safe_load(text.replace(TOKEN, str(tmp_path / "token")))
    assert len(config["scrape_configs"]) == 3
    for number, job in enumerate(config["scrape_configs"]):
        job["job_name"] += str(number)
        # Debian's is made without this one.
        job.pop("kubernetes_sd_configs", None)
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    command = [component("promtool"), "check", "config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(re.findall('alert:', alerts))} rules found" in done.stdout
