"""Tests of the watch: a window once, whatever kills it; and of what leads back from a new version."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import mlflow
import monitored
import pytest
from mlflow.tracking import MlflowClient
from project import ROOT

from monitoring import monitor, watch
from monitoring.policy import past_jobs, retraining
from monitoring.policy.retraining import RetrainingResult
from monitoring.policy.window_history import MonitoredWindow
from purchasing_power.snapshot import user_table
from tracking import registry
from tracking.chain import entry_points, options_of

# One process makes the registry for all of them.
pytestmark = pytest.mark.slow


def watching(folder: Path, users: Path, jobs: int) -> subprocess.Popen[str]:
    """``python -m monitoring.watch`` that looks every second."""
    given = {"users": str(users), "workspace": str(folder / "workspace"), "retrain": "never"}
    words = entry_points()["watch"].arguments({**given, "schedule": "every 1", "jobs": str(jobs)})
    return subprocess.Popen(
        [sys.executable, "-m", "monitoring.watch", *words],
        cwd=ROOT,
        env={**os.environ, "MLFLOW_EXPERIMENT_NAME": "tests"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_watch_killed_at_work_looks_again_counts_the_window_once_and_ends_its_runs_when_asked(tmp_path: Path) -> None:
    folder = monitored.fresh(tmp_path)
    users = user_table.write(monitored.up_to(monitored.moments()[0]), folder / "users")
    first = watching(folder, users, 0)
    try:
        deadline = time.monotonic() + 120
        while not states("monitor") and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        first.kill()
        first.communicate()
    assert states("monitor") == ["RUNNING"]
    second = watching(folder, users, 0)
    late = threading.Timer(240, second.kill)
    late.start()
    try:
        assert second.stderr is not None
        assert any("looked at before" in line for line in second.stderr)
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=60)
    finally:
        late.cancel()
        second.kill()
    assert second.returncode == 128 + signal.SIGTERM
    assert sorted(states("monitor")) == ["FAILED", "FINISHED"] and states("watch") == ["FAILED", "FAILED"]
    assert len(past_jobs.jobs(monitored.MODEL)) == 1


def states(step: str) -> list[str]:
    found = mlflow.search_runs(experiment_names=["tests"], filter_string=f"tags.step = '{step}'", output_format="list")
    return [run.info.status for run in found]


def test_a_turn_that_fails_is_logged_and_does_not_end_the_watch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = monitored.fresh(tmp_path)
    given = {"users": str(tmp_path / "no-such-table"), "workspace": str(folder), "schedule": "every 1"}
    with mlflow.start_run():
        done = watch.run(options_of("watch", {**given, "jobs": "2"}))
    assert done == {"watch_looked": "0", "watch_nothing_new": "0", "watch_failed": "2"}
    assert "no file or folder" in caplog.text


def test_the_new_version_leads_back_to_the_run_that_caused_it_and_the_pages_name_the_decision_of_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = monitored.fresh(tmp_path)
    started: list[dict[str, str]] = []

    def refused(parameters: dict[str, str]) -> RetrainingResult:
        # What MLflow Projects does is tested in test_retraining; here counts what is made of its answer.
        started.append(parameters)
        return RetrainingResult("r1", "finished", "refused", "1")

    monkeypatch.setattr(monitor, "retrain", refused)
    run = monitored.look(folder, monitored.moments()[0], retrain="always")
    assert started[0]["model"] == monitored.MODEL and started[0]["target"] == "tier"
    assert (run.data.tags["retrain.gate"], run.data.tags["retrain.version"]) == ("refused", "1")
    version = registry.find(monitored.MODEL, "1")
    assert version.tags["monitor.run_id"] == run.info.run_id
    assert version.tags["monitor.verdict"] == run.data.tags["verdict"]
    assert run.info.run_id in version.description
    assert "The gate refused version 1" in monitored.artifact(run, "monitor.html")
    assert "was refused by the gate" in monitored.artifact(run, "details.html")


def test_a_finished_retraining_starts_the_cool_down_and_one_at_work_is_seen(tmp_path: Path) -> None:
    monitored.fresh(tmp_path)
    first, second, _ = monitored.moments()
    version = registry.find(monitored.MODEL, registry.PRODUCTION)
    model = registry.open_bundle(version)
    entry = {"mlflow.project.entryPoint": retraining.ENTRY_POINT}
    window = MonitoredWindow(first, "Act", False, False, False, "", True)
    with mlflow.start_run() as parent:
        mlflow.set_tags(past_jobs.tags_of(window, version, first, "digest"))
        with mlflow.start_run(nested=True, tags=entry):
            mlflow.log_param("model", monitored.MODEL)
            at_work = past_jobs.history(version, model, second, past_jobs.jobs(version.name))
    assert at_work.at_work and at_work.days_since_retrain is None
    before = past_jobs.history(version, model, second, past_jobs.jobs(version.name))
    assert before.days_since_retrain == 28 and not before.at_work and before.windows[0].state == "Act"
    assert past_jobs.history(version, model, first, past_jobs.jobs(version.name)).days_since_retrain == 0
    with mlflow.start_run(tags=entry):
        mlflow.log_param("model", monitored.MODEL)
        assert past_jobs.history(version, model, second, past_jobs.jobs(version.name)).at_work
    assert before.age_days == past_jobs.days(model.training.known_until, second)
    assert MlflowClient().get_run(parent.info.run_id).info.status == "FINISHED"
