from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purchasing_power.errors import DataError
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.pseudonym import pseudonymise
from purchasing_power.shop.report import IntakeReport, summary
from purchasing_power.shop.simulation import simulate
from purchasing_power.shop.tables import write_tables

KEY = b"a key of some length"
NOW = datetime(2025, 6, 1, tzinfo=UTC)


def _orders(**columns: list[Any]) -> pd.DataFrame:
    """Four good order lines of two users, with some columns replaced."""
    frame = {
        "user_id": ["ann", "ann", "bob", "bob"],
        "order_id": ["1", "2", "3", "4"],
        "product_id": ["p", "q", "p", "q"],
        "ordered_at": ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"],
        "quantity": [1.0, 2.0, 1.0, 1.0],
        "amount": [10.0, 20.0, 30.0, 40.0],
    }
    return pd.DataFrame({**frame, **columns})


def _run(folder: Path, **tables: pd.DataFrame) -> tuple[IntakeReport, Path]:
    source, target = folder / "source", folder / "target"
    source.mkdir(exist_ok=True)
    for name, frame in tables.items():
        frame.to_csv(source / f"{name}.csv", index=False)
    return ingest(source, target, key=KEY, now=NOW), target


def _quarantine(target: Path, name: str = "orders") -> pd.DataFrame:
    return pd.read_parquet(target / "quarantine" / f"{name}.parquet")


@pytest.mark.parametrize(
    ("column", "values", "reason", "shown"),
    [
        ("amount", [10, 2e6, 30, 40], "amount is above 1,000,000", "amount: 2000000.0 is above 1,000,000"),
        ("amount", [10, np.inf, 30, 40], "amount is not a number", "amount: inf is not a number"),
        ("amount", ["10", "abc", "30", "40"], "amount is not a number", "amount: abc is not a number"),
        ("amount", [10, None, 30, 40], "amount is missing", "amount: is missing"),
        ("quantity", [1, np.inf, 1, 1], "quantity is not a number", "quantity: inf is not a number"),
        ("discount", [3, -1, 0, 0], "discount is below 0", "discount: -1 is below 0"),
        ("coupon_discount", ["0", "x", "0", "0"], "coupon_discount is not a number", "x is not a number"),
        ("product_id", ["p", None, "p", "q"], "product_id is missing", "product_id: is missing"),
        ("ordered_at", ["2024-01-01", "soon", "2024-03-01", "2024-04-01"], "ordered_at is not a time", "soon"),
        ("ordered_at", ["2024-01-01", "2025-06-02", "2024-03-01", "2024-04-01"], "ordered_at is in the future", ""),
        ("ordered_at", ["2024-01-01", "1900-01-01", "2024-03-01", "2024-04-01"], "ordered_at is before 1970", ""),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason_and_the_others_are_kept(
    tmp_path: Path, column: str, values: list[Any], reason: str, shown: str
) -> None:
    report, target = _run(tmp_path, orders=_orders(**{column: values}))
    counts = report.tables["orders"]
    assert (counts.read, counts.kept, counts.quarantined) == (4, 3, 1)
    assert counts.reasons == {reason: 1} and counts.first_rows == {reason: 2}
    bad = _quarantine(target)
    assert bad["row"].tolist() == [2] and shown in bad["reason"][0]
    assert pd.read_parquet(target / "orders.parquet")["order_id"].tolist() == ["1", "3", "4"]


def test_a_row_with_two_faults_is_one_row_with_both_reasons(tmp_path: Path) -> None:
    report, target = _run(tmp_path, orders=_orders(amount=[10, 2e6, 30, 40], quantity=["1", "x", "1", "1"]))
    assert report.tables["orders"].quarantined == 1
    assert len(report.tables["orders"].reasons) == 2
    found = set(_quarantine(target)["reason"][0].split("; "))
    assert found == {"amount: 2000000.0 is above 1,000,000", "quantity: x is not a number"}


_BROKEN = st.sampled_from(["", "-1", "abc", "inf", "nan", "1e9", "2024-01-01", "2999-01-01", "now", "a", "😀", " "])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 5), _BROKEN), max_size=12))
def test_rows_kept_and_rows_quarantined_add_up_to_rows_read(tmp_path: Path, cells: list[tuple[int, int, str]]) -> None:
    numbers = {"order_id": [str(n) for n in range(12)], "user_id": ["ann"] * 12}
    frame = pd.concat([_orders()] * 3, ignore_index=True).assign(**numbers).astype("str")
    for row, column, value in cells:
        frame.iloc[row, column] = value
    try:
        report, target = _run(tmp_path, orders=frame)
    except DataError as error:
        assert "all 12 rows are bad" in str(error) or "none of them by a known user" in str(error)
        return
    counts = report.tables["orders"]
    kept = pd.read_parquet(target / "orders.parquet")
    bad = _quarantine(target)["row"].tolist() if counts.quarantined else []
    assert counts.read == 12 == counts.kept + counts.quarantined + counts.returned + counts.added_up
    assert (len(kept), len(set(bad)), len(bad)) == (counts.kept, counts.quarantined, counts.quarantined)


