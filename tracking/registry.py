"""The model registry: versions, the stages they stand on, and the bundles behind them."""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from purchasing_power.errors import DataError
from purchasing_power.model import bundle
from purchasing_power.model.purchasing_model import PurchasingModel

CANDIDATE, STAGING, PRODUCTION, PREVIOUS = "candidate", "staging", "production", "previous"
STAGES = (CANDIDATE, STAGING, PRODUCTION, PREVIOUS)
USERS_TAG = "users"
BUNDLE = "artifacts/bundle"


def at_stage(model: str, stage: str) -> ModelVersion | None:
    """The version that a stage points at, or ``None``."""
    try:
        return MlflowClient().get_model_version_by_alias(model, stage)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def find(model: str, version: str) -> ModelVersion:
    """A version by number or by stage.

    Raises
    ------
    DataError
        If there is none.
    """
    found = None
    if version.isdigit():
        try:
            found = MlflowClient().get_model_version(model, version)
        except MlflowException:
            found = None
    else:
        found = at_stage(model, version)
    if found is None:
        versions = MlflowClient().search_model_versions(f"name = '{model}'")
        have = ", ".join(sorted((str(one.version) for one in versions), key=int)) or "none"
        raise DataError(
            f"model {model}: no version {version!r}; registered versions are {have}, stages are "
            f"{', '.join(STAGES)}. Train a model first, or name one that exists."
        )
    return found


def open_bundle(version: ModelVersion) -> PurchasingModel:
    """Load the bundle of a registered version."""
    return bundle.load(bundle_folder(version))


def bundle_folder(version: ModelVersion) -> Path:
    """Local folder of a version's bundle, fetched where the store is remote."""
    if version.model_id is not None:
        held = MlflowClient().get_logged_model(version.model_id).artifact_location
        if is_local_uri(held) and (Path(local_file_uri_to_path(held)) / BUNDLE).is_dir():
            return Path(local_file_uri_to_path(held)) / BUNDLE
    uri = f"models:/{version.name}/{version.version}/{BUNDLE}"
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))


def set_stage(version: ModelVersion, stage: str) -> None:
    """Point a stage at a version, and check that it does so afterwards.

    Raises
    ------
    DataError
        If another process moved the stage at the same time; aliases are last-write-wins.
    """
    client = MlflowClient()
    client.set_registered_model_alias(version.name, stage, version.version)
    now = at_stage(version.name, stage)
    if now is None or str(now.version) != str(version.version):
        raise DataError(
            f"model {version.name}: {stage} was moved by another process at the same time "
            f"(now version {now.version if now else 'none'}). Look at the registry and promote again."
        )


def promote_to_production(version: ModelVersion) -> None:
    """Move ``production`` to a version and keep the one it stood on as ``previous``."""
    before = at_stage(version.name, PRODUCTION)
    if before is not None and str(before.version) != str(version.version):
        set_stage(before, PREVIOUS)
    set_stage(version, PRODUCTION)


def describe(version: ModelVersion, text: str) -> None:
    """Write what stands on top of the version's page."""
    MlflowClient().update_model_version(version.name, version.version, description=text)


def tag(version: ModelVersion, values: dict[str, str]) -> None:
    """Write tags on a version."""
    client = MlflowClient()
    for key, value in values.items():
        client.set_model_version_tag(version.name, version.version, key, value)
