"""A deployer run as a user would run it, and what its users and its ledger see."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from project import ROOT, Project
from served_versions import MODEL

from steps.deploy import processes, workers
from steps.deploy.deployment import SERVER
from tracking import ledger
from tracking.chain import entry_points

BODY = {"dataframe_records": [{"user_id": "someone", "x": 1.0}]}


def ask(port: int, body: object = BODY, path: str = "/invocations", kind: str = "application/json"):
    """Status and text of an answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": kind}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data or None, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def score(port: int) -> float:
    """The score that the version being served answers."""
    status, text = ask(port)
    assert status == 200, text
    return json.loads(text)["predictions"][0]["score"]


def until(true: Callable[[], object], within_s: float = 180) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


@dataclass
class Serving:
    """One deployer and what it was given."""

    project: Project
    given: dict[str, str]
    store: str
    process: subprocess.Popen[bytes]
    port: int

    @property
    def log(self) -> str:
        """Everything it and its server said."""
        return (self.project.folder / "serve.log").read_text()

    def move(self, version: ModelVersion) -> str:
        """Move production to a version, and give the action and reason that the ledger then tells."""
        mlflow.set_tracking_uri(self.store)
        MlflowClient().set_registered_model_alias(MODEL, "production", version.version)
        until(lambda: self.last().version == str(version.version))
        return f"{self.last().action}: {self.last().reason}"

    def last(self) -> ledger.Record:
        """The newest record of the ledger."""
        mlflow.set_tracking_uri(self.store)
        return ledger.records(MODEL)[-1]

    @property
    def folder(self) -> Path:
        """The deployment folder."""
        return self.project.folder / "workspace" / "deployments" / f"{MODEL}@production"

    def workers(self) -> set[int]:
        """Process ids of the workers."""
        server = processes.noted(self.folder, SERVER)
        assert server is not None
        return workers.alive(workers.uvicorn_of(server["pid"]))

    def again(self) -> None:
        """Start the deployer again after it was killed."""
        self.process, self.port = launch(self.project, self.given, self.store)

    def stop(self) -> int:
        """End the deployer as a user would."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def launch(project: Project, given: dict[str, str], store: str) -> tuple[subprocess.Popen[bytes], int]:
    """A deployer that serves, and its port."""
    point, path = entry_points()["serve"], project.folder / "serve.log"
    defaults = {"model": MODEL, "port": "0", "poll_s": "0.3", "workspace": str(project.folder / "workspace")}
    with path.open("wb") as said:
        command = [sys.executable, "-m", point.module, *point.arguments({**defaults, **given})]
        environment = {**project.environment, "MLFLOW_TRACKING_URI": store}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
    while process.poll() is None:
        found = re.search(r"^serving version .*:(\d+)/invocations$", path.read_text(), re.MULTILINE)
        if found:
            return process, int(found[1])
        time.sleep(0.1)
    raise AssertionError(path.read_text())
