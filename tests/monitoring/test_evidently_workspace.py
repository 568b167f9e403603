"""Laws of Evidently's workspace: each window once, and panels in a browser that show the numbers of the runs."""

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

import pytest

from monitoring import evidently_workspace
from monitoring.evidently_workspace import VERSION, WINDOW, Workspace
from monitoring.windows import PastWindow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def window(moment: str, precision: float, columns: float) -> PastWindow:
    figures = {
        "realised.average_precision": precision,
        "estimated.average_precision": precision - 0.0125,
        "drift.columns": columns,
        "drift.matter": 0.4375,
        "undefined": float("nan"),
    }
    return PastWindow(moment, "Watch", True, False, False, "", False, run_id="abc", figures=figures)


WINDOWS = [window("2024-06-23", 0.8125, 3), window("2024-07-21", 0.7125, 5), window("2024-08-18", 0.6125, 7)]


def test_a_window_is_in_the_workspace_once_and_those_that_it_lacks_are_added(tmp_path: Path) -> None:
    evidently_workspace.add(tmp_path, "shop", "3", WINDOWS[:1], WINDOWS[1])
    evidently_workspace.add(tmp_path, "shop", "3", WINDOWS[:2], WINDOWS[2])
    again = replace(WINDOWS[2], figures={"drift.columns": 1.0})
    evidently_workspace.add(tmp_path, "shop", "3", WINDOWS[:2], again)
    evidently_workspace.add(tmp_path, "shop", "4", [], WINDOWS[2])
    workspace = Workspace(str(tmp_path))
    (project,) = workspace.list_projects()
    kept = [workspace.get_run(project.id, one) for one in workspace.list_runs(project.id)]
    found = sorted((run.metadata[VERSION], run.metadata[WINDOW]) for run in kept)
    assert found == [("3", one.moment) for one in WINDOWS] + [("4", WINDOWS[2].moment)]
    (last,) = (run for run in kept if (run.metadata[VERSION], run.metadata[WINDOW]) == found[2])
    assert [one.value for one in last.metric_results.values()] == [1.0]
    assert all(f"{run.timestamp:%Y-%m-%d}" == run.metadata[WINDOW] for run in kept)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_panels_in_a_browser_show_the_numbers_of_the_runs(tmp_path: Path) -> None:
    evidently_workspace.add(tmp_path / "workspace", "shop", "3", WINDOWS[:2], WINDOWS[2])
    (project,) = Workspace(str(tmp_path / "workspace")).list_projects()
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
    finally:
        server.terminate()
        server.wait(timeout=30)
    for title in [*evidently_workspace.COUNTERS, *evidently_workspace.LINES]:
        assert title.replace("'", "&#39;") in dom.replace("'", "&#39;"), title
    # Counters show the last window; lines are pictures with one mark a window, and its date below.
    assert re.findall(r">([\d.]+)</h2>", dom) == ["0.61", "0.6", "7", "0.44"]
    assert all(one.moment in dom for one in WINDOWS)


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
