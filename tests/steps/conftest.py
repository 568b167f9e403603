"""One small shop taken through the whole life once, for every test that looks at what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project, new_project

from purchasing_power.shop.samples import small_shop


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return new_project(tmp_path)


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A project in which ``main`` ran on the small shop, and what it printed."""
    project = new_project(tmp_path_factory.mktemp("lived"))
    shop = small_shop(project.folder / "shop", users=400)
    done = project.mlflow_run(
        "main",
        data=str(shop),
        trials="2",
        representations="tfidf,both",
        runtime="onnx-float32",
        workspace=str(project.folder / "workspace"),
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return project, done.stdout
