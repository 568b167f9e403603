"""A version tried as a server would load it: with pickle forbidden, it predicts its own example.

A version that carries other code than this checkout's, such as one from before an upgrade, is tried in a process of
its own, which imports that code; so is every version that a deployer is to serve.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from steps.deploy.server_process import LOG_VARIABLE, environment
from steps.deploy.smoke_process import answer_example
from tracking import registry, runs

WITHIN_S = 180
PICKLE = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
LIBRARY = runs.ROOT / "purchasing_power"


class Unservable(DataError):
    """A version that cannot be loaded as a server loads it."""


def check_serves(version: ModelVersion) -> None:
    """Load a registered version as a server would, and predict its example.

    Raises
    ------
    Unservable
        If it cannot be loaded or does not predict.
    """
    try:
        home = registry.model_folder(version)
        wrong = _problem_here(home) if _carries_this_code(home) else problem(home)
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    if wrong is not None:
        raise Unservable(
            f"promote: version {version.version} of {version.name} cannot be loaded and asked for a prediction "
            f"({wrong}). Train it again; the stages stay as they are."
        )


def _problem_here(home: Path) -> str | None:
    before = os.environ.get(PICKLE)
    os.environ[PICKLE] = "false"
    try:
        answer_example(home)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        os.environ.pop(PICKLE)
        if before is not None:
            os.environ[PICKLE] = before
    return None


def _carries_this_code(home: Path) -> bool:
    """Whether the library in a version is that of this checkout, to the byte."""
    theirs, ours = home / "code" / LIBRARY.name, LIBRARY
    files = {path.relative_to(ours) for path in ours.rglob("*.py")}
    if files != {path.relative_to(theirs) for path in theirs.rglob("*.py")}:
        return False
    return all((theirs / file).read_bytes() == (ours / file).read_bytes() for file in files)


def problem(home: Path) -> str | None:
    """Why a fetched version must not be served, in one line, or ``None`` where it passed.

    The process that tries it imports what a worker imports, so that it can neither harm this one nor
    borrow a module from it.
    """
    command = [sys.executable, "-m", "steps.deploy.smoke_process", str(home)]
    # The example is nobody's request.
    variables = {LOG_VARIABLE: ""}
    try:
        done = subprocess.run(
            command, env=environment(variables), capture_output=True, text=True, timeout=WITHIN_S, cwd=runs.ROOT
        )
    except subprocess.TimeoutExpired:
        return f"the smoke test did not end within {WITHIN_S} s"
    if done.returncode == 0:
        return None
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return f"the smoke test failed: {last[:300]}"
