"""Tests of the prediction log: pseudonyms, no text, nothing held up, and at most a stated time lost to a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tables import panel

from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.prediction_log import PredictionLog, open_log
from purchasing_power.serving.rows import RequestColumns, Rows
from purchasing_power.shop.pseudonym import pseudonymise

COLUMNS = RequestColumns.of(panel().meta)
DEPLOYED = Deployed("3", "production", "2024-01-01T00:00:00Z")
KEY = b"a key for tests only"
HIDDEN = "0123456789abcdef0123456789abcdef"


def request(*users: str | None) -> tuple[Rows, dict[str, np.ndarray]]:
    count = len(users)
    numeric = np.arange(4.0 * count).reshape(count, 4)
    texts = [["a secret text"]] * count
    rows = Rows(COLUMNS, list(users), ["2024-06-02"] * count, numeric, [("north", None)] * count, texts)
    return rows, {"score": np.full(count, 0.25), "tier": np.array(["low"] * count, object)}


def read(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))], ignore_index=True)


def test_a_row_holds_request_and_prediction_without_the_user_or_a_text(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, DEPLOYED, KEY, seconds=60)
    log.put(*request("anna", HIDDEN, None))
    log.put(*request("anna"))
    log.close()
    found = read(tmp_path)
    anna = pseudonymise(pd.Series(["anna"]), KEY)[0]
    assert [None if pd.isna(user) else user for user in found["user_id"]] == [anna, HIDDEN, None, anna]
    assert list(found["spend_28d"]) == [0.0, 4.0, 8.0, 0.0]
    assert set(found["region"]) == {"north"}
    assert set(found["documents_count"]) == {1}
    assert set(found["score"]) == {0.25}
    assert set(found["model_version"] + found["stage"] + found["tier"]) == {"3productionlow"}
    assert str(found["time"].dtype).endswith("UTC]")
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"secret" not in raw
    assert not list(tmp_path.glob(".*"))


def test_a_full_queue_drops_and_counts_and_never_waits(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, DEPLOYED, KEY, seconds=60, most_waiting=2)
    start = time.perf_counter()
    for _ in range(1_000):
        log.put(*request("anna"))
    assert time.perf_counter() - start < 1
    log.close()
    assert len(read(tmp_path)) == 2
    metadata = pq.read_schema(next(tmp_path.glob("*.parquet"))).metadata
    assert metadata[b"dropped"] == b"998"


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    log = PredictionLog(folder, DEPLOYED, KEY, seconds=0.05)
    folder.rmdir()
    log.put(*request("anna"))
    time.sleep(0.3)
    folder.mkdir()
    log.put(*request("bert"))
    log.close()
    assert len(read(folder)) == 1


def test_the_environment_switches_it_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_log(DEPLOYED) is None
    monkeypatch.setenv("PURCHASING_POWER_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PURCHASING_POWER_LOG_SECONDS", "0.5")
    log = open_log(DEPLOYED)
    assert log is not None and log.seconds == 0.5
    log.close()
    monkeypatch.setenv("PURCHASING_POWER_LOG_SECONDS", "soon")
    with pytest.raises(ValueError, match="PURCHASING_POWER_LOG_SECONDS: got 'soon'"):
        open_log(DEPLOYED)


@pytest.mark.slow
def test_a_killed_process_loses_at_most_the_stated_time(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from test_prediction_log import DEPLOYED, KEY, PredictionLog, request\n"
        "log = PredictionLog(Path(sys.argv[1]), DEPLOYED, KEY, seconds=0.5)\n"
        "while True:\n"
        "    log.put(*request('anna')); print(time.time(), flush=True); time.sleep(0.005)\n"
    )
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": here},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        times = [float(process.stdout.readline()) for _ in range(400)]
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    kept = read(tmp_path)["time"].max().timestamp()
    times += [float(line) for line in process.stdout.read().splitlines() if line]
    # Half a second, and what a file takes to write on a busy machine.
    assert times[-1] - kept < 0.5 + 0.5
    assert len(read(tmp_path)) > 100
