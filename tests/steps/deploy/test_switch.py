"""Tests of the deployer: it follows the stage, loses no request, and keeps what works when something fails."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import urllib.error

import psutil
import pytest
from deployed import Serving, ask, score, until
from mlflow.tracking import MlflowClient
from project import ROOT
from served_versions import MODEL, register

from steps.deploy import folder, processes
from steps.deploy.deployment import SERVER

pytestmark = pytest.mark.slow


def test_a_moved_stage_is_followed_and_no_request_is_lost(serving: Serving) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "switch_clients.py")]
    command += ["--port", str(serving.port), "--clients", "1", "--pause_s", "0.01"]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    told = serving.move(register(serving.project, 0.2))
    counts = json.loads(load.communicate(timeout=60)[0])
    assert told.startswith("switch: production moved"), told
    assert serving.last().before == "1"
    assert counts["failed"] == 0
    assert counts["requests"] > 100
    assert {score(serving.port) for _ in range(6)} == {0.2}


@pytest.mark.parametrize(
    ("fails", "why"), [("load", "the smoke test failed"), ("worker", "a new worker ended while loading")]
)
def test_a_version_that_fails_is_refused_and_the_old_one_goes_on(serving: Serving, fails: str, why: str) -> None:
    before = score(serving.port)
    told = serving.move(register(serving.project, 0.9, fails))
    assert told.startswith(f"switch_refused: {why}"), told
    assert {score(serving.port) for _ in range(6)} == {before}
    serving.process.poll()
    assert serving.process.returncode is None


def test_a_killed_worker_is_started_again(serving: Serving) -> None:
    before = serving.workers()
    killed = psutil.Process(min(before))
    killed.kill()
    assert ask(serving.port)[0] == 200
    until(lambda: len(serving.workers()) == 2 and killed.pid not in serving.workers())


def test_a_full_disk_keeps_the_old_version_until_there_is_room(serving: Serving) -> None:
    before, process = score(serving.port), psutil.Process(serving.process.pid)
    heavy = register(serving.project, 0.3, megabytes=8)
    # No file of the deployer may grow past this: it cannot write the version, as on a full disk.
    process.rlimit(resource.RLIMIT_FSIZE, (4 * 2**20, resource.RLIM_INFINITY))
    MlflowClient().set_registered_model_alias(MODEL, "production", heavy.version)
    until(lambda: "cannot be fetched" in serving.log)
    assert score(serving.port) == before
    process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert serving.move(heavy).startswith("switch: ")
    assert score(serving.port) == 0.3


def test_a_killed_deployer_leaves_the_server_and_the_next_one_takes_it_over(serving: Serving) -> None:
    before, workers, port = score(serving.port), serving.workers(), serving.port
    serving.process.kill()
    serving.process.wait(10)
    assert score(port) == before
    serving.again()
    assert "took over the server" in serving.log
    assert (serving.port, serving.workers()) == (port, workers)
    assert score(port) == before


def test_a_deployer_killed_in_a_switch_leaves_it_open_and_the_next_one_goes_back_before_it_follows(
    serving: Serving,
) -> None:
    before, port = score(serving.port), serving.port
    old = folder.current(serving.folder)
    newer = register(serving.project, 0.6)
    MlflowClient().set_registered_model_alias(MODEL, "production", newer.version)
    until(lambda: folder.current(serving.folder) != old)
    serving.process.kill()
    serving.process.wait(10)
    left = processes.noted(serving.folder, SERVER)
    assert (left["settled"], left["home"]) == (False, str(old))
    serving.again()
    said = serving.log
    assert "the deployer before died in a switch\n" in said
    assert f"serving version {folder.number(old)} of" in said and serving.port == port
    until(lambda: serving.last().version == str(newer.version))
    assert (serving.last().action, serving.last().before) == ("switch", folder.number(old))
    assert processes.noted(serving.folder, SERVER)["settled"] is True
    until(lambda: {score(port) for _ in range(6)} == {0.6} and len(serving.workers()) == 2)
    assert before != 0.6


def test_sigterm_stops_every_process_even_those_taken_over(serving: Serving) -> None:
    family = [psutil.Process(pid) for pid in serving.workers()]
    family += family[0].parents()[:2]
    assert serving.stop() == 0
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    with pytest.raises(urllib.error.URLError):
        ask(serving.port)
