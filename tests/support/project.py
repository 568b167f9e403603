"""A project of its own for a test: a tracking store, a workspace, and commands as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import mlflow

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Project:
    """A tracking store and a workspace in which entry points run as a user would run them."""

    folder: Path

    @property
    def store(self) -> str:
        """URI of the tracking store."""
        return f"sqlite:///{self.folder}/mlflow.db"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command."""
        path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
        settings = {
            "MLFLOW_TRACKING_URI": self.store,
            "PURCHASING_POWER_KEY": "a key for tests only",
            "PATH": path,
        }
        # mlflow.set_experiment leaves its choice to child processes; a command typed by a user has none.
        inherited = {name: value for name, value in os.environ.items() if name != "MLFLOW_EXPERIMENT_ID"}
        return {**inherited, **settings, "MLFLOW_EXPERIMENT_NAME": "tests"}

    def mlflow_run(self, entry: str, **parameters: str) -> subprocess.CompletedProcess[str]:
        """``mlflow run . -e entry --env-manager local -P …`` with this project's store."""
        given = [word for key, value in parameters.items() for word in ("-P", f"{key}={value}")]
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "run",
            str(ROOT),
            "-e",
            entry,
            "--env-manager",
            "local",
            *given,
        ]
        command += ["--experiment-name", "tests"]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600
        )


def new_project(folder: Path) -> Project:
    """A project with an experiment whose artifacts lie in the same folder."""
    project = Project(folder)
    mlflow.set_tracking_uri(project.store)
    mlflow.create_experiment("tests", artifact_location=f"file://{folder}/artifacts")
    return project
