"""Tests of the states of tokens that are kept on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from purchasing_power.text import token_states
from purchasing_power.text.token_states import TokenStates, Window

WINDOWS: list[Window] = [[7, number % 5, *range(number % 9)] for number in range(40)]


class Counted:
    """States that tell their tokens, and which windows were run."""

    def __init__(self) -> None:
        self.ran: list[Window] = []

    def __call__(self, windows: list[Window]) -> np.ndarray:
        self.ran += windows
        tokens = [token for window in windows for token in window]
        return np.repeat(np.asarray(tokens, np.float16)[:, None], 3, axis=1)


def told(windows: list[Window]) -> list[int]:
    return [token for window in windows for token in window]


def test_each_window_is_run_once_ever_and_comes_back_in_order(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(token_states, "BLOCK", 7)
    run, again = Counted(), Counted()
    found = TokenStates(tmp_path, "model").get(WINDOWS, run)
    assert found[:, 0].tolist() == told(WINDOWS) and found.dtype == np.float16 and found.shape[1] == 3
    assert len(run.ran) == len({tuple(window) for window in WINDOWS})
    some = [[1, 2, 3], *WINDOWS[5:9]]
    assert TokenStates(tmp_path, "model").get(some, again)[:, 2].tolist() == told(some)
    assert again.ran == [[1, 2, 3]]
    assert TokenStates(tmp_path, "model").get([], again).shape == (0, 3)


def test_another_model_or_precision_shares_nothing(tmp_path: Path) -> None:
    run = Counted()
    for key in ("model-0", "model-1"):
        TokenStates(tmp_path, key).get(WINDOWS[:3], run)
    assert len(run.ran) == 6


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from purchasing_power.text import token_states
token_states.BLOCK = 5
save = np.save
def killed(path, values):
    save(path, values)
    if str(path).endswith("states.npy") and len(list(Path(sys.argv[1]).glob("model/block-*"))) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
token_states.np.save = killed
run = lambda windows: np.zeros((sum(map(len, windows)), 3), np.float16)
token_states.TokenStates(Path(sys.argv[1]), "model").get([[number] for number in range(40)], run)
"""


def test_a_killed_process_leaves_whole_blocks_alone_and_the_next_goes_on(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    run = Counted()
    windows: list[Window] = [[number] for number in range(40)]
    TokenStates(tmp_path, "model").get(windows, run)
    assert len(run.ran) == 40 - 2 * 5


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = TokenStates(tmp_path, "model")
    for number in range(4):
        states.get([[number] * 100], Counted())
        [path] = [one for one in states.folder.glob("block-*") if one.stat().st_mtime > 1_000]
        os.utime(path, (number, number))
    monkeypatch.setattr(token_states, "MOST_BYTES", 2_500)
    states.get([[9] * 100], Counted())
    assert sorted(path.stat().st_mtime for path in states.folder.glob("block-*"))[0] == 3


def test_no_token_of_a_text_is_in_the_files(tmp_path: Path) -> None:
    window = [123_456_789, 987_654_321]
    TokenStates(tmp_path, "model").get([window], lambda windows: np.zeros((2, 3), np.float16))
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*.npy"))
    for kind in (np.int32, np.int64):
        assert not any(np.asarray(token, kind).tobytes() in content for token in window)
