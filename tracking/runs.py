"""Runs: where they are tracked, what they are tagged with, and how one that was killed is ended."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import mlflow
import psutil
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from purchasing_power.errors import DataError

log = logging.getLogger(__name__)

# A little below what registries of every version of MLflow take as a tag.
LONGEST_TAG = 4900
LONGEST_METRIC = 250
# What MLflow takes as a metric's name: parts of a relative path.
_METRIC_NAME = re.compile(r"(?!\.{1,2}(/|$))[\w.\- :]+(/(?!\.{1,2}(/|$))[\w.\- :]+)*")
PROCESS, HOST, STEP, REAPED = "process", "host", "step", "reaped"
# A run that no process of ours has marked may still be building its environment.
UNMARKED_PATIENCE_S = 3600
ROOT = Path(__file__).resolve().parents[1]


def prepare() -> None:
    """Name the tracking store, and end what a killed run left behind.

    The store is ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the project folder where it is not set.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    if "MLFLOW_TRACKING_URI" not in os.environ:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{ROOT / 'mlflow.db'}"
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    reap(MlflowClient())


def mark(step: str) -> None:
    """Tag the active run with its step, process and commit."""
    mlflow.set_tags({STEP: step, **process_tags(), **commit_tags()})


def process_tags() -> dict[str, str]:
    """Tags by which another process can tell whether this one still lives."""
    return {PROCESS: f"{os.getpid()}@{psutil.Process().create_time():.2f}", HOST: socket.gethostname()}


def commit_tags() -> dict[str, str]:
    """Git commit of the project and whether the tree was dirty; ``unknown`` outside a git checkout."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        commit, changes = git("rev-parse", "HEAD"), git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return {"git.commit": "unknown", "git.dirty": "unknown"}
    return {"git.commit": commit, "git.dirty": str(bool(changes)).lower()}


def record(outputs: dict[str, str]) -> None:
    """Tag the active run with what it made, so that a later step finds it as ``latest``."""
    mlflow.set_tags({f"output.{name}": value for name, value in outputs.items()})


def latest(output: str) -> str:
    """URI of the newest finished run's output of that name.

    Raises
    ------
    DataError
        If no finished run has made one.
    """
    found = mlflow.search_runs(
        search_all_experiments=True,
        filter_string=f"tags.`output.{output}` != '' AND attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
        output_format="list",
    )
    if not found:
        raise DataError(
            f"{output}=latest: no finished run has made {output} yet. "
            f"Run the step that makes it first, or give a path or a runs:/ URI as {output}."
        )
    return str(found[0].data.tags[f"output.{output}"])


def fetch(uri: str, output: str) -> tuple[Path, str]:
    """Local path and URI of an input: a path, a ``runs:/`` URI, or ``latest``.

    Raises
    ------
    DataError
        If it does not exist.
    """
    uri = latest(output) if uri == "latest" else uri
    if "://" not in uri and not uri.startswith(("runs:/", "models:/")):
        if not Path(uri).exists():
            raise DataError(f"{output}: no file or folder {uri}. Give a path, a runs:/ URI or latest.")
        return Path(uri), uri
    try:
        # MLflow copies even what lies on this disk, and leaves the copy behind.
        if uri.startswith("runs:/") and Path(location(uri)).exists():
            return Path(location(uri)), uri
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri)), uri
    except Exception as error:
        raise DataError(f"{output}: cannot fetch {uri} ({error}). Give a path, a runs:/ URI or latest.") from error


def location(uri: str) -> str:
    """Where a ``runs:/`` artifact lies: a local path where it is one, else the URI of the artifact store."""
    held = RunsArtifactRepository.get_underlying_uri(uri)
    return local_file_uri_to_path(held) if is_local_uri(held) else str(held)


def dataset_source(uri: str) -> str:
    """Source of a logged dataset: MLflow takes no ``runs:/`` there, and of a server's artifact its address alone."""
    held = location(uri) if uri.startswith("runs:/") else uri
    if held.startswith("mlflow-artifacts:"):
        return str(MlflowArtifactsRepository.resolve_uri(held, mlflow.get_tracking_uri()))
    return held


def hand_over(folder: Path, name: str) -> str:
    """Log a folder as the active run's artifact ``name`` and give its URI."""
    mlflow.log_artifacts(str(folder), name)
    return f"runs:/{_active()}/{name}"


def write_text(text: str, name: str) -> str:
    """Log a text file as the active run's artifact and give its URI."""
    mlflow.log_text(text, name)
    return f"runs:/{_active()}/{name}"


def metric_name(name: str) -> str:
    """A name from data as MLflow takes it for a metric, a parameter or a tag: distinct for distinct names.

    Letters of any script, digits and ``_ - . : /`` and blanks stay; another name has other signs replaced by ``_`` and
    ends in a part of its digest.
    """
    if len(name) <= LONGEST_METRIC and _METRIC_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    safe = re.sub(r"[^\w\- .:]|(?<=\.)\.", "_", name)
    return f"{safe[: LONGEST_METRIC - 7].strip()}_{digest}"


def reap(client: MlflowClient) -> list[str]:
    """End runs that stand as RUNNING although their process is gone, and give their ids.

    A run marked by this host is ended when its process no longer lives; a project run that was never
    marked (a bad parameter, a failed environment build) when it is older than an hour. Runs marked
    by other hosts are left alone.
    """
    ended = []
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    running = client.search_runs(experiments, "attributes.status = 'RUNNING'", ViewType.ACTIVE_ONLY)
    for run in running:
        if _is_dead(run) and _ended(client, run.info.run_id):
            ended.append(run.info.run_id)
    if ended:
        log.warning("%d runs were left RUNNING by a process that is gone; they are now FAILED", len(ended))
    return ended


def _ended(client: MlflowClient, run_id: str) -> bool:
    try:
        client.set_tag(run_id, REAPED, "its process was gone")
        client.set_terminated(run_id, "FAILED")
    except MlflowException as error:
        # Another account's run on a server: an account that may write there ends it with its own next command.
        if error.error_code != "PERMISSION_DENIED":
            raise
        return False
    return True


def _is_dead(run: Run) -> bool:
    tags = run.data.tags
    if run.info.run_id == os.environ.get("MLFLOW_RUN_ID"):
        return False
    if PROCESS not in tags:
        age = time.time() - run.info.start_time / 1000
        return "mlflow.project.entryPoint" in tags and age > UNMARKED_PATIENCE_S
    if tags.get(HOST) != socket.gethostname():
        return False
    pid, _, born = tags[PROCESS].partition("@")
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(born)) > 1.0
    except (psutil.NoSuchProcess, ValueError):
        return True


def _active() -> str:
    run = mlflow.active_run()
    assert run is not None, "outputs are handed over inside a run"
    return str(run.info.run_id)
