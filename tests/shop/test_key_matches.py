"""The check between tables: what share of ids finds a partner, when that warns, and when it stops."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from purchasing_power.errors import DataError
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.report import IntakeReport

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def _orders(users: list[str], products: list[str]) -> pd.DataFrame:
    days = [f"2024-01-{1 + n:02}" for n in range(len(users))]
    lines = {"user_id": users, "order_id": [str(n) for n in range(len(users))], "product_id": products}
    return pd.DataFrame({**lines, "ordered_at": days, "quantity": 1, "amount": 5.0})


def _ingest(folder: Path, **tables: pd.DataFrame) -> IntakeReport:
    (folder / "shop").mkdir()
    for name, frame in tables.items():
        frame.to_csv(folder / "shop" / f"{name}.csv", index=False)
    return ingest(folder / "shop", folder / "checked", key=b"a key of some length", now=NOW)


def _products(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"product_id": ids, "title": [f"title {one}" for one in ids]})


def test_ids_of_which_none_matches_stop_the_intake_and_the_way_that_would_match_is_named(tmp_path: Path) -> None:
    orders = _orders(["ann", "bob", "eve"], ["0108", "0109", "0110"])
    message = (
        r"orders\.product_id: none of its 3 ids \(3 rows\) stands in products\.product_id.*"
        r"With leading zeros left out, 3 of 3 would"
    )
    with pytest.raises(DataError, match=message):
        _ingest(tmp_path, orders=orders, products=_products("108", "109", "110"))
    assert not (tmp_path / "checked").exists()


@pytest.mark.parametrize(
    ("users", "how"),
    [
        (["ANN", "BOB", "EVE"], "upper and lower case ignored"),
        (["ann-1", "bob-2", "eve-3"], "everything but digits and leading zeros left out"),
    ],
)
def test_users_of_whom_none_ordered_stop_the_intake(tmp_path: Path, users: list[str], how: str) -> None:
    written = {"ANN": "ann", "BOB": "bob", "EVE": "eve", "ann-1": "1", "bob-2": "2", "eve-3": "3"}
    people = pd.DataFrame({"user_id": [written[one] for one in users], "city": "Rome"})
    with pytest.raises(DataError, match=rf"users\.user_id: none.*With {how}, 3 of 3 would"):
        _ingest(tmp_path, orders=_orders(users, ["p"] * 3), users=people)


def test_a_match_of_few_warns_and_one_of_most_does_not(tmp_path: Path) -> None:
    orders = _orders(["ann"] * 5, ["a", "b", "c", "c", "d"])
    report = _ingest(tmp_path, orders=orders, products=_products("a", "x", "y"))
    (match,) = report.key_matches
    assert (match.column, match.partner) == ("orders.product_id", "products.product_id")
    assert (match.ids, match.matched_ids, match.rows, match.matched_rows) == (4, 1, 5, 1)
    (warning,) = report.warnings
    assert warning.startswith("orders.product_id: 1 of 4 ids (25%; 20% of rows) stand in products.product_id")


@pytest.mark.parametrize("few", ["users", "orders"])
def test_profiles_of_few_buyers_and_a_register_of_many_strangers_are_no_fault(tmp_path: Path, few: str) -> None:
    buyers, others = [f"u{n}" for n in range(10)], [f"s{n}" for n in range(100)]
    known = buyers[:2] if few == "users" else [*buyers, *others]
    report = _ingest(
        tmp_path, orders=_orders(buyers, ["p"] * 10), users=pd.DataFrame({"user_id": known, "city": "Rome"})
    )
    assert report.warnings == ()


def test_large_ids_with_gaps_and_hashes_keep_every_user_apart_in_parquet(tmp_path: Path) -> None:
    first = 2**53
    ids = [None if n % 10 == 0 else first + n for n in range(1, 249)]
    days = [f"2024-0{1 + n % 9}-01" for n in range(len(ids))]
    for name, kind in (("signed", pa.int64()), ("unsigned", pa.uint64())):
        users = pa.array([one if one is None or name == "signed" else one + 2**63 for one in ids], kind)
        columns = {"user_id": users, "ordered_at": pa.array(days), "order_id": pa.array(range(len(ids)))}
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({**columns, "amount": pa.array([1.0] * len(ids))}), tmp_path / name / "orders.parquet")
        report = ingest(tmp_path / name, tmp_path / f"{name} checked", key=b"a key of some length", now=NOW)
        assert report.orders is not None and report.orders.users == len({one for one in ids if one is not None})
        assert report.tables["orders"].guests == sum(one is None for one in ids)
