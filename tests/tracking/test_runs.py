"""Tests of runs: a dead one is ended, a living one is left alone, outputs are found again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from registered import fresh

from purchasing_power.errors import DataError
from tracking import runs


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    fresh(tmp_path)
    runs.prepare()
    mlflow.create_experiment("here", artifact_location=f"file://{tmp_path}/artifacts")
    mlflow.set_experiment("here")
    return MlflowClient()


def started(client: MlflowClient, **tags: str) -> str:
    experiment = client.get_experiment_by_name("here")
    return client.create_run(experiment.experiment_id, tags=tags).info.run_id


def dead_process() -> str:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    return f"{gone.pid}@1.0"


def test_a_run_whose_process_is_gone_is_ended_and_says_why(client: MlflowClient) -> None:
    mine = runs.process_tags()
    killed = started(client, **{**mine, runs.PROCESS: dead_process()})
    assert runs.reap(client) == [killed]
    run = client.get_run(killed)
    assert run.info.status == "FAILED"
    assert run.data.tags[runs.REAPED] == "its process was gone"


def test_a_reused_process_number_does_not_keep_a_run_alive(client: MlflowClient) -> None:
    pid = runs.process_tags()[runs.PROCESS].partition("@")[0]
    assert len(runs.reap(client)) == 0
    killed = started(client, **{**runs.process_tags(), runs.PROCESS: f"{pid}@12345.0"})
    assert runs.reap(client) == [killed]


def test_living_and_foreign_runs_are_left_alone(client: MlflowClient) -> None:
    started(client, **runs.process_tags())
    started(client, **{runs.PROCESS: dead_process(), runs.HOST: "another machine"})
    started(client, **{"mlflow.project.entryPoint": "train"})  # young: it may be building its environment
    assert runs.reap(client) == []


def test_an_unmarked_project_run_is_ended_after_an_hour(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    old = started(client, **{"mlflow.project.entryPoint": "train"})
    now = runs.time.time()
    monkeypatch.setattr(runs.time, "time", lambda: now + runs.UNMARKED_PATIENCE_S + 1)
    assert runs.reap(client) == [old]


def test_latest_is_the_newest_finished_output(client: MlflowClient, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "file.txt").write_text("first")
    with mlflow.start_run():
        first = runs.hand_over(tmp_path / "made", "tables")
        runs.record({"tables": first})
    with pytest.raises(ZeroDivisionError), mlflow.start_run():
        runs.record({"tables": "runs:/broken/tables"})
        _ = 1 / 0
    path, uri = runs.fetch("latest", "tables")
    assert uri == first
    assert (path / "file.txt").read_text() == "first"


@pytest.mark.parametrize("uri", ["latest", "no/such/folder", "runs:/0123456789abcdef0123456789abcdef/tables"])
def test_an_input_that_is_not_there_is_met_with_a_remedy(client: MlflowClient, uri: str) -> None:
    with pytest.raises(DataError, match=r"path or a runs:/ URI|path, a runs:/ URI"):
        runs.fetch(uri, "tables")


@pytest.mark.parametrize("ending", ["", "-journal", "-wal", "-shm", "-0123456789abcdef.lock"])
def test_what_the_demos_store_writes_is_no_uncommitted_change(ending: str) -> None:
    if runs.commit_tags()["git.commit"] == "unknown":
        pytest.skip("this is no git checkout")
    ignored = subprocess.run(["git", "-C", str(runs.ROOT), "check-ignore", "-q", f"mlflow.db{ending}"])
    assert ignored.returncode == 0


NAMES = [
    "shap.tenure [months]",
    "shap.tenure (months)",
    "shap.tenure_months",
    "a//b",
    "a/../b",
    "/a",
    "a/",
    "..",
    "x" * 300,
]
NAMES += ["shap.余额（元）", "shap.spend/visit: a-b", "é%", "", "a\nb", "x" * 299 + "y", "a/./b"]


def test_names_from_data_become_distinct_names_that_mlflow_takes(client: MlflowClient) -> None:
    made = [runs.metric_name(name) for name in NAMES]
    assert len(set(made)) == len(NAMES)
    with mlflow.start_run() as run:
        mlflow.log_metrics(dict.fromkeys(made, 1.0))
    assert set(client.get_run(run.info.run_id).data.metrics) == set(made)


@pytest.mark.parametrize("name", ["shap.spend_28d", "shap.余额", "shap.spend/visit: a-b", "cv.fold_0"])
def test_a_name_that_mlflow_takes_stays_as_it_is(name: str) -> None:
    assert runs.metric_name(name) == name
