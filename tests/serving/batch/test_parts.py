"""Tests of scoring in batches: the same output as in one piece, and a killed run goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from tables import panel
from watched import trained

from purchasing_power.errors import DataError
from purchasing_power.serving.batch.parts import join_parts, run_digest, score_parts, value_counts
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.cutoffs import chosen_cutoff
from purchasing_power.snapshot.user_table import UserTableFile

TABLE = panel(90, 6)
SIZE = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return user_table.write(TABLE, tmp_path_factory.mktemp("parts") / "users")


def predict(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["user_id", "spend_28d"]].assign(tier="low", reason=None)


def test_batches_give_the_same_output_as_one_piece(folder: Path, tmp_path: Path) -> None:
    model, file = trained(TABLE), UserTableFile.open(folder)
    last = TABLE.frame["cutoff"].max()
    parts = score_parts(file, chosen_cutoff(file, None), SIZE, model.predict, tmp_path / "parts", "run")
    assert len(parts) > 2
    found = pd.read_parquet(join_parts(parts, tmp_path / "out.parquet"))
    expected = model.predict(TABLE.frame[TABLE.frame["cutoff"] == last].reset_index(drop=True))
    expected.to_parquet(tmp_path / "expected.parquet", index=False)
    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "expected.parquet"))


def test_batches_hold_the_rows_of_the_table_and_no_more_than_asked(folder: Path) -> None:
    read = list(UserTableFile.open(folder).batches(0, SIZE, None))
    assert [count for count, _ in read] == [40] * 13 + [20]
    joined = pd.concat([frame for _, frame in read], ignore_index=True)
    pd.testing.assert_frame_equal(joined.drop(columns="documents"), TABLE.frame.drop(columns="documents"))
    assert [list(texts) for texts in joined["documents"]] == [list(texts) for texts in TABLE.frame["documents"]]


def test_a_cutoff_that_the_table_lacks_is_refused(folder: Path) -> None:
    file = UserTableFile.open(folder)
    assert chosen_cutoff(file, date(2024, 2, 4)) == pd.Timestamp("2024-02-04")
    with pytest.raises(DataError, match="cutoff: got 2024-02-05; the user table holds 2024-01-07"):
        chosen_cutoff(file, date(2024, 2, 5))


def test_whole_parts_are_kept_and_damaged_ones_are_scored_again(folder: Path, tmp_path: Path) -> None:
    file, home, seen = UserTableFile.open(folder), tmp_path / "parts", []

    def counted(frame: pd.DataFrame) -> pd.DataFrame:
        seen.append(len(frame))
        return predict(frame)

    first = score_parts(file, None, SIZE, counted, home, "run")
    assert sum(seen) == len(TABLE.frame)
    first[0].write_bytes(first[0].read_bytes()[:-50])
    flipped = bytearray(first[1].read_bytes())
    # A digit of an amount: the file can still be read, and only its checksum tells.
    flipped[flipped.index(pd.read_parquet(first[1])["spend_28d"].max().tobytes())] ^= 1
    first[1].write_bytes(flipped)
    os.replace(first[3], first[2])
    seen.clear()
    assert score_parts(file, None, SIZE, counted, home, "run") == first
    assert seen == [SIZE] * 4
    seen.clear()
    score_parts(file, None, SIZE, counted, home, "another run")
    assert sum(seen) == len(TABLE.frame)


def test_every_choice_has_a_run_of_its_own(folder: Path) -> None:
    file = UserTableFile.open(folder)
    assert run_digest(file, 1, model="a") == run_digest(file, 1, model="a")
    assert len({run_digest(file, size, model=name) for size in (1, 2) for name in "ab"}) == 4


def test_values_are_counted_in_batches(folder: Path, tmp_path: Path) -> None:
    parts = score_parts(UserTableFile.open(folder), None, SIZE, predict, tmp_path / "parts", "run")
    output = join_parts(parts, tmp_path / "out.parquet")
    assert value_counts(output, "tier") == {"low": len(TABLE.frame)}
    assert value_counts(output, "no such column") == {}


@pytest.mark.slow
def test_a_killed_run_goes_on_after_its_last_batch(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "parts"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from purchasing_power.serving.batch.parts import score_parts\n"
        "from purchasing_power.snapshot.user_table import UserTableFile\n"
        "def slow(frame):\n"
        "    time.sleep(0.2); return frame[['user_id', 'spend_28d']].assign(tier='low', reason=None)\n"
        f"score_parts(UserTableFile.open(Path(sys.argv[1])), None, {SIZE}, slow, Path(sys.argv[2]), 'run')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder), str(home)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while len(list(home.glob("part-*"))) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done, seen = len(list(home.glob("part-*"))), []

    def counted(frame: pd.DataFrame) -> pd.DataFrame:
        seen.append(len(frame))
        return predict(frame)

    parts = score_parts(UserTableFile.open(folder), None, SIZE, counted, home, "run")
    assert 4 <= done < len(parts)
    assert len(seen) == len(parts) - done
    found = pd.read_parquet(join_parts(parts, tmp_path / "out.parquet"))
    assert list(found["user_id"]) == list(TABLE.frame["user_id"])
