"""Where a version's reference statistics lie: an artifact of its training run, named by a tag of the version."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.reference import files
from purchasing_power.reference.measure import Reference
from tracking import runs

TAG, FOLDER = "reference", "reference"


def log_reference(reference: Reference) -> dict[str, str]:
    """Log reference statistics as an artifact of the active run, and give the tag that a version is to have."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = files.save(reference, Path(scratch) / FOLDER)
        return {TAG: runs.hand_over(folder, FOLDER)}


def open_reference(version: ModelVersion) -> Reference:
    """Read the reference statistics of a registered version.

    Raises
    ------
    DataError
        If it has none.
    """
    uri = version.tags.get(TAG)
    if uri is None:
        raise DataError(
            f"monitor: version {version.version} of {version.name} has no tag {TAG}, so that there is nothing to "
            "compare with. It was trained before reference statistics were kept: train it again with the train step."
        )
    return files.load(runs.fetch(uri, TAG)[0])
