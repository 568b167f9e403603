"""Tests of the deployment folder: whole versions only, one step from link to link, one holder."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from project import ROOT, Project, new_project
from served_versions import MODEL, register

from purchasing_power.errors import DataError
from steps.deploy import folder

FETCH = """
import sys, mlflow
from pathlib import Path
from steps.deploy import folder
from tracking import registry
mlflow.set_tracking_uri(sys.argv[1])
folder.fetch(Path(sys.argv[2]), registry.find(sys.argv[3], "1"), "production")
"""


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a version of 3 MB."""
    project = new_project(tmp_path_factory.mktemp("registered"))
    register(project, 0.1, megabytes=3)
    return project


def test_a_fetched_version_says_what_it_is_and_is_fetched_once(registered: Project, tmp_path: Path) -> None:
    mlflow.set_tracking_uri(registered.store)
    version = MlflowClient().get_model_version(MODEL, "1")
    home = folder.fetch(tmp_path, version, "production")
    assert folder.read_json(home / "deployed.json") == {"model": MODEL, "version": "1", "stage": "production"}
    assert (home / "MLmodel").exists()
    assert folder.number(home) == "1"
    (home / "mark").touch()
    assert folder.fetch(tmp_path, version, "production") == home
    assert (home / "mark").exists()


def test_a_disk_that_fills_up_leaves_no_half_version(registered: Project, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FETCH, registered.store, str(tmp_path), MODEL],
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, 2**21)),
        capture_output=True,
        text=True,
    )
    assert "File too large" in done.stderr
    assert list((tmp_path / folder.VERSIONS).iterdir()) == []


def test_the_link_always_points_at_a_version(tmp_path: Path) -> None:
    homes = [tmp_path / folder.VERSIONS / name for name in ("1-10", "2-20")]
    for home in homes:
        home.mkdir(parents=True)
    assert folder.current(tmp_path) is None
    for home in [*homes, homes[0]]:
        folder.link(tmp_path, home)
        assert folder.current(tmp_path) == home
    assert (tmp_path / folder.CURRENT).is_symlink()


def test_old_versions_and_drafts_go_and_the_served_one_stays(tmp_path: Path) -> None:
    for age, name in enumerate(["1-1", "2-2", "3-3", "4-4", "5-5", ".6-killed"]):
        home = tmp_path / folder.VERSIONS / name
        home.mkdir(parents=True)
        os.utime(home, (age, age))
    folder.link(tmp_path, tmp_path / folder.VERSIONS / "1-1")
    folder.tidy(tmp_path)
    left = {home.name for home in (tmp_path / folder.VERSIONS).iterdir()}
    assert left == {"1-1", "3-3", "4-4", "5-5"}


def test_a_folder_has_one_deployer(tmp_path: Path) -> None:
    with (
        folder.holding(tmp_path),
        pytest.raises(DataError, match="another deployer works in"),
        folder.holding(tmp_path),
    ):
        pass
    with folder.holding(tmp_path):
        assert (tmp_path / folder.HOLDER).exists()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    folder.write_json(path, {"is": "old"})
    with pytest.raises(TypeError):
        folder.write_json(path, {"is": object()})
    assert folder.read_json(path) == {"is": "old"}
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]
