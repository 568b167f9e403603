"""An empty tracking store, made once in a process and copied: MLflow takes seconds to write its tables."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import mlflow
from mlflow.tracking import MlflowClient


def new_store(folder: Path, experiment: str = "") -> str:
    """URI of a store ``mlflow.db`` in a folder, in use.

    Parameters
    ----------
    experiment
        Name of an experiment in it whose artifacts lie in the same folder; none is made where it is empty.
    """
    shutil.copyfile(_empty(), folder / "mlflow.db")
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    if experiment:
        mlflow.create_experiment(experiment, artifact_location=f"file://{folder}/artifacts")
    return uri


@cache
def _empty() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"
