"""Starts the entry point ``retrain`` through MLflow Projects, as a run nested in the monitoring run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow.exceptions import ExecutionException
from mlflow.tracking import MlflowClient

from tracking import runs

ENTRY_POINT = "retrain"


@dataclass(frozen=True)
class RetrainingResult:
    """The result of a retraining run.

    Attributes
    ----------
    run_id
        Its run; empty where none was made.
    status
        ``"finished"`` or ``"failed"``.
    gate
        ``"promoted"``, ``"refused"`` or ``"unknown"``.
    version
        The version it trained, or ``"unknown"``.
    """

    run_id: str
    status: str
    gate: str
    version: str

    @property
    def tag(self) -> str:
        """The result in a few words."""
        return "retraining failed" if self.status == "failed" else f"version {self.version}: {self.gate}"

    @property
    def sentence(self) -> str:
        """The result for people."""
        if self.status == "failed":
            return f"Retraining failed (run {self.run_id or 'not started'}); production stays as it was."
        after = (
            "is now in production" if self.gate == "promoted" else "was refused by the gate; production stays as it was"
        )
        return f"Retraining made version {self.version}, which {after} (run {self.run_id})."


def retrain(parameters: dict[str, str]) -> RetrainingResult:
    """Run ``retrain`` to its end inside the active run, and read what its gate decided."""
    try:
        with _this_python():
            run_id = mlflow.projects.run(
                str(runs.ROOT), ENTRY_POINT, parameters=parameters, env_manager="local", synchronous=True
            ).run_id
    except ExecutionException:
        return RetrainingResult(_newest_child(), "failed", "unknown", "unknown")
    tags = MlflowClient().get_run(run_id).data.tags
    return RetrainingResult(
        run_id, "finished", tags.get("output.gate", "unknown"), tags.get("output.version", "unknown")
    )


@contextmanager
def _this_python() -> Iterator[None]:
    """Let ``python`` in MLproject's commands mean the interpreter that runs now."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _newest_child() -> str:
    """The newest retraining run below the active one: an exception of MLflow Projects does not name it."""
    active = mlflow.active_run()
    assert active is not None, "a retraining run is started inside a run"
    found = MlflowClient().search_runs(
        [active.info.experiment_id],
        f"tags.`mlflow.parentRunId` = '{active.info.run_id}' AND tags.`mlflow.project.entryPoint` = '{ENTRY_POINT}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return str(found[0].info.run_id) if found else ""
