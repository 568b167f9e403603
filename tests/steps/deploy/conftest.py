"""A deployer on small versions, shared by the tests of a module."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from deployed import Serving, launch
from mlflow.tracking import MlflowClient
from project import new_project
from served_versions import MODEL, register


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A deployer on a version that answers 0.1."""
    os.environ.pop("MLFLOW_RUN_ID", None)
    project = new_project(tmp_path_factory.mktemp("deployed"))
    first = register(project, 0.1)
    MlflowClient().set_registered_model_alias(MODEL, "production", first.version)
    serving = Serving(project, {}, project.store, *launch(project, {}, project.store))
    yield serving
    if serving.process.poll() is None:
        serving.stop()
