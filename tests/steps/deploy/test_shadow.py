"""Tests of the shadow's servers: one a version, and started again where one has ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from steps.deploy import shadow


def test_a_server_that_ended_answers_nothing_and_is_started_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(*given: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        started.append(subprocess.Popen(command, start_new_session=True))
        return started[-1]

    monkeypatch.setattr(shadow.server_process, "start", start)
    monkeypatch.setattr(shadow.server_process, "wait_healthy", lambda process, port: None)
    made, home = shadow.Shadow(tmp_path, b"key", {}), tmp_path / "1"
    try:
        for _ in range(2):
            shadow._serve(made, made.theirs, home)
            assert made.theirs.port and len(started) == 1
        started[0].kill()
        started[0].wait()
        # A server that cannot live is not started in a circle.
        shadow._serve(made, made.theirs, home)
        assert (made.theirs.port, len(started)) == (0, 1)
        monkeypatch.setattr(shadow, "AGAIN_AFTER_S", 0.0)
        shadow._serve(made, made.theirs, home)
        assert made.theirs.port and len(started) == 2
    finally:
        shadow._end(made)
    assert started[1].wait(timeout=10) is not None