def test_every_bad_row_is_kept_as_it_was_read(tmp_path: Path) -> None:
    _, target = _run(tmp_path, orders=_orders(amount=["10", "12,50 oder 13", "30", "40"]))
    assert _quarantine(target).loc[0, ["order_id", "amount"]].tolist() == ["2", "12,50 oder 13"]


def test_ids_are_pseudonyms_in_every_table_and_in_quarantine(tmp_path: Path) -> None:
    friends = pd.DataFrame({"user_id": ["ann", "ann"], "friend_id": ["bob", None]})
    people = pd.DataFrame({"user_id": ["ann", "bob", "eve"], "age": [30, 40, 50]})
    _, target = _run(tmp_path, orders=_orders(amount=[10, "x", 30, 40]), follows=friends, users=people)
    ann, bob, eve = pseudonymise(pd.Series(["ann", "bob", "eve"]), KEY)
    assert pd.read_parquet(target / "orders.parquet")["user_id"].tolist() == [ann, bob, bob]
    assert _quarantine(target)["user_id"].tolist() == [ann]
    assert pd.read_parquet(target / "follows.parquet")["friend_id"].tolist() == [bob]
    assert _quarantine(target, "follows")["user_id"].tolist() == [ann]
    # A user without orders stays.
    assert pd.read_parquet(target / "users.parquet")["user_id"].tolist() == [ann, bob, eve]
    for path in target.rglob("*.parquet"):
        assert not pd.read_parquet(path).isin(["ann", "bob", "eve"]).any(axis=None)


def test_messages_and_logs_hold_no_id_and_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    texts = pd.DataFrame({"user_id": ["ann", "ann"], "written_at": ["2024-01-01", "x"], "text": ["my secret"] * 2})
    with caplog.at_level(logging.DEBUG):
        report, _ = _run(tmp_path, orders=_orders(), texts=texts)
    assert "written_at is not a time (first: row 2)" in summary(report)
    for word in ("ann", "bob", "secret"):
        assert word not in summary(report) + caplog.text


def test_long_chinese_and_emoji_texts_pass_unharmed(tmp_path: Path) -> None:
    written = ["很好 👍🏽" * 2_000, 'a "quoted",\nbroken line', "x" * 10_000]
    texts = pd.DataFrame({"user_id": ["ann"] * 3, "written_at": ["2024-01-01"] * 3, "text": written})
    report, target = _run(tmp_path, orders=_orders(), texts=texts)
    assert report.tables["texts"].quarantined == 0
    assert pd.read_parquet(target / "texts.parquet")["text"].tolist() == written


