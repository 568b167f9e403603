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
from optuna.trial import FrozenTrial, Trial, TrialState
from tqdm import tqdm

from purchasing_power.errors import DataError
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import ModelParams
from tracking.runs import process_tags

RUN_ID = "mlflow_run_id"
DONE = (TrialState.COMPLETE, TrialState.PRUNED)
RUN_STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}
HEARTBEAT_S, GRACE_S = 5, 15
STARTUP_TRIALS = 4
OPENING_TRIES = 5
LOCK_S, POLL_S = 60, 0.2
SETTINGS = "settings"

Objective = Callable[[Trial, Callable[[int, float], None]], tuple[ModelParams, list[float]]]


def open_study(
    name: str, storage: str, seed: int, first: list[dict[str, Any]], settings: str = "", shared: bool = False
) -> optuna.Study:
    """Open a study, or make it with the trials to try first.

    Parameters
    ----------
    settings
        What its trials depend on, in words; a study is only gone on with under the same.
    shared
        Whether other processes work on it at the same time: a draw then keeps away from theirs.

    Raises
    ------
    DataError
        If the storage cannot be opened, or the study was made with other settings.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    rows = _open_storage(storage)
    study = optuna.create_study(
        study_name=name,
        storage=rows,
        sampler=optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True, constant_liar=shared
        ),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        direction="maximize",
        load_if_exists=True,
    )
    _check_settings(study, settings)
    for point in first:
        study.enqueue_trial(point, skip_if_exists=True)
    return study


def _check_settings(study: optuna.Study, settings: str) -> None:
    made_with = study.user_attrs.get(SETTINGS)
    if made_with is None:
        study.set_user_attr(SETTINGS, settings)
    elif made_with != settings:
        raise DataError(
            f"study {study.study_name}: its trials were made with {made_with}; now it would be {settings}. Scores of "
            "the two cannot be compared: give the study another name, or auto."
        )


def _open_storage(url: str) -> RDBStorage:
    # Two processes that meet at a fresh database both make its tables; the second finds them on its next try.
    for attempt in range(OPENING_TRIES):
        try:
            return RDBStorage(
                url,
                # SQLite gives up on a lock after 5 s; several workers on a slow disk wait longer.
                engine_kwargs={"connect_args": {"timeout": LOCK_S}} if url.startswith("sqlite") else None,
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


def search(
    study: optuna.Study, objective: Objective, trials: int, parent: str, experiment: str, bar: bool = True
) -> None:
    """Run trials until the study holds ``trials`` complete or pruned ones, each as a child run of ``parent``.

    Other processes may work on the same study: one that has enough trials at work elsewhere waits for them,
    and takes over what fails.
    """
    reconcile(study)

    def one(trial: Trial) -> float:
        return _tracked(trial, objective, parent, experiment)

    def after(_: optuna.Study, trial: FrozenTrial) -> None:
        _close(trial)

    known = min(trials, len(study.get_trials(deepcopy=False, states=DONE)))
    with tqdm(total=trials, desc="tune", unit="trial", disable=not bar, initial=known) as shown:
        while True:
            optuna.storages.fail_stale_trials(study)
            # One look for both: a trial that ends elsewhere between two looks would be in neither count.
            states = [trial.state for trial in study.get_trials(deepcopy=False)]
            done = sum(state in DONE for state in states)
            shown.update(min(done, trials) - shown.n)
            if done >= trials:
                break
            if done + states.count(TrialState.RUNNING) < trials:
                study.optimize(one, n_trials=1, callbacks=[after], catch=())
            else:
                time.sleep(POLL_S)
    reconcile(study)


def reconcile(study: optuna.Study) -> None:
    """Give the MLflow runs of ended trials their trial's state, where their worker died before it could.

    A run that was ended meanwhile because its process was gone may say FAILED of a trial that is complete.
    """
    client = MlflowClient()
    for trial in study.get_trials(deepcopy=False, states=tuple(RUN_STATUS)):
        run_id = trial.user_attrs.get(RUN_ID)
        if run_id is None:
            continue
        try:
            status = client.get_run(run_id).info.status
        except mlflow.exceptions.MlflowException:
            continue  # the study is older than this tracking store
        if status != RUN_STATUS[trial.state]:
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


def ranked(study: optuna.Study) -> list[tuple[int, ModelParams]]:
    """Number and parameters of the complete trials, best first."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    ordered = sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))
    return [(trial.number, model_params(trial.user_attrs["params"])) for trial in ordered]


def _tracked(trial: Trial, objective: Objective, parent: str, experiment: str) -> float:
    client = MlflowClient()
    tags = {"mlflow.parentRunId": parent, "mlflow.runName": f"trial {trial.number}", "step": "trial", **process_tags()}
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
        trial.set_user_attr("scores", scores)
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
