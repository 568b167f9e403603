"""Laws of the watch, on a real MLflow server: its webhook wakes, its absence stops nothing, records are kept.

The deployer has everything around it here: nginx and the shadow too.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from cryptography.fernet import Fernet
from deployed import Serving, ask, launch, score, until
from mlflow.tracking import MlflowClient
from project import Project, new_project
from served_versions import MODEL, register

from purchasing_power.errors import DataError
from steps.deploy import proxy, records, webhook
from steps.deploy.watch import watching
from steps.server_process import free_port, stop
from tracking import ledger

from .test_webhook import KEY, notice, signed

pytestmark = pytest.mark.slow


@contextmanager
def registry_server(project: Project, port: int) -> Iterator[Callable[[], None]]:
    """``mlflow server`` on the project's store, and how to stop it; it may call receivers on this machine."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", project.store]
    command += ["--port", str(port), "--workers", "1", "--allowed-hosts", "*"]
    environment = {
        **project.environment,
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (project.folder / "registry.log").open("wb") as said:
        server = subprocess.Popen(
            command, cwd=project.folder, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        until(lambda: answers(port))
        yield lambda: stop(server.pid)
    finally:
        stop(server.pid)
        server.wait(30)


def answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).status == 200
    except OSError:
        return False


def send(port: int) -> None:
    """Wake the deployer as MLflow would."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{webhook.PATH}", notice(), signed(notice()))
    assert urllib.request.urlopen(request, timeout=5).status == 204


def in_front() -> dict[str, str]:
    """nginx and the shadow where this machine has nginx."""
    try:
        proxy.binary()
    except DataError:
        return {}
    return {"proxy": "nginx", "shadow": "staging"}


def test_a_notice_switches_and_an_absent_registry_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(webhook.SECRET_VARIABLE, KEY)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    project, port, hook = new_project(tmp_path), free_port(), free_port()
    store = f"http://127.0.0.1:{port}"
    first, second = register(project, 0.1), register(project, 0.2)
    MlflowClient().set_registered_model_alias(MODEL, "production", first.version)
    MlflowClient().set_registered_model_alias(MODEL, "staging", second.version)
    # Polling would come too late: what happens here, a notice did.
    given = {"webhook_port": str(hook), "poll_s": "3600", **in_front()}
    with registry_server(project, port) as stop_registry:
        mlflow.set_tracking_uri(store)
        url = f"http://127.0.0.1:{hook}{webhook.PATH}"
        MlflowClient().create_webhook("deployer", url, ["model_version_alias.created"], secret=KEY)
        serving = Serving(project, given, store, *launch(project, given, store))
        try:
            if "shadow" in given:
                both_scores_are_written(serving)
            assert serving.move(second).startswith("switch: ")
            assert score(serving.port) == 0.2
            stop_registry()
            send(hook)
            until(lambda: "the registry does not answer" in serving.log)
            assert score(serving.port) == 0.2
        finally:
            serving.stop()
    # Its run cannot be ended without the registry; every process is.
    with pytest.raises(urllib.error.URLError):
        ask(serving.port)


def test_the_watch_goes_on_when_the_registry_answers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    project = new_project(tmp_path)
    version = register(project, 0.1)
    MlflowClient().set_registered_model_alias(MODEL, "production", version.version)
    with watching(MODEL, ("production", "staging"), 0.05, tmp_path) as watch:
        until(lambda: "production" in watch.seen)
        mlflow.set_tracking_uri(f"http://127.0.0.1:{free_port()}")
        until(lambda: watch.away)
        assert watch.seen["production"].version == version.version
        mlflow.set_tracking_uri(project.store)
        until(lambda: not watch.away)
        MlflowClient().delete_registered_model_alias(MODEL, "production")
        until(lambda: "production" not in watch.seen)


def both_scores_are_written(serving: Serving) -> None:
    """Requests go on being answered by production, and the shadow has both scores."""
    scores = serving.folder / "shadow" / "scores"
    until(lambda: "version 2 is compared" in serving.log)
    until(lambda: ask(serving.port)[0] == 200 and any(scores.glob("*.parquet")))
    row = pd.read_parquet(next(scores.glob("*.parquet"))).iloc[0]
    assert (row["production_version"], row["production_score"]) == ("1", 0.1)
    assert (row["staging_version"], row["staging_score"]) == ("2", 0.2)
    assert row["user"] != "someone"


def test_a_record_is_kept_while_the_ledger_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    project = new_project(tmp_path)
    mlflow.set_tracking_uri(f"http://127.0.0.1:{free_port()}")
    records.keep(tmp_path, MODEL, records.SWITCHED, "1", "serving starts")
    time.sleep(0.01)
    records.keep(tmp_path, MODEL, records.REFUSED, "2", "the smoke test failed", before="1")
    records.write_or_wait(tmp_path)
    assert len(list((tmp_path / records.FOLDER).iterdir())) == 2
    mlflow.set_tracking_uri(project.store)
    with mlflow.start_run(experiment_id=MlflowClient().get_experiment_by_name("tests").experiment_id):
        records.write_or_wait(tmp_path)
    assert list((tmp_path / records.FOLDER).iterdir()) == []
    first, second = ledger.records(MODEL)
    assert (first.action, first.version, second.action, second.before) == (
        "switch",
        "1",
        "switch_refused",
        "1",
    )
    assert "; at 20" in first.reason
