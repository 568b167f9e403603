"""Tests of the job: windows are counted once, and their figures are the same wherever they are shown."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import monitored
import pytest
from listener import Listener, listening
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from prometheus_client.parser import text_string_to_metric_families
from tables import TEXTS

from monitoring import monitor, watch
from monitoring.policy import past_jobs
from monitoring.reports.evidently_report import VERSION, WINDOW, Workspace
from tracking import registry
from tracking.chain import entry_points, options_of

# One process makes the registry for all of them.
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Windows:
    """Jobs on three windows, the second looked at twice; outcomes no longer follow the features from the first on."""

    folder: Path
    runs: list[Run]
    heard: Listener
    exit_code: object


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    folder = monitored.fresh(tmp_path_factory.mktemp("windows"))
    (folder / "textfiles").mkdir()
    first, second, third = monitored.moments()
    with listening() as heard:
        given = {"webhook": heard.url, "prometheus": str(folder / "textfiles")}
        done = [monitored.look(folder, moment, True, **given) for moment in (first, second)]
        code = _from_the_command_line(folder, second, given)
        done.append(monitored.look(folder, third, True, language="zh", **given))
        known = MlflowClient().search_runs(
            [done[0].info.experiment_id], "tags.step = 'monitor'", order_by=["attributes.start_time"]
        )
        yield Windows(folder, known, heard, code)


def _from_the_command_line(folder: Path, moment: str, given: dict[str, str]) -> object:
    """Exit code of ``python -m monitoring.monitor`` with the exit code of the state."""
    asked = {"users": str(folder / f"users-{moment}-True"), "workspace": str(folder / "workspace")}
    words = entry_points()["monitor"].arguments({**asked, "retrain": "never", "exit_code": "on", **given})
    before, sys.argv = sys.argv, ["monitor", *words]
    try:
        with pytest.raises(SystemExit) as stop:
            monitor.main()
    finally:
        sys.argv = before
    return stop.value.code


@pytest.fixture(autouse=True)
def own_store(windows: Windows, own_tracking_store: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{windows.folder}/mlflow.db")
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])


def test_poor_windows_add_up_over_runs_and_one_that_is_looked_at_twice_counts_once(windows: Windows) -> None:
    assert [run.data.tags[past_jobs.STATE] for run in windows.runs] == ["Healthy", "Watch", "Watch", "Act"]
    assert "in 1 of the last 2 windows" in windows.runs[2].data.tags["verdict"]
    assert "in 2 of the last 3 windows" in windows.runs[3].data.tags["verdict"]
    assert windows.runs[3].data.tags["decision"] == "none"  # retrain=never
    version = registry.find(monitored.MODEL, registry.PRODUCTION)
    before = past_jobs.history(version, registry.open_bundle(version), "9999-01-01", past_jobs.jobs(version.name))
    assert [one.moment for one in before.windows] == monitored.moments()
    assert before.windows[1].run_id == windows.runs[2].info.run_id and before.days_since_retrain is None


def test_a_job_needs_no_training_rows(windows: Windows) -> None:
    version = registry.find(monitored.MODEL, registry.PRODUCTION)
    trained_on = Path(version.tags[registry.USERS_TAG])
    assert trained_on.name == monitored.TRAINED_ON and not trained_on.exists()
    for figure in ("realised.auc", "promised.auc", "promised.average_precision", "estimated.auc"):
        assert all(figure in run.data.metrics for run in windows.runs[2:]), figure


def test_the_exit_code_is_that_of_the_state_where_that_is_asked_for(windows: Windows) -> None:
    assert windows.exit_code == 3


def test_an_alert_is_sent_once_for_a_window_and_a_state(windows: Windows) -> None:
    texts = [body["text"] for body in windows.heard.bodies]
    assert [text.partition(": ")[2].partition(":")[0] for text in texts] == ["Watch", "Act"]
    assert [run.data.tags.get("monitor.alert") for run in windows.runs] == [
        None,
        "delivered",
        "sent by an earlier job on this window",
        "delivered",
    ]


def test_metrics_have_the_window_as_step_and_the_latest_window_shows_the_whole_trend(windows: Windows) -> None:
    last = windows.runs[-1]
    trend = MlflowClient().get_metric_history(last.info.run_id, "realised.auc")
    assert [one.step for one in trend] == [int(moment.replace("-", "")) for moment in monitored.moments()]
    values = [windows.runs[at].data.metrics["realised.auc"] for at in (0, 2, 3)]
    assert [one.value for one in trend] == values
    assert values[0] > 0.9 > 0.6 > values[1]


def test_prometheus_and_evidently_show_the_figures_of_the_run(windows: Windows) -> None:
    last = windows.runs[-1]
    text = (windows.folder / "textfiles" / f"{monitored.MODEL}.prom").read_text()
    assert text == monitored.artifact(last, "monitor.prom")
    read = {family.name: family.samples[0].value for family in text_string_to_metric_families(text)}
    assert read["purchasing_power_realised_auc"] == pytest.approx(last.data.metrics["realised.auc"])
    workspace = Workspace(str(windows.folder / "workspace" / "evidently"))
    project = workspace.search_project(monitored.MODEL)[0]
    kept = [workspace.get_run(project.id, one) for one in workspace.list_runs(project.id)]
    by_moment = {run.metadata[WINDOW]: run.metric_results.values() for run in kept if run.metadata[VERSION] == "1"}
    assert len(kept) == 3 and sorted(by_moment) == monitored.moments()
    for run in (windows.runs[0], *windows.runs[2:]):
        kinds: dict[str, dict[str, Any]] = {}
        for one in by_moment[run.data.tags[past_jobs.MOMENT]]:
            params = one.metric_value_location.metric.params
            name = params.get("name", params.get("column", ""))
            kinds.setdefault(params["type"].rpartition(":")[2], {})[name] = getattr(one, "value", one)
        assert kinds["WatchedFigure"] == pytest.approx(run.data.metrics)
        # The same run holds the report of the drift, with the p-values and the count that the job decided by.
        record = json.loads(monitored.artifact(run, "drift.json"))
        p_values = {one["column"]: one["p_value"] for one in (*record["columns"], *record["scores"])}
        assert kinds["ValueDrift"] == pytest.approx(p_values)
        assert kinds["DriftedColumnsCount"][""].count.value == run.data.metrics["drift.columns"]


def test_pages_are_small_fetch_nothing_and_show_nobody(windows: Windows) -> None:
    for run in windows.runs:
        for name in ("monitor.html", "details.html"):
            html = monitored.artifact(run, name)
            assert len(html.encode()) < 3_000_000
            assert not re.search(r"https?:|<script|<link|url\((?!#)|@import", html)
            assert not re.search(r"user-\d{4}", html)
            assert not [known for known in TEXTS if known in html]
    english, chinese = (monitored.artifact(windows.runs[at], "monitor.html") for at in (2, 3))
    assert "This is the first such window." in english and "<b>Watch</b>" in english
    assert "<b>处理</b>：最近 3 期中有 2 期" in chinese and "需要重新训练，但自动训练已关闭" in chinese


def test_a_window_that_was_looked_at_is_not_looked_at_again_until_the_table_changes(windows: Windows) -> None:
    third = monitored.moments()[-1]
    assert watch.looked_at(options_of("watch", {"users": str(windows.folder / f"users-{third}-True")}))
    assert watch.looked_at(options_of("watch", {"users": str(windows.folder / f"users-{third}-True"), "cutoff": third}))
    changed = windows.folder / "users-changed"
    monitored.user_table.write(monitored.up_to(third), changed)
    assert not watch.looked_at(options_of("watch", {"users": str(changed)}))


def test_a_record_holds_the_decision_with_what_it_rests_on(windows: Windows) -> None:
    decision = json.loads(monitored.artifact(windows.runs[-1], "decision.json"))
    assert (decision["cause"], decision["blocked_by"], decision["poor"]) == ("performance", "never", [2, 3])
    assert decision["policy"]["poor_windows"] == 2
