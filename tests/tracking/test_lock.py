"""Tests of the lock: one holder at a time, and a dead one holds nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import mlflow
import pytest
from postgres import postgres
from registered import process

from tracking import lock

HOLD = """
import sys, mlflow, os
from tracking import lock
mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
with lock.held("stages of m"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def registry(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The registry's database; the lock needs nothing in it."""
    with postgres() if request.param == "postgresql" else nullcontext(f"sqlite:///{tmp_path}/mlflow.db") as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        mlflow.set_tracking_uri(uri)
        yield


def test_another_process_is_kept_out_until_the_holder_is_killed(registry: None) -> None:
    holder = process(HOLD)
    try:
        assert holder.stdout.readline() == "held\n", holder.stderr.read()
        with pytest.raises(lock.Busy, match="another process is at work"), lock.held("stages of m"):
            pass
        with lock.held("stages of another model") as through_database:
            assert through_database
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(10)
        with lock.held("stages of m", wait_s=1.0):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_a_waiting_one_gets_its_turn_and_a_lock_is_let_go_by_an_error(registry: None) -> None:
    with pytest.raises(ZeroDivisionError), lock.held("m"):
        _ = 1 / 0
    with lock.held("m"):
        start = time.monotonic()
        with pytest.raises(lock.Busy), lock.held("m", wait_s=0.2):
            pass
        assert time.monotonic() - start >= 0.2
    with lock.held("m"):
        pass


def test_a_registry_behind_http_has_no_lock_and_says_so() -> None:
    mlflow.set_tracking_uri("http://127.0.0.1:1")
    with lock.held("m") as through_database, lock.held("m"):
        assert not through_database
