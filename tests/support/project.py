"""A project of its own for a test: a tracking store, a workspace, and commands as a user runs them."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.tracking import fluent
from stores import new_store

from tracking.chain import entry_points
from tracking.entry import execute

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
        settings = {"MLFLOW_TRACKING_URI": self.store, "PURCHASING_POWER_KEY": "a key for tests only", "PATH": path}
        # mlflow.set_experiment leaves its choice to child processes; a command typed by a user has none.
        inherited = {name: value for name, value in os.environ.items() if name != "MLFLOW_EXPERIMENT_ID"}
        return {**inherited, **settings, "MLFLOW_EXPERIMENT_NAME": "tests"}

    def mlflow_run(self, entry: str, **parameters: str) -> subprocess.CompletedProcess[str]:
        """``mlflow run . -e entry --env-manager local -P …`` with this project's store."""
        given = [word for key, value in parameters.items() for word in ("-P", f"{key}={value}")]
        command = [sys.executable, "-m", "mlflow", "run", str(ROOT), "-e", entry, "--env-manager", "local", *given]
        command += ["--experiment-name", "tests"]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600
        )

    def run_here(self, entry: str, **parameters: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m`` of an entry point's module in this process: what it prints, and its exit code.

        It tests what the entry point does without a second start of Python; what MLflow Projects adds to that
        (the parent run, its tags) only :meth:`mlflow_run` shows.
        """
        point = entry_points()[entry]
        module, code = importlib.import_module(point.module), 0
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
            patch.setattr(fluent, "_active_experiment_id", None)
            patch.setattr(sys, "argv", [entry, *point.arguments(parameters)])
            try:
                # Some have more to do around it, such as an exit code of their own.
                getattr(module, "main", lambda: execute(entry, module.Options, module.run))()
            except SystemExit as end:
                code = int(end.code or 0)
        return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), err.getvalue())


def new_project(folder: Path) -> Project:
    """A project with an experiment whose artifacts lie in the same folder."""
    new_store(folder, "tests")
    return Project(folder)
