"""Tests of a study: the database is the truth, the runs mirror it, nothing is lost by a kill."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer
from typing import Any

import mlflow
import optuna
import pytest
from mlflow.tracking import MlflowClient
from optuna.trial import FrozenTrial, Trial, TrialState
from stores import new_store

from purchasing_power.errors import DataError
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import Member, ModelParams
from purchasing_power.tuning.blend_search import Blended
from purchasing_power.tuning.trial_comparison import TrialInterval
from steps.study import trial_runs
from steps.study.encoders import ComparedEncoder, StudyEncoder
from steps.study.report import study_report
from tracking import runs


@pytest.fixture
def parent(tmp_path: Path) -> mlflow.ActiveRun:
    new_store(tmp_path, "studies")
    runs.prepare()
    mlflow.set_experiment("studies")
    with mlflow.start_run() as run:
        yield run


def opened(tmp_path: Path, seed: int = 0) -> optuna.Study:
    return trial_runs.open_study("study", f"sqlite:///{tmp_path}/trials.db", seed, [])


def objective(trial: Trial, after_fold) -> tuple[ModelParams, list[float]]:
    x = trial.suggest_float("x", 0, 1)
    scores = [x, x / 2]
    for number, score in enumerate(scores):
        after_fold(number, score)
    return model_params(C=0.5 + x), scores


def search(study: optuna.Study, parent, trials: int, made=objective) -> list:
    trial_runs.search(study, made, trials, parent.info.run_id, parent.info.experiment_id)
    query = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    return MlflowClient().search_runs([parent.info.experiment_id], query)


def test_every_trial_is_a_child_run_with_its_parameters_scores_time_and_state(parent, tmp_path: Path) -> None:
    study = opened(tmp_path)
    found = {run.data.tags["mlflow.runName"]: run for run in search(study, parent, 6)}
    assert len(found) == len(study.trials) == 6
    for trial in study.trials:
        run = found[f"trial {trial.number}"]
        assert run.info.status == {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED"}[trial.state]
        assert float(run.data.params["x"]) == trial.params["x"]
        assert run.data.metrics["fold_0"] == trial.intermediate_values[0]
        assert run.data.metrics["seconds"] >= 0
        assert run.data.tags["trial.state"] == trial.state.name
        if trial.state == TrialState.COMPLETE:
            assert run.data.metrics["score"] == trial.value


def test_a_trial_that_is_worse_than_the_others_is_pruned(parent, tmp_path: Path) -> None:
    study = opened(tmp_path)
    search(study, parent, 4)
    study.enqueue_trial({"x": 0.0})
    search(study, parent, 5)
    assert study.trials[-1].state == TrialState.PRUNED


def test_a_study_goes_on_where_it_stopped_sets_right_runs_ended_as_dead_and_stops_when_it_has_enough(
    parent, tmp_path: Path
) -> None:
    first = search(opened(tmp_path), parent, 3)
    ended = {run.info.run_id: run.info.status for run in first}
    for run_id in ended:  # as another command does that finds their process gone
        MlflowClient().set_terminated(run_id, "FAILED")
    trial_runs.reconcile(opened(tmp_path))
    assert {run_id: MlflowClient().get_run(run_id).info.status for run_id in ended} == ended
    assert len(search(opened(tmp_path, seed=1), parent, 5)) == 5
    assert len(search(opened(tmp_path), parent, 5)) == 5


def test_the_same_seed_draws_the_same_trials(parent, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        search(opened(tmp_path / name, seed=7), parent, 6)
    drawn = [[trial.params["x"] for trial in opened(tmp_path / name).trials] for name in ("a", "b")]
    assert drawn[0] == drawn[1]


def test_a_failed_trial_is_a_failed_run_and_ends_the_search(parent, tmp_path: Path) -> None:
    def broken(trial: Trial, after_fold) -> tuple[ModelParams, list[float]]:
        raise RuntimeError("no")

    study = opened(tmp_path)
    with pytest.raises(RuntimeError):
        search(study, parent, 2, broken)
    trial_runs.reconcile(study)
    run = MlflowClient().get_run(study.trials[0].user_attrs[trial_runs.RUN_ID])
    assert (study.trials[0].state, run.info.status) == (TrialState.FAIL, "FAILED")


def test_no_complete_trial_is_said(parent, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no trial completed"):
        trial_runs.best(opened(tmp_path))


def test_a_storage_that_cannot_be_opened_is_said() -> None:
    with pytest.raises(DataError, match="cannot open sqlite:////no/such"):
        trial_runs.open_study("study", "sqlite:////no/such/place.db", 0, [])


def test_the_report_shows_history_importance_and_slices_without_network(parent, tmp_path: Path) -> None:
    study = opened(tmp_path)
    search(study, parent, 6)
    page = study_report(study, "average_precision")
    for title in ("Optimization History", "Hyperparameter Importances", "Slice Plot"):
        assert title in page
    assert f"{study.best_value:.4f} average_precision" in page
    assert '<script src="' not in page


def test_two_processes_may_open_a_fresh_database_at_once(tmp_path: Path) -> None:
    # Forked, they have nothing to import and meet at the database.
    forked = multiprocessing.get_context("fork")
    given = ("study", f"sqlite:///{tmp_path}/trials.db", 0, [])
    openers = [forked.Process(target=trial_runs.open_study, args=given) for _ in range(3)]
    for one in openers:
        one.start()
    for one in openers:
        one.join(60)
    assert [one.exitcode for one in openers] == [0, 0, 0]


WORKER = """
import sys, time
sys.path.insert(0, sys.argv[1])
import mlflow
from steps.study import trial_runs
mlflow.set_tracking_uri(sys.argv[2])
trial_runs.HEARTBEAT_S, trial_runs.GRACE_S = 1, 3

