"""Tests of stored reference statistics, on the small shop that ``main`` was run on once."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from project import Project

from purchasing_power.kinds.purchase import KIND
from purchasing_power.reference.measure import measure
from purchasing_power.snapshot import user_table
from tracking import registry, runs
from tracking.reference import open_reference

pytestmark = pytest.mark.slow
MODEL = "purchasing_power"


@pytest.fixture
def version(lived: tuple[Project, str], monkeypatch: pytest.MonkeyPatch) -> mlflow.entities.model_registry.ModelVersion:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", lived[0].store)
    mlflow.set_tracking_uri(lived[0].store)
    return registry.find(MODEL, "1")


def test_a_version_carries_the_statistics_of_its_own_training_rows(version) -> None:
    model, stored = registry.open_bundle(version), open_reference(version)
    table = user_table.read(runs.fetch(version.tags[registry.USERS_TAG], "users")[0])
    again = measure(KIND, model, table, 0)
    assert list(stored.columns) == list(again.columns) and stored.users == again.users
    for name, sketch in again.columns.items():
        np.testing.assert_array_equal(stored.columns[name].counts, sketch.counts)
    assert sum(stored.importance.values()) == pytest.approx(1)
    predictions, recomputed = stored.held_out.predictions, again.held_out.predictions
    np.testing.assert_array_equal(predictions.y, recomputed.y)
    np.testing.assert_allclose(predictions.outputs, recomputed.outputs, rtol=1e-9)


def test_a_job_records_its_window_texts_tiers_and_checks(version) -> None:
    client = MlflowClient()
    experiment = client.get_experiment_by_name("tests").experiment_id
    job = client.search_runs([experiment], "tags.step = 'monitor'", order_by=["start_time"])[0]
    drift = json.loads(
        Path(mlflow.artifacts.download_artifacts(artifact_uri=f"runs:/{job.info.run_id}/drift.json")).read_text()
    )
    assert job.data.metrics["drift.window"] == float(drift["window"]["drifted"])
    assert job.data.metrics["text.auc"] == pytest.approx(drift["text"]["auc"])
    assert job.data.metrics["tier.high"] == pytest.approx(drift["tiers"][-1]["realised"])
    assert next(check["name"] for check in drift["quality"]) == "schema"
    weighted = [column["weighted_effect"] for column in drift["columns"]]
    assert weighted == sorted(weighted, reverse=True)
