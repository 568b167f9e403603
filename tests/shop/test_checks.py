from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from purchasing_power.shop.intake import ingest
from purchasing_power.shop.report import describe

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def _quarantined(folder: Path, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Bad rows of a table beside orders of two users."""
    orders = {"user_id": ["ann", "bob"], "ordered_at": ["2024-01-01", "2024-02-01"], "amount": ["1", "2"]}
    (folder / "shop").mkdir()
    pd.DataFrame(orders).to_csv(folder / "shop" / "orders.csv", index=False)
    table.to_csv(folder / "shop" / f"{name}.csv", index=False)
    ingest(folder / "shop", folder / "checked", key=b"a key of some length", now=NOW)
    return pd.read_parquet(folder / "checked" / "quarantine" / f"{name}.parquet")


def test_a_long_value_is_cut_in_the_reason_and_whole_in_the_row(tmp_path: Path) -> None:
    users = pd.DataFrame({"user_id": ["ann", "bob"], "joined_at": ["2024-01-01", "x" * 10_000]})
    bad = _quarantined(tmp_path, "users", users)
    assert bad["reason"][0] == f"joined_at: {'x' * 40} is not a time"
    assert len(bad["joined_at"][0]) == 10_000


def test_the_first_good_row_of_a_key_is_right(tmp_path: Path) -> None:
    users = pd.DataFrame(
        {"user_id": ["ann", "ann", "bob", "ann"], "joined_at": ["soon", "2024-01-01", "", "2024-01-02"]}
    )
    bad = _quarantined(tmp_path, "users", users)
    reasons = ["joined_at: soon is not a time", "key (user_id): repeats an earlier row"]
    assert bad["row"].tolist() == [1, 4] and bad["reason"].tolist() == reasons
    assert len(pd.read_parquet(tmp_path / "checked" / "users.parquet")) == 2


def test_a_time_after_now_is_refused_and_now_itself_is_not(tmp_path: Path) -> None:
    times = ["2024-06-01", "2024-06-01 00:00:01"]
    sends = pd.DataFrame({"user_id": ["ann", "bob"], "campaign_id": ["c", "c"], "sent_at": times})
    bad = _quarantined(tmp_path, "campaigns", sends)
    assert bad["reason"].tolist() == ["sent_at: 2024-06-01 00:00:01 is in the future"]


def test_a_description_says_how_many_where_first_and_what_to_do() -> None:
    reasons = {"discount is below 0": 3, "key (a) repeats an earlier row": 1}
    assert describe(reasons, {"discount is below 0": 2, "key (a) repeats an earlier row": 7}) == (
        "3 rows: discount is below 0 (first: row 2). Write what was taken off, or how many, as a number of 0 or more. "
        "1 row: key (a) repeats an earlier row (first: row 7). Keep one row for each key."
    )
