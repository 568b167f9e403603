"""Tests of ``tune``: encoders are compared, a blend must earn its place, and workers share one study."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import psutil
import pytest
from mlflow.tracking import MlflowClient
from project import ROOT
from stores import new_store
from tables import panel

from purchasing_power.model.flat_params import read_params
from purchasing_power.snapshot import user_table
from steps import tune
from steps.study import options
from tracking import runs
from tracking.chain import options_of

FAST = {
    "trials": "3",
    "folds": "2",
    "heads": "logistic,lightgbm",
    "representations": "none,tfidf",
    "space": "trees=10|20,text_components=4",
    "blend": "2",
    "target": "tier",
}


def tuned(tmp_path: Path, **given: str) -> tuple[mlflow.entities.Run, dict[str, str]]:
    new_store(tmp_path, "tune")
    runs.prepare()
    user_table.write(panel(), tmp_path / "users")
    chosen = {**FAST, "users": str(tmp_path / "users"), "workspace": str(tmp_path / "workspace"), **given}
    args = options_of("tune", chosen)
    experiment = mlflow.get_experiment_by_name("tune").experiment_id
    with mlflow.start_run(experiment_id=experiment) as active:
        outputs = tune.run(args)
    return mlflow.get_run(active.info.run_id), outputs


def children(run: mlflow.entities.Run, step: str) -> list[mlflow.entities.Run]:
    query = f"tags.`mlflow.parentRunId` = '{run.info.run_id}' AND tags.step = '{step}'"
    return MlflowClient().search_runs([run.info.experiment_id], query)


def test_a_blend_is_a_run_of_its_own_and_is_taken_only_if_it_beats_the_best(tmp_path: Path) -> None:
    run, outputs = tuned(tmp_path)
    (blend,) = children(run, "blend")
    params = read_params(runs.fetch(outputs["params"], "params")[0])
    better = blend.data.metrics["score"] > blend.data.metrics["best_alone"]
    assert blend.info.status == "FINISHED"
    assert bool(params.members) == (blend.data.tags["taken"] == "true")
    if params.members:
        assert better and run.data.metrics["best.average_precision"] == blend.data.metrics["score"]
    held = json.loads(Path(runs.location(f"runs:/{blend.info.run_id}/members.json")).read_text())
    assert sum(one["weight"] for one in held["members"]) == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", ["head=svm", "trees"])
def test_a_wrong_space_is_refused_by_the_parser(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options_of("tune", {"space": wrong})
    assert "allowed is NAME=VALUE|VALUE" in capsys.readouterr().err


def test_encoder_references_are_split_at_commas() -> None:
    assert options.references("minilm, folder/a?prefix=x%2Cy&pooling=cls") == [
        "minilm",
        "folder/a?prefix=x%2Cy&pooling=cls",
    ]


@pytest.mark.slow
def test_each_encoder_is_tried_and_compared_beside_no_encoder(tmp_path: Path) -> None:
    asked = "minilm?pooling=cls,minilm"
    given = {"trials": "4", "heads": "lightgbm", "store_mb": "1", "runtime": "onnx-float32"}
    run, _ = tuned(tmp_path, encoder=asked, representations="none,encoder", **given)
    assert run.data.tags["encoder.0.runtime"] == run.data.tags["encoder.1.runtime"] == "onnx-float32"
    assert run.data.metrics["encoder.1.texts_per_second"] > 0 < run.data.metrics["encoder.0.size_mb"]
    tried = {trial.data.params.get("encoder") for trial in children(run, "trial")}
    assert {run.data.tags["encoder.0.spec"], run.data.tags["encoder.1.spec"]} <= tried
    page = Path(runs.location(f"runs:/{run.info.run_id}/study.html")).read_text()
    assert "<h2>Encoders</h2>" in page and "minilm?pooling=cls" in page


@pytest.mark.slow
def test_workers_share_one_study_whose_trials_are_children_of_one_run(tmp_path: Path) -> None:
    run, _ = tuned(tmp_path, workers="2", trials="12", blend="0", space="trees=150,text_components=4")
    trials = children(run, "trial")
    assert 12 <= len([trial for trial in trials if trial.info.status in ("FINISHED", "KILLED")]) <= 13
    assert {trial.info.status for trial in trials} <= {"FINISHED", "KILLED"}
    assert children(run, "blend") == []
    assert not [child for child in psutil.Process().children() if "steps.study.workers" in child.cmdline()]


STARTER = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from steps.study import workers
real = subprocess.Popen
def held(command, **given):
    process = real([sys.executable, "-c", sys.argv[2], command[-1]], **given)
    print(process.pid, flush=True)
    return process
workers.subprocess.Popen = held
from tracking.chain import options_of
task = workers.WorkerTask(options_of("tune", {}), "", (), "", "", "", "", "")
with workers.helpers(task, 1):
    time.sleep(600)
"""
HELPER = "import sys, time; from steps.study.workers import _watch; _watch(int(sys.argv[1])); time.sleep(600)"


@pytest.mark.slow
def test_a_worker_does_not_outlive_a_starter_that_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(ROOT), HELPER], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert starter.stdout is not None
    worker = psutil.Process(int(starter.stdout.readline()))
    time.sleep(1)
    starter.kill()
    starter.wait()
    worker.wait(30)
    assert not worker.is_running()