def test_times_are_stored_as_utc_without_a_zone(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    local = pd.to_datetime(_orders()["ordered_at"]).dt.tz_localize("Asia/Shanghai")
    _orders(ordered_at=local).to_parquet(tmp_path / "source" / "orders.parquet")
    ingest(tmp_path / "source", tmp_path / "target", key=KEY, now=NOW)
    times = pd.read_parquet(tmp_path / "target" / "orders.parquet")["ordered_at"]
    assert times.dtype == "datetime64[us]" and times[0] == pd.Timestamp("2023-12-31 16:00")


def test_a_csv_and_a_parquet_of_the_same_shop_give_the_same_tables(tmp_path: Path) -> None:
    tables = simulate(30, 0, 200)
    write_tables(tables, tmp_path / "parquet")
    (tmp_path / "csv").mkdir()
    for name, frame in tables.items():
        frame.to_csv(tmp_path / "csv" / f"{name}.csv", index=False)
    for kind in ("csv", "parquet"):
        ingest(tmp_path / kind, tmp_path / f"{kind}_checked", key=KEY, now=NOW)
    for name in tables:
        one, two = (pd.read_parquet(tmp_path / f"{kind}_checked" / f"{name}.parquet") for kind in ("csv", "parquet"))
        pd.testing.assert_frame_equal(one, two)


def test_a_missing_discount_is_nothing(tmp_path: Path) -> None:
    _, target = _run(tmp_path, orders=_orders())
    assert pd.read_parquet(target / "orders.parquet")["discount"].tolist() == [0, 0, 0, 0]
    _, target = _run(tmp_path, orders=_orders(discount=[1, None, 3, 4]))
    assert pd.read_parquet(target / "orders.parquet")["discount"].tolist() == [1, 0, 3, 4]


def test_further_columns_stay_in_users_and_products_and_are_told_elsewhere(tmp_path: Path) -> None:
    people = pd.DataFrame({"user_id": ["ann"], "age": [30], "zip": ["01234"]})
    report, target = _run(tmp_path, orders=_orders(email=["x"] * 4, amount=["x", 2, 3, 4]), users=people)
    assert "email" not in pd.read_parquet(target / "orders.parquet")
    assert "email" not in _quarantine(target)
    assert report.notes == ("orders.email is not in the contract: left out",)
    users = pd.read_parquet(target / "users.parquet")
    assert users["age"].dtype == "float64" and users["zip"].tolist() == ["01234"]


def test_unknown_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "order.csv").write_text("x")
    report, _ = _run(tmp_path, orders=_orders())
    assert "order.csv" in summary(report)


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        (_orders().drop(columns="ordered_at"), r"orders: column ordered_at is missing.*got: user_id.*mapping=suggest"),
        (_orders(user_id=[""] * 4), "4 lines count as bought, none of them by a known user .4 by guests"),
        (_orders()[:0], "orders: the table has no rows"),
        (_orders(amount=["abc"] * 4), r"orders: all 4 rows are bad: 4 rows: amount is not a number \(first: row 1\)"),
        (_orders(ordered_at=[1_704] * 4), "ordered_at is not a time.*mapping file"),
        (_orders(amount=[-1.0] * 4), "0 lines count as bought.*4 returns"),
    ],
)
def test_a_table_that_cannot_be_used_stops_the_intake(tmp_path: Path, orders: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _run(tmp_path, orders=orders)
    assert not (tmp_path / "target").exists()


def test_a_parquet_column_of_another_type_is_refused_where_no_value_fits(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    _orders(amount=pd.to_datetime(["2024-01-01"] * 4)).to_parquet(tmp_path / "source" / "orders.parquet")
    with pytest.raises(DataError, match="all 4 rows are bad: 4 rows: amount is not a number"):
        ingest(tmp_path / "source", tmp_path / "target", key=KEY, now=NOW)


def test_a_missing_folder_and_a_missing_required_table_stop_the_intake(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder at"):
        ingest(tmp_path / "none", tmp_path / "target", key=KEY)
    with pytest.raises(DataError, match=r"orders: no such table.*users\.csv.*Add orders\.parquet"):
        _run(tmp_path, users=pd.DataFrame({"user_id": ["ann"]}))


def test_the_source_is_never_its_own_target(tmp_path: Path) -> None:
    write_tables({"orders": _orders()}, tmp_path / "shop")
    with pytest.raises(DataError, match="is the source too"):
        ingest(tmp_path / "shop", tmp_path / "x" / ".." / "shop", key=KEY)
    assert len(pd.read_parquet(tmp_path / "shop" / "orders.parquet")) == 4


def test_a_second_run_replaces_the_first_and_gives_the_same(tmp_path: Path) -> None:
    _, target = _run(tmp_path, orders=_orders(amount=["x", 2, 3, 4]), users=pd.DataFrame({"user_id": ["ann"]}))
    first = (target / "orders.parquet").read_bytes()
    (tmp_path / "source" / "users.csv").unlink()
    _run(tmp_path)
    assert (target / "orders.parquet").read_bytes() == first
    assert sorted(path.name for path in target.iterdir()) == ["orders.parquet", "quarantine"]
    _run(tmp_path, orders=_orders())
    assert sorted(path.name for path in target.iterdir()) == ["orders.parquet"]


def test_the_largest_amount_is_a_choice(tmp_path: Path) -> None:
    write_tables({"orders": _orders(amount=[10, 2e6, 3, 4])}, tmp_path / "shop")
    report = ingest(tmp_path / "shop", tmp_path / "target", key=KEY, now=NOW, max_amount=3e6)
    assert report.tables["orders"].quarantined == 0


def test_a_mapping_without_tables_corrects_how_the_files_of_the_contract_are_read(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(
        "guests: [bob]\nformats: {orders.csv: {date: day_first, columns: {amount: {decimal: ','}}}}\n"
    )
    (tmp_path / "source").mkdir()
    lines = _orders(ordered_at=["01.02.2024", "02.03.2024", "03.04.2024", "04.05.2024"], amount=["1,234"] * 4)
    lines.to_csv(tmp_path / "source" / "orders.csv", index=False)
    ingest(tmp_path / "source", tmp_path / "target", key=KEY, now=NOW, mapping=str(tmp_path / "mapping.yaml"))
    orders = pd.read_parquet(tmp_path / "target" / "orders.parquet")
    assert orders["ordered_at"].dt.month.tolist() == [2, 3, 4, 5] and orders["amount"].tolist() == [1.234] * 4
    assert orders["user_id"].isna().tolist() == [False, False, True, True]
