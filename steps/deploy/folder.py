"""The deployment folder: the versions fetched, the link ``current`` that is served, and who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError

CURRENT, VERSIONS, HOLDER = "current", "versions", "deployer.lock"
# What a version says of itself where it is served; the model adds it to every reply.
DEPLOYED = "deployed.json"
# The version served, the one before it, and one being tried.
KEPT = 3


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Be the only deployer of a folder; the system frees it when the holder dies.

    Raises
    ------
    DataError
        If another deployer holds the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / HOLDER).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"serve: another deployer works in {folder}. Stop it, or give another workspace.") from None
        yield


def fetch(folder: Path, version: ModelVersion, stage: str) -> Path:
    """Bring a version into a folder of its own, whole or not at all, and give that folder.

    What is already there is used again.

    Raises
    ------
    OSError
        If the disk is full.
    mlflow.exceptions.MlflowException
        If the registry or the artifact store does not answer.
    """
    home = home_of(folder, version)
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{version.version}-", dir=home.parent))
    try:
        uri = f"models:/{version.name}/{version.version}"
        got = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(draft / "model")))
        says = {"model": version.name, "version": str(version.version), "stage": stage}
        write_json(got / DEPLOYED, says)
        got.rename(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return home


def home_of(folder: Path, version: ModelVersion) -> Path:
    """The folder of a version; a number that was deleted and given again gets another one."""
    return folder / VERSIONS / f"{version.version}-{version.creation_timestamp}"


def number(home: Path) -> str:
    """The version number of a fetched version."""
    return home.name.partition("-")[0]


def current(folder: Path) -> Path | None:
    """The fetched version that the link ``current`` points at, or ``None``."""
    link = folder / CURRENT
    if not link.exists():
        return None
    return folder / VERSIONS / link.resolve().name


def link(folder: Path, home: Path) -> None:
    """Point ``current`` at a fetched version in one step: a reader sees the old or the new, never none."""
    draft = folder / f".{CURRENT}-{os.getpid()}"
    draft.unlink(missing_ok=True)
    draft.symlink_to(os.path.relpath(home, folder))
    draft.rename(folder / CURRENT)


def tidy(folder: Path) -> None:
    """Delete drafts of a killed fetch, and all but the newest versions; never the one that is served."""
    homes = [path for path in (folder / VERSIONS).glob("*") if path.is_dir()]
    drafts = [path for path in homes if path.name.startswith(".")]
    # The folder's own time is that of its last rename or of deployed.json: when it was brought here.
    whole = sorted(set(homes) - set(drafts), key=lambda path: path.stat().st_mtime)
    for path in [*drafts, *whole[:-KEPT]]:
        if path != current(folder):
            shutil.rmtree(path, ignore_errors=True)


def write_json(path: Path, values: object) -> None:
    """Write a JSON file under a temporary name and rename it."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        draft.write_text(json.dumps(values, indent=2), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """The content of a JSON file, or ``None`` where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
