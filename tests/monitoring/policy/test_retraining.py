"""Tests of retraining: it runs below the monitoring run, and its failure is reported, never swallowed."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from stores import new_store

from monitoring.policy.retraining import RetrainingResult, retrain
from tracking import runs


@pytest.mark.slow
def test_a_failed_retraining_is_found_below_its_parent_and_reported(tmp_path: Path) -> None:
    new_store(tmp_path)
    runs.prepare()
    path = os.environ["PATH"]
    with mlflow.start_run() as parent:
        done = retrain({"tables": "no/such/folder", "model": "shop", "target": "tier"})
    child = MlflowClient().get_run(done.run_id)
    assert done.status == "failed" and child.info.status == "FAILED"
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.params["trials"] == "4"  # MLproject's default
    assert done.run_id in done.sentence and "production stays" in done.sentence
    assert os.environ["PATH"] == path


def test_the_result_names_what_the_gate_decided() -> None:
    assert "version 4, which is now in production" in RetrainingResult("r", "finished", "promoted", "4").sentence
    assert "version 4, which was refused by the gate" in RetrainingResult("r", "finished", "refused", "4").sentence
    assert "not started" in RetrainingResult("", "failed", "unknown", "unknown").sentence
