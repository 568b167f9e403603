"""The model registry: versions, the stages they stand on, and the bundles behind them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils import logging_utils
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from purchasing_power.errors import DataError
from purchasing_power.kinds import registry as kinds
from purchasing_power.kinds.registry import PURCHASE
from purchasing_power.model.bundle_files import kind_of
from tracking.entry import parameter

if TYPE_CHECKING:
    from purchasing_power.kinds.kind import Kind

CANDIDATE, STAGING, PRODUCTION, PREVIOUS = "candidate", "staging", "production", "previous"
STAGES = (CANDIDATE, STAGING, PRODUCTION, PREVIOUS)
USERS_TAG = "users"
BUNDLE = "artifacts/bundle"


def kind_name(text: str) -> str:
    """Name of a registered kind, as a parameter."""
    if text not in kinds.KINDS:
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed are {', '.join(kinds.KINDS)}")
    return text


@dataclass(frozen=True)
class ModelOptions:
    """Parameters of every entry point that acts on a registered model."""

    model: str = parameter("name of the registered model")
    kind: str = parameter("kind of model", kind_name)

    @property
    def registered(self) -> str:
        """The registered model: the purchase model has the plain name, another kind adds its own."""
        return registered_name(self.model, self.kind)


def registered_name(model: str, kind: str) -> str:
    """Name of the registered model of a kind, such as ``my_shop.uplift``; a purchase model's is the plain one."""
    return model if kind == PURCHASE else f"{model}.{kind}"


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
        have = ", ".join(numbers(model)) or "none"
        raise DataError(
            f"model {model}: no version {version!r}; registered versions are {have}, stages are "
            f"{', '.join(STAGES)}. Train a model first, or name one that exists."
        )
    return found


def numbers(model: str) -> list[str]:
    """Numbers of the registered versions, in order."""
    versions = MlflowClient().search_model_versions(f"name = '{model}'")
    return sorted((str(one.version) for one in versions), key=int)


def open_bundle(version: ModelVersion) -> Any:
    """The model of a registered version, whatever its kind."""
    return kinds.open_bundle(bundle_folder(version))[1]


def open_model(version: ModelVersion, kind: Kind) -> Any:
    """The model of a registered version that must be of a kind.

    Raises
    ------
    DataError
        If it is of another one.
    """
    folder = bundle_folder(version)
    found = kind_of(folder)
    if found != kind.name:
        raise DataError(
            f"model {version.name}: got kind={kind.name}, version {version.version} is of the kind {found}. "
            f"Give kind={found}, or the name of another model."
        )
    return kind.load(folder)


def bundle_folder(version: ModelVersion) -> Path:
    """Local folder of a version's bundle, fetched where the store is remote."""
    return model_folder(version, BUNDLE)


def model_folder(version: ModelVersion, part: str = "") -> Path:
    """Local folder of what MLflow logged for a version, or of a part of it, fetched where the store is remote."""
    if version.model_id is not None:
        held = MlflowClient().get_logged_model(version.model_id).artifact_location
        if is_local_uri(held) and (Path(local_file_uri_to_path(held)) / part).is_dir():
            return Path(local_file_uri_to_path(held)) / part
    uri = f"models:/{version.name}/{version.version}/{part}".rstrip("/")
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))


class ConcurrentMove(DataError):
    """A stage was moved by another process in the meantime."""


def number_at(model: str, stage: str) -> str | None:
    """Number of the version that a stage points at, or ``None``."""
    found = at_stage(model, stage)
    return None if found is None else str(found.version)


def set_stage(version: ModelVersion, stage: str) -> None:
    """Point a stage at a version, and check that it does so afterwards.

    Raises
    ------
    DataError
        If the account may not do so, or another process moved the stage at the same time; aliases are
        last-write-wins.
    """
    with allowed(f"move {stage} of {version.name}"):
        MlflowClient().set_registered_model_alias(version.name, stage, version.version)
    check_stands(version, stage)


