"""Tests of Evidently's workspace: each window once, and panels in a browser that show the numbers of the runs."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from watched import reported

from monitoring.policy.window_history import MonitoredWindow
from monitoring.reports import evidently_report, report_figures
from monitoring.reports.evidently_report import VERSION, WINDOW, Workspace

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def window(moment: str, precision: float, columns: float) -> MonitoredWindow:
    figures = {
        "realised.average_precision": precision,
        "estimated.average_precision": precision - 0.0125,
        "drift.columns": columns,
        "drift.matter": 0.4375,
        "undefined": float("nan"),
    }
    return MonitoredWindow(moment, "Watch", True, False, False, "", False, run_id="abc", figures=figures)


WINDOWS = [window("2024-06-23", 0.8125, 3), window("2024-07-21", 0.7125, 5), window("2024-08-18", 0.6125, 7)]


def add(folder: Path, version: str, windows: list[MonitoredWindow], latest: MonitoredWindow) -> None:
    snapshot = reported(latest, version)[1]
    evidently_report.add_windows(folder, "shop", version, windows, latest.moment, snapshot)


def kept(folder: Path) -> dict[tuple[str, str], Any]:
    """Runs of a workspace by their version and window, each of which it has once."""
    workspace = Workspace(str(folder))
    (project,) = workspace.list_projects()
    runs = [workspace.get_run(project.id, one) for one in workspace.list_runs(project.id)]
    found = {(run.metadata[VERSION], run.metadata[WINDOW]): run for run in runs}
    assert len(found) == len(runs)
    return found


def values(run: Any, kind: str) -> list[Any]:
    """Values of a run's metrics of one type."""
    metrics = [(one.metric_value_location.metric.params["type"], one) for one in run.metric_results.values()]
    return [getattr(one, "value", one) for name, one in metrics if name.endswith(f":{kind}")]


def tear(folder: Path, torn: MonitoredWindow) -> None:
    """Leave of a window's run what a job that is killed at that moment leaves."""
    runs = [path for path in folder.glob("*/snapshots/*.json") if f'"{torn.moment}: ' in path.read_text()]
    (run,) = runs
    run.write_bytes(run.read_bytes()[:99])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """What is kept of three windows where two reports are: the first never had one, the last was looked at again."""
    folder = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidently_report, "MOST_REPORTS", 2)
        add(folder, "3", WINDOWS[:1], WINDOWS[1])
        add(folder, "3", WINDOWS[:2], WINDOWS[2])
        tear(folder, WINDOWS[0])
        add(folder, "3", WINDOWS[:2], replace(WINDOWS[2], figures={"drift.columns": 1.0}))
        before = kept(folder)
        assert len(values(before["3", WINDOWS[1].moment], "ValueDrift")) > 5
        add(folder, "4", [], WINDOWS[2])
        evidently_report.add_tag(folder, "shop", "3", WINDOWS[2].moment, "version 4: promoted")
    return kept(folder)


def test_a_run_that_was_not_written_to_its_end_is_made_anew(found: dict[Any, Any]) -> None:
    assert 0.8125 in values(found["3", WINDOWS[0].moment], "WatchedFigure")


def test_the_result_of_a_retraining_stands_at_the_window_that_caused_it(found: dict[Any, Any]) -> None:
    tags = {key: run.tags for key, run in found.items()}
    assert tags["3", WINDOWS[2].moment] == ["version 3", "Watch", "version 4: promoted"]
    assert not any("promoted" in tag for key, of in tags.items() for tag in of if key[0] == "4")
    assert len(values(found["3", WINDOWS[2].moment], "ValueDrift")) > 5


def test_a_window_is_in_the_workspace_once_and_those_that_it_lacks_are_added(found: dict[Any, Any]) -> None:
    assert sorted(found) == [*(("3", one.moment) for one in WINDOWS), ("4", WINDOWS[2].moment)]
    assert values(found["3", WINDOWS[2].moment], "WatchedFigure") == [1.0]
    assert all(f"{run.timestamp:%Y-%m-%d}" == run.metadata[WINDOW] for run in found.values())


def test_the_newest_windows_hold_the_whole_report_and_older_ones_their_figures(found: dict[Any, Any]) -> None:
    for kind, least in (("ValueDrift", 6), ("DriftedColumnsCount", 1), ("Figure", 5)):
        counts = [len(values(found[one], kind)) for one in sorted(found)]
        assert counts[:2] == [0, 0] and counts[2] == counts[3] >= least, kind
    for one in WINDOWS[:2]:
        run = found["3", one.moment]
        assert values(run, "WatchedFigure") == [value for value in one.figures.values() if value == value]
        assert run.tags == ["version 3", "Watch"] and run.metadata["mlflow_run"] == "abc"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_the_numbers_of_the_runs_in_the_panels_and_the_report_of_a_window(tmp_path: Path) -> None:
    add(tmp_path / "workspace", "3", WINDOWS[:2], WINDOWS[2])
    workspace = Workspace(str(tmp_path / "workspace"))
    (project,) = workspace.list_projects()
    last = max(workspace.list_runs(project.id), key=lambda one: workspace.get_run(project.id, one).timestamp)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "evidently"), "ui", "--port", str(port)]
    command += ["--workspace", str(tmp_path / "workspace")]
    server = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "DO_NOT_TRACK": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/api/version")
        dom = _dom(f"{url}/projects/{project.id}", tmp_path / "profile")
        report = _dom(f"{url}/projects/{project.id}/reports/{last}", tmp_path / "profile")
    finally:
        server.terminate()
        server.wait(timeout=30)
    for title in [*report_figures.COUNTERS, *report_figures.LINES]:
        assert title.replace("'", "&#39;") in dom.replace("'", "&#39;"), title
    # Counters show the last window; lines are pictures with one mark a window, and its date below.
    assert re.findall(r">([\d.]+)</h2>", dom) == ["0.61", "0.6", "7", "0.44"]
    assert all(one.moment in dom for one in WINDOWS)
    assert "Drift is detected for 25.0% of columns (2 out of 8)" in report
    for text in ("Figures of the window 2024-08-18", "realised.average_precision", "0.6125"):
        assert text in report


def _wait(url: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answers at {url}")


def _dom(url: str, profile: Path) -> str:
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={profile}",
            "--window-size=1400,2400",
            "--virtual-time-budget=20000",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout
