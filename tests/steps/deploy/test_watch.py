"""Tests of the watch, on a real MLflow server: its webhook wakes, its absence stops nothing, records are kept.

The deployer has everything around it here: nginx and the shadow too.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest
from deployed import Serving, ask, launch, score, until
from mlflow.tracking import MlflowClient
from project import new_project
from registry_server import registry_server
from served_versions import MODEL, register

from purchasing_power.errors import DataError
from steps.deploy import proxy, records, shadow_scores, webhook
from steps.deploy.server_process import free_port
from steps.deploy.watch import watching
from tracking import ledger

from .test_webhook import KEY, notice, signed

pytestmark = pytest.mark.slow


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
            ended = serving.stop()
    assert ended == 0
    said = serving.log.partition("\nstopped\n")[2]
    assert "Traceback" not in said and "Retrying" not in serving.log
    assert said.count("the registry does not answer") == said.count("the run stays RUNNING") == 1
    with pytest.raises(urllib.error.URLError):
        ask(serving.port)


def test_the_watch_goes_on_when_the_registry_answers_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    """Requests go on being answered by production, and the gate finds the scores of both where serve wrote them."""
    scores = serving.folder / "shadow" / "scores"
    until(lambda: "version 2 is compared" in serving.log)
    until(lambda: ask(serving.port)[0] == 200 and any(scores.glob("*.parquet")))
    since = datetime.fromtimestamp(0, UTC)
    row = shadow_scores.read(serving.project.folder / "workspace", MODEL, "1", "2", since).iloc[0]
    assert (row["production_score"], row["staging_score"]) == (0.1, 0.2)
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
    assert (first.action, first.version, second.action, second.before) == ("switch", "1", "switch_refused", "1")
    assert "; at 20" in first.reason