def check_stands(version: ModelVersion, stage: str) -> None:
    """Refuse to go on where a stage does not point at a version (any more).

    Raises
    ------
    ConcurrentMove
        If it does not.
    """
    now = number_at(version.name, stage)
    if now != str(version.version):
        raise ConcurrentMove(
            f"model {version.name}: {stage} was moved by another process at the same time (now version "
            f"{now or 'none'}, not {version.version}). Look at the stages and run the command again."
        )


def move(version: ModelVersion, stage: str, expected: str | None) -> None:
    """Point a stage at a version where it still points at ``expected``; production leaves its own as ``previous``.

    Raises
    ------
    ConcurrentMove
        If the stage points elsewhere, before or after.
    """
    now = _as_expected(version.name, stage, expected)
    if stage == PRODUCTION and now is not None and expected != str(version.version):
        set_stage(now, PREVIOUS)
    set_stage(version, stage)


def move_back(version: ModelVersion, expected: str | None) -> None:
    """Point production at a version where it still points at ``expected``, and leave ``previous`` alone.

    Raises
    ------
    ConcurrentMove
        If production points elsewhere, before or after.
    """
    _as_expected(version.name, PRODUCTION, expected)
    set_stage(version, PRODUCTION)


def _as_expected(model: str, stage: str, expected: str | None) -> ModelVersion | None:
    now = at_stage(model, stage)
    have = None if now is None else str(now.version)
    if have != expected:
        raise ConcurrentMove(
            f"model {model}: {stage} went from version {expected or 'none'} to {have or 'none'} while this "
            "command was at work. Look at the stages and run the command again."
        )
    return now


def leave(model: str, stage: str) -> None:
    """Take an alias away.

    Raises
    ------
    DataError
        If the account may not do so.
    """
    with allowed(f"take {stage} of {model} away", "MANAGE"):
        MlflowClient().delete_registered_model_alias(model, stage)


def delete(version: ModelVersion) -> None:
    """Delete a version for good; MLflow deletes its aliases with it.

    Raises
    ------
    DataError
        If the account may not do so.
    """
    with allowed(f"delete version {version.version} of {version.name}", "MANAGE"):
        MlflowClient().delete_model_version(version.name, version.version)


def copy_of(version: ModelVersion, model: str) -> ModelVersion | None:
    """The copy of a version in another registered model, or ``None``; of several the first."""
    source = f"models:/{version.name}/{version.version}"
    found = [
        one
        for one in MlflowClient().search_model_versions(f"name = '{model}'")
        # A version number is given anew when the highest version was deleted; a run is not.
        if one.source == source and one.run_id == version.run_id
    ]
    return min(found, key=lambda one: int(one.version), default=None)


def copy(version: ModelVersion, model: str) -> ModelVersion:
    """Copy a version into another registered model of the same registry.

    Raises
    ------
    DataError
        If the account may not do so.
    """
    with allowed(f"copy a version into {model}"):
        return MlflowClient().copy_model_version(f"models:/{version.name}/{version.version}", model)


def register(uri: str, model: str) -> str:
    """Register a logged model and give the number of its version; MLflow's own lines would break a progress bar."""
    logging_utils.disable_logging()
    try:
        return str(mlflow.register_model(uri, model).version)
    finally:
        logging_utils.enable_logging()


@contextmanager
def allowed(what: str, needs: str = "EDIT") -> Iterator[None]:
    """Say in words what an account may not do, where a server with accounts refuses the body.

    Parameters
    ----------
    needs
        Permission on the registered model that MLflow asks for.

    Raises
    ------
    DataError
        If it refuses.
    """
    try:
        yield
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        raise DataError(
            f"registry: this account may not {what}; it needs {needs} permission on the registered model, and MLflow "
            "refused. Ask the owner of the model to run the command, or to grant the permission."
        ) from error


def describe(version: ModelVersion, text: str) -> None:
    """Write what stands on top of the version's page."""
    with allowed(f"describe version {version.version} of {version.name}"):
        MlflowClient().update_model_version(version.name, version.version, description=text)


def tag(version: ModelVersion, values: dict[str, str]) -> None:
    """Write tags on a version."""
    client = MlflowClient()
    with allowed(f"write tags on version {version.version} of {version.name}"):
        for key, value in values.items():
            client.set_model_version_tag(version.name, version.version, key, value)