def hang(trial, after_fold):
    trial.suggest_float("x", 0, 1)
    print("started", flush=True)
    time.sleep(600)

study = trial_runs.open_study("study", sys.argv[3], 0, [])
trial_runs.search(study, hang, 1, sys.argv[4], sys.argv[5])
"""


def test_a_study_is_not_gone_on_with_under_other_settings(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/trials.db"
    trial_runs.open_study("study", storage, 0, [], "seed 0")
    trial_runs.open_study("study", storage, 1, [], "seed 0")
    with pytest.raises(DataError, match="made with seed 0; now it would be seed 1"):
        trial_runs.open_study("study", storage, 0, [], "seed 1")


def test_trials_at_work_elsewhere_are_waited_for_and_not_done_twice(parent, tmp_path: Path) -> None:
    study = opened(tmp_path)
    elsewhere = study.ask()
    Timer(2.0, lambda: study.tell(elsewhere, 0.5)).start()
    search(study, parent, 3)
    assert [trial.state for trial in study.trials].count(TrialState.RUNNING) == 0
    assert len(study.trials) == 3


def test_a_trial_that_ends_elsewhere_between_two_looks_is_not_done_twice(
    parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = opened(tmp_path)
    elsewhere, look = study.ask(), study.get_trials

    def looked_at(*args: Any, **kwargs: Any) -> list[FrozenTrial]:
        found = look(*args, **kwargs)
        states = [trial.state for trial in look(deepcopy=False)]
        if states == [TrialState.RUNNING, TrialState.COMPLETE, TrialState.COMPLETE]:
            study.tell(elsewhere, 0.5)
        return found

    monkeypatch.setattr(study, "get_trials", looked_at)
    search(study, parent, 3)
    assert [trial.state for trial in look()] == [TrialState.COMPLETE] * 3


def test_the_report_compares_encoders_and_tells_of_the_blend(parent, tmp_path: Path) -> None:
    study = opened(tmp_path)
    search(study, parent, 3)
    first = StudyEncoder("minilm", "minilm?runtime=float32", "float32", 384, 91.0, 350.0)
    second = StudyEncoder("a,b<c>", "a%2Cb?runtime=openvino-int8", "openvino-int8", 768, 440.0, 40.0)
    compared = [
        ComparedEncoder(first, 1, model_params(), TrialInterval(0.81, 0.79, 0.83, 0.0, 0.0, 0.0)),
        ComparedEncoder(second, None, model_params(), TrialInterval(0.80, 0.78, 0.82, -0.01, -0.02, 0.004)),
        ComparedEncoder(None, 2, model_params(representation="tfidf"), TrialInterval(0.7, 0.6, 0.8, -0.11, -0.2, -0.1)),
    ]
    members = (model_params(), model_params(head="svm"))
    blended = Blended(
        model_params(representation="none", head="blend", members=(Member(0.6, members[0]), Member(0.4, members[1]))),
        members,
        (0.6, 0.4),
        (0.82, 0.84),
        (0.80, 0.83),
    )
    page = study_report(study, "average_precision", compared, blended)
    for said in ("0.7900 to 0.8300", "-0.0200 to +0.0040", "openvino-int8", "a,b&lt;c&gt;", "made for this table"):
        assert said in page
    assert "none: tfidf with lightgbm" in page and "0.8300 average_precision with weights" in page
    assert "It is taken as the study&#39;s result." in page
    assert '<script src="' not in page


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_trial_loses_nothing(
    parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same as between processes of `tune`, in less time.
    monkeypatch.setattr(trial_runs, "HEARTBEAT_S", 1)
    monkeypatch.setattr(trial_runs, "GRACE_S", 3)
    storage = f"sqlite:///{tmp_path}/trials.db"
    opened(tmp_path)
    given = [str(runs.ROOT), mlflow.get_tracking_uri(), storage, parent.info.run_id, parent.info.experiment_id]
    worker = subprocess.Popen([sys.executable, "-c", WORKER, *given], stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout.readline() == "started\n"
    finally:
        worker.kill()
        worker.wait()
    time.sleep(trial_runs.GRACE_S + 2)
    study = opened(tmp_path)
    search(study, parent, 2)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    assert study.trials[1].params == study.trials[0].params  # the killed draw was tried again
    assert MlflowClient().get_run(study.trials[0].user_attrs[trial_runs.RUN_ID]).info.status == "FAILED"
