"""Tests of the files in docs/deploy: their own programs take them, and they start what MLproject has."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from project import ROOT

from monitoring.watch import next_moment, trigger
from tracking.chain import entry_points

FOLDER = ROOT / "docs" / "deploy"
MONITOR = entry_points()["monitor"]


def check_command(words: list[str]) -> None:
    """``mlflow run … -e monitor`` with parameters that the entry point has."""
    assert words[:2] == ["mlflow", "run"] and words[words.index("-e") + 1] == "monitor"
    assert words[words.index("--env-manager") + 1] == "local"
    given = [words[at + 1].partition("=")[0] for at, word in enumerate(words) if word == "-P"]
    assert given and set(given) <= set(MONITOR.defaults)


def test_the_crontab_is_read_by_a_cron_parser() -> None:
    lines = [line for line in (FOLDER / "monitor.crontab").read_text().splitlines() if line and line[0] != "#"]
    jobs = [line for line in lines if not re.match(r"\w+=", line)]
    assert len(jobs) == 1 and "%" not in jobs[0]  # cron ends a command at a percent sign
    fields, command = jobs[0].split(maxsplit=5)[:5], jobs[0].split(maxsplit=5)[5]
    moment = next_moment(trigger(" ".join(fields), datetime.now(UTC)), None)
    assert (moment.hour, moment.minute) == (6, 0)
    words = shlex.split(command)
    assert "flock" in words
    check_command(words[words.index("mlflow") :])
    for name in re.findall(r"env:(\w+)", command):
        assert any(line.startswith(f"{name}=") for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_service_and_its_timer(tmp_path: Path) -> None:
    units = sorted(FOLDER.glob("purchasing-power-monitor.*"))
    assert [path.suffix for path in units] == [".service", ".timer"]
    done = subprocess.run(["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    broken = tmp_path / "broken.timer"
    broken.write_text(units[1].read_text().replace("OnCalendar=Mon", "OnCalendar=Someday"))
    seen = subprocess.run(["systemd-analyze", "verify", str(broken)], capture_output=True, text=True)
    assert seen.returncode or seen.stderr.strip()
    command = re.search(r"^ExecStart=(.+)$", units[0].read_text(), re.MULTILINE)
    assert command is not None
    check_command(shlex.split(command[1])[1:])


def test_the_cron_job_of_kubernetes_has_the_fields_of_batch_v1_and_forbids_two_at_once() -> None:
    job = yaml.safe_load((FOLDER / "monitor-cronjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    spec = job["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert next_moment(trigger(spec["schedule"], datetime.now(UTC)), None) > datetime.now(UTC)
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] in ("Never", "OnFailure")
    (container,) = pod["containers"]
    check_command([*container["command"], *container["args"]])
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    names = {one["name"] for one in container["env"]}
    assert "MLFLOW_TRACKING_URI" in names
    assert set(re.findall(r"env:(\w+)", " ".join(container["args"]))) <= names
    assert all(isinstance(one.get("value", ""), str) for one in container["env"])
