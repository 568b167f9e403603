"""What a user had before the architecture of packages changed, see ``fixtures/before_architecture/make.py``."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import mlflow

ARCHIVE = Path(__file__).resolve().parents[1] / "fixtures" / "before_architecture" / "store.tar.xz"
# Where the store says that it lies.
STORED_FOLDER = "/fixture"


@dataclass(frozen=True)
class Before:
    """A store of the commit before.

    Attributes
    ----------
    uri
        Of the tracking store.
    users
        URI of the user table that the versions of each registered model were trained on, by name of the model.
    predictions
        Predictions at that commit of the table's first 40 rows, by ``name/version``, each as columns of values.
    """

    uri: str
    users: dict[str, str]
    predictions: dict[str, dict[str, list[Any]]]

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the registered models."""
        return tuple(self.users)


def restore(folder: Path) -> Before:
    """A copy of the store's database in a folder of a test's own, set up as MLflow's tracking store."""
    place = unpacked()
    shutil.copyfile(place / "mlflow.db", folder / "mlflow.db")
    uri = f"sqlite:///{folder}/mlflow.db"
    os.environ["MLFLOW_TRACKING_URI"] = uri
    mlflow.set_tracking_uri(uri)
    found = json.loads((place / "predictions.json").read_text(encoding="utf-8"))
    return Before(uri, found["users"], found["said"])


@cache
def unpacked() -> Path:
    """The store and its artifacts, unpacked once in a process; a test writes no artifact over those that lie there."""
    folder = Path(tempfile.mkdtemp(prefix="before-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder)
    place = folder / STORED_FOLDER.strip("/")
    _move(place / "mlflow.db", str(place))
    return place


def _move(store: Path, place: str) -> None:
    """Write the store's new place into every text of its database."""
    with sqlite3.connect(store) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, kind, *_ in database.execute(f"PRAGMA table_info('{table}')").fetchall():
                if kind.upper().startswith(("VARCHAR", "TEXT")):
                    database.execute(
                        f'UPDATE \'{table}\' SET "{column}" = replace("{column}", ?, ?)', (STORED_FOLDER, place)
                    )
        database.commit()
