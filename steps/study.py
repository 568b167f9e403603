"""An Optuna study whose trials are MLflow runs: the database is the truth, the runs mirror it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import mlflow
import optuna
from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient
from optuna.storages import RDBStorage
from optuna.study import MaxTrialsCallback
from optuna.trial import FrozenTrial, Trial, TrialState
from tqdm import tqdm

from purchasing_power.errors import DataError
from purchasing_power.model.params import ModelParams
from tracking.runs import process_tags

RUN_ID = "mlflow_run_id"
DONE = (TrialState.COMPLETE, TrialState.PRUNED)
RUN_STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}
HEARTBEAT_S, GRACE_S = 5, 15
STARTUP_TRIALS = 4
OPENING_TRIES = 5

Objective = Callable[[Trial, Callable[[int, float], None]], tuple[ModelParams, list[float]]]


def open_study(name: str, storage: str, seed: int, first: list[dict[str, Any]]) -> optuna.Study:
    """Open a study, or make it with the trials to try first.

    Raises
    ------
    DataError
        If the storage cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    rows = _open_storage(storage)
    study = optuna.create_study(
        study_name=name,
        storage=rows,
        sampler=optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True
        ),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        direction="maximize",
        load_if_exists=True,
    )
    for point in first:
        study.enqueue_trial(point, skip_if_exists=True)
    return study


def _open_storage(url: str) -> RDBStorage:
    # Two processes that meet at a fresh database both make its tables; the second finds them on its next try.
    for attempt in range(OPENING_TRIES):
        try:
            return RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT_S,
                grace_period=GRACE_S,
                heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=2),
            )
        except Exception as error:
            if attempt == OPENING_TRIES - 1:
                raise DataError(
                    f"storage: cannot open {url} ({type(error).__name__}). Give a database URL such as "
                    "sqlite:///workspace/studies.db or postgresql://user@host/studies."
                ) from error
            time.sleep(0.5)
    raise AssertionError("unreachable")


def search(study: optuna.Study, objective: Objective, trials: int, parent: str, experiment: str) -> None:
    """Run trials until the study holds ``trials`` complete or pruned ones, each as a child run of ``parent``."""
    reconcile(study)
    done = len(study.get_trials(states=DONE))
    if done >= trials:
        return
    with tqdm(total=trials, initial=done, desc="tune", unit="trial") as bar:

        def one(trial: Trial) -> float:
            return _tracked(trial, objective, parent, experiment)

        def after(_: optuna.Study, trial: FrozenTrial) -> None:
            _close(trial)
            bar.update(trial.state in DONE)

        study.optimize(one, callbacks=[after, MaxTrialsCallback(trials, states=DONE)], catch=())
    reconcile(study)


def reconcile(study: optuna.Study) -> None:
    """End the MLflow runs of trials that ended while their worker could not say so."""
    client = MlflowClient()
    for trial in study.get_trials(deepcopy=False, states=tuple(RUN_STATUS)):
        run_id = trial.user_attrs.get(RUN_ID)
        if run_id is None:
            continue
        try:
            status = client.get_run(run_id).info.status
        except mlflow.exceptions.MlflowException:
            continue  # the study is older than this tracking store
        if status == "RUNNING":
            client.set_terminated(run_id, RUN_STATUS[trial.state])


def best(study: optuna.Study) -> FrozenTrial:
    """The best complete trial.

    Raises
    ------
    DataError
        If no trial completed.
    """
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise DataError("tune: no trial completed. Raise trials, or look at the failed trials' runs.")
    return study.best_trial


def _tracked(trial: Trial, objective: Objective, parent: str, experiment: str) -> float:
    client = MlflowClient()
    tags = {
        "mlflow.parentRunId": parent,
        "mlflow.runName": f"trial {trial.number}",
        "step": "trial",
        **process_tags(),
    }
    run_id = client.create_run(experiment, tags=tags).info.run_id
    trial.set_user_attr(RUN_ID, run_id)

    def after_fold(number: int, score: float) -> None:
        client.log_metric(run_id, f"fold_{number}", score)
        trial.report(score, number)
        if trial.should_prune():
            raise optuna.TrialPruned

    start = time.perf_counter()
    try:
        params, scores = objective(trial, after_fold)
        mean = sum(scores) / len(scores)
        client.log_metric(run_id, "score", mean)
        trial.set_user_attr("params", params.to_dict())
        return mean
    finally:
        seconds = Metric("seconds", time.perf_counter() - start, int(time.time() * 1000), 0)
        client.log_batch(run_id, [seconds], [Param(key, str(value)) for key, value in trial.params.items()])


def _close(trial: FrozenTrial) -> None:
    run_id = trial.user_attrs.get(RUN_ID)
    if run_id is not None and trial.state in RUN_STATUS:
        client = MlflowClient()
        client.set_tag(run_id, "trial.state", trial.state.name)
        client.set_terminated(run_id, RUN_STATUS[trial.state])
