"""The blend of a study's best trials, as a child run of its own."""

from __future__ import annotations

import mlflow
import optuna
from mlflow.tracking import MlflowClient

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.tuning.blend_search import Blended, distinct, search
from steps.study.trial_runs import ranked
from tracking.runs import process_tags


def blend_of(study: optuna.Study, validation: CrossValidation, count: int, metric: str) -> Blended | None:
    """Blend at most ``count`` of the best trials; ``None`` where fewer than two differ.

    What trials of another process said of the folds is computed again.
    """
    members = distinct([params for _, params in ranked(study)], count)
    if len(members) < 2:
        return None
    run_id = _start()
    status = "FAILED"
    try:
        found = search(validation, members)
        _log(run_id, found, metric)
        status = "FINISHED"
        return found
    finally:
        MlflowClient().set_terminated(run_id, status)


def _start() -> str:
    active = mlflow.active_run()
    assert active is not None
    tags = {"mlflow.parentRunId": active.info.run_id, "mlflow.runName": "blend", "step": "blend", **process_tags()}
    return str(MlflowClient().create_run(active.info.experiment_id, tags=tags).info.run_id)


def _log(run_id: str, found: Blended, metric: str) -> None:
    client = MlflowClient()
    client.log_metric(run_id, "score", found.score)
    client.log_metric(run_id, "best_alone", found.alone_score)
    for number, score in enumerate(found.scores):
        client.log_metric(run_id, f"fold_{number}", score)
    client.set_tag(run_id, "metric", metric)
    client.set_tag(run_id, "taken", str(found.better).lower())
    members = [
        {"weight": weight, "params": params.to_dict()}
        for weight, params in zip(found.weights, found.members, strict=True)
    ]
    client.log_dict(run_id, {"members": members}, "members.json")
