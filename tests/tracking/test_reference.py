"""Tests of where reference statistics lie: with the run that trained the version, found by the version's tag."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from mlflow.entities.model_registry import ModelVersion
from stores import new_store
from watched import stored

from purchasing_power.errors import DataError
from tracking import runs
from tracking.reference import TAG, log_reference, open_reference


def version(**tags: str) -> ModelVersion:
    found = ModelVersion("shop", "3", 0)
    for key, value in tags.items():
        found._add_tag(mlflow.entities.model_registry.ModelVersionTag(key, value))
    return found


@pytest.mark.slow
def test_what_a_run_logged_is_what_the_version_opens(tmp_path: Path) -> None:
    _, _, reference = stored()
    new_store(tmp_path, "reference")
    runs.prepare()
    with mlflow.start_run(experiment_id=mlflow.get_experiment_by_name("reference").experiment_id) as run:
        tags = log_reference(reference)
    assert tags == {TAG: f"runs:/{run.info.run_id}/reference"}
    assert open_reference(version(**tags)).importance == reference.importance


def test_a_version_without_statistics_is_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"version 3 of shop has no tag reference.*train it again"):
        open_reference(version())
