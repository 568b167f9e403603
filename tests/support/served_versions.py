"""Small versions of a registered model: each answers its own score, or fails where it is told to."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from project import Project

MODEL = "small"
CODE = """
import json, os
import mlflow, pandas as pd
from mlflow.pyfunc import PythonModel

class Small(PythonModel):
    def load_context(self, context):
        with open(context.artifacts["says"]) as file:
            self.says = json.load(file)
        in_worker = "__pyfunc_model_path__" in os.environ
        if self.says["fails"] == "load" or self.says["fails"] == "worker" and in_worker:
            raise RuntimeError("this version does not load")

    def predict(self, context, model_input, params=None):
        return pd.DataFrame({"user_id": model_input["user_id"], "score": self.says["score"]})

mlflow.models.set_model(Small())
"""


def register(project: Project, score: float, fails: str = "", megabytes: int = 0) -> ModelVersion:
    """A new version that answers ``score``; ``fails`` is empty, ``load`` or ``worker``."""
    mlflow.set_tracking_uri(project.store)
    folder = project.folder / f"made-{score}{fails}"
    folder.mkdir()
    (folder / "small.py").write_text(CODE)
    (folder / "says.json").write_text(f'{{"score": {score}, "fails": ""}}')
    (folder / "weight.bin").write_bytes(b"0" * (megabytes * 2**20))
    with mlflow.start_run(experiment_id=MlflowClient().get_experiment_by_name("tests").experiment_id):
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(folder / "small.py"),
            artifacts={"says": str(folder / "says.json"), "weight": str(folder / "weight.bin")},
            input_example=pd.DataFrame({"user_id": ["example"], "x": [1.0]}),
            pip_requirements=["mlflow"],
            registered_model_name=MODEL,
        )
    version = MlflowClient().get_model_version(MODEL, str(info.registered_model_version))
    if fails:
        where = MlflowClient().get_logged_model(info.model_id).artifact_location
        (Path(where.removeprefix("file://")) / "artifacts" / "says.json").write_text(
            f'{{"score": {score}, "fails": "{fails}"}}'
        )
    return version
