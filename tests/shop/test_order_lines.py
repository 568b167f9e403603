"""What an order line is: returns, statuses, currencies, repeated lines, guests; figures are worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.pseudonym import pseudonymise
from purchasing_power.shop.report import IntakeReport, TableReport, summary

KEY = b"a key of some length"
NOW = datetime(2025, 6, 1, tzinfo=UTC)
COLUMNS = ["user_id", "order_id", "product_id", "ordered_at", "quantity", "amount"]


def _lines(*rows: tuple[Any, ...], **columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS).assign(**columns)


def _ingest(folder: Path, duplicates: str = "sum", **tables: pd.DataFrame) -> tuple[IntakeReport, Path]:
    source = folder / "source"
    source.mkdir(exist_ok=True)
    for name, frame in tables.items():
        frame.to_csv(source / f"{name}.csv", index=False)
    return ingest(source, folder / "target", key=KEY, now=NOW, duplicates=duplicates), folder / "target"


def _table(target: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(target / f"{name}.parquet")


def _accounted(table: TableReport) -> int:
    return table.kept + table.quarantined + sum(table.left_out.values()) + table.added_up + table.returned


LINES = _lines(
    ("ann", "1", "p", "2024-01-01 10:00", 2, 20.0),
    ("ann", "1", "p", "2024-01-01 10:00", 1, 10.0),
    ("ann", "1", "q", "2024-01-01 10:00", 1, 5.0),
    ("bob", "2", "p", "2024-02-01", 1, 12.0),
    ("ann", "C1", "p", "2024-03-01", -1, -10.0),
    ("", "3", "q", "2024-03-02", 1, 7.0),
)


def test_negative_lines_become_returns_and_guests_stay_in_the_orders(tmp_path: Path) -> None:
    report, target = _ingest(tmp_path, orders=LINES)
    counts = report.tables["orders"]
    assert (counts.read, counts.kept, counts.added_up, counts.returned, counts.guests) == (6, 4, 1, 1, 1)
    assert _accounted(counts) == counts.read
    orders, returns = _table(target, "orders"), _table(target, "returns")
    assert orders["amount"].tolist() == [30, 5, 12, 7] and orders["quantity"].tolist() == [3, 1, 1, 1]
    assert orders["user_id"].isna().tolist() == [False, False, False, True]
    assert returns[["quantity", "amount"]].to_numpy().tolist() == [[1, 10]]
    assert returns["returned_at"].tolist() == [pd.Timestamp("2024-03-01")]
    assert returns["user_id"].tolist() == pseudonymise(pd.Series(["ann"]), KEY).tolist()
    (money,) = report.money
    assert (money.gross, money.returned, money.net) == (54, 10, 44)
    assert "54.00 gross, 10.00 returned, 44.00 net" in summary(report)


@pytest.mark.parametrize(("quantity", "amount"), [(-1, 10.0), (1, -10.0), (-1, -10.0), (-1, 0.0)])
def test_a_line_is_a_return_by_either_sign(tmp_path: Path, quantity: int, amount: float) -> None:
    back = ("ann", "2", "p", "2024-02-01", quantity, amount)
    _, target = _ingest(tmp_path, orders=_lines(("ann", "1", "p", "2024-01-01", 1, 10.0), back))
    assert _table(target, "returns")[["quantity", "amount"]].to_numpy().tolist() == [[1, abs(amount)]]
    assert len(_table(target, "orders")) == 1


@pytest.mark.parametrize(
    ("duplicates", "amounts", "added_up", "left_out", "quarantined"),
    [("sum", [25, 5], 2, 0, 0), ("drop", [15, 5], 1, 1, 0), ("quarantine", [15, 5], 1, 0, 1)],
)
def test_rows_repeated_in_every_column_are_treated_as_asked_and_other_lines_of_a_product_are_added_up(
    tmp_path: Path, duplicates: str, amounts: list[float], added_up: int, left_out: int, quarantined: int
) -> None:
    row = ("ann", "1", "p", "2024-01-01", 1, 10.0)
    lines = _lines(row, row, ("ann", "1", "p", "2024-01-01", 1, 5.0), ("ann", "1", "q", "2024-01-01", 1, 5.0))
    report, target = _ingest(tmp_path, duplicates, orders=lines)
    counts = report.tables["orders"]
    assert _table(target, "orders")["amount"].tolist() == amounts
    assert (counts.added_up, sum(counts.left_out.values()), counts.quarantined) == (added_up, left_out, quarantined)
    assert _accounted(counts) == 4
    assert "1 rows repeat an earlier one in every column" in summary(report)


def test_a_row_that_differs_in_a_column_beside_the_contract_is_no_exact_duplicate(tmp_path: Path) -> None:
    row = ("ann", "1", "p", "2024-01-01", 1, 10.0)
    report, target = _ingest(tmp_path, "drop", orders=_lines(row, row, size=["M", "L"]))
    assert _table(target, "orders")["amount"].tolist() == [20]
    assert report.tables["orders"].left_out == {}


def test_an_unknown_way_with_duplicates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="duplicates: got merge; allowed are sum, drop, quarantine"):
        _ingest(tmp_path, "merge", orders=LINES)


def test_unpaid_cancelled_and_test_orders_are_left_out_and_refunded_ones_go_back(tmp_path: Path) -> None:
    days = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-06"]
    status = ["Completed", " CANCELLED ", "pending", "Test", "refunded", "on-hold"]
    rows = [("ann", str(n), "p", day, 1, 10.0 + n) for n, day in enumerate(days)]
    report, target = _ingest(tmp_path, orders=_lines(*rows, status=status))
    counts = report.tables["orders"]
    expected = {"status cancelled": 1, "status on-hold": 1, "status pending": 1, "status test": 1}
    assert counts.left_out == expected and _accounted(counts) == 6
    assert _table(target, "orders")["amount"].tolist() == [10, 14]
    assert _table(target, "returns")["amount"].tolist() == [14]
    assert "completed (1)" in summary(report)
    assert "status" not in _table(target, "orders")


def test_a_cancelled_line_beside_the_line_that_it_cancels_gives_it_back(tmp_path: Path) -> None:
    lines = _lines(
        ("ann", "1", "p", "2024-01-01", 1, 10.0),
        ("ann", "1", "p", "2024-01-09", 1, 10.0),
        ("ann", "2", "p", "2024-01-09", 1, 99.0),
        status=["paid", "cancelled", "cancelled"],
    )
    report, target = _ingest(tmp_path, orders=lines)
    assert report.tables["orders"].left_out == {"status cancelled": 1}
    returns = _table(target, "returns")
    assert returns["amount"].tolist() == [10] and returns["returned_at"].tolist() == [pd.Timestamp("2024-01-09")]


def test_several_currencies_without_rates_stop_the_intake(tmp_path: Path) -> None:
    rows = [("ann", str(n), "p", f"2024-01-0{n}", 1, 10.0) for n in (1, 2, 3)]
    message = r"got GBP \(2 lines\), JPY \(1 lines\) where the shop's own is GBP.*rates: \{JPY: …\}.*mapping=FILE"
    with pytest.raises(DataError, match=message):
        _ingest(tmp_path, orders=_lines(*rows, currency=["GBP", "gbp ", "JPY"]))


def test_words_that_are_no_statuses_and_no_currencies_are_counted_and_not_shown(tmp_path: Path) -> None:
    rows = [("ann", str(n), "p", "2024-01-01", 1, 10.0) for n in range(30)]
    words = [f"person {n} lives here" for n in range(30)]
    report, _ = _ingest(tmp_path, orders=_lines(*rows, status=words))
    assert "30 different words are no known status" in summary(report) and "lives" not in summary(report)
    with pytest.raises(DataError, match="got 30 different words") as caught:
        _ingest(tmp_path, orders=_lines(*rows, currency=words))
    assert "lives" not in str(caught.value).lower()


def test_one_currency_is_named_with_the_money(tmp_path: Path) -> None:
    rows = [("ann", str(n), "p", f"2024-01-0{n}", 1, 10.0) for n in (1, 2)]
    report, target = _ingest(tmp_path, orders=_lines(*rows, currency=["EUR", None]))
    assert [(one.currency, one.gross) for one in report.money] == [("EUR", 20)]
    assert "currency" not in _table(target, "orders")
    assert "1 lines state none and are taken as EUR" in summary(report)


def test_a_returns_table_goes_to_the_user_of_its_order(tmp_path: Path) -> None:
    back = pd.DataFrame({"order_id": ["1", "2"], "returned_at": ["2024-03-01", "2024-03-02"], "amount": [4.0, -6.0]})
    report, target = _ingest(tmp_path, orders=LINES[:4], returns=back)
    returns = _table(target, "returns")
    assert returns["amount"].tolist() == [4, 6]
    assert returns["user_id"].tolist() == pseudonymise(pd.Series(["ann", "bob"]), KEY).tolist()
    assert report.money[0].returned == 10
    assert report.tables["returns"].read == 2 == report.tables["returns"].kept


def test_a_return_that_stands_in_both_tables_is_told(tmp_path: Path) -> None:
    back = pd.DataFrame({"order_id": ["C1"], "product_id": ["p"], "returned_at": ["2024-03-01"], "amount": [10.0]})
    report, _ = _ingest(tmp_path, orders=LINES, returns=back)
    assert any("stand in the returns table too" in warning for warning in report.warnings)


def test_an_export_without_amounts_or_products_or_order_ids_comes_in(tmp_path: Path) -> None:
    lines = LINES[["user_id", "ordered_at"]]
    report, target = _ingest(tmp_path, orders=lines)
    orders = _table(target, "orders")
    assert "amount" not in orders and report.money == ()
    # Two lines of ann at one moment are one order; no id of a user stands in an order's id.
    assert orders["order_id"].nunique() == 4
    assert not orders["order_id"].str.contains("ann|bob").any()
    assert orders["quantity"].tolist() == [3, 1, 1, 1]


def test_discounts_that_are_all_written_as_negative_numbers_are_read_by_their_size(tmp_path: Path) -> None:
    rows = [("ann", str(n), "p", f"2024-01-0{n}", 1, 10.0) for n in (1, 2)]
    _, target = _ingest(tmp_path, orders=_lines(*rows, discount=[-1.5, 0]))
    assert _table(target, "orders")["discount"].tolist() == [1.5, 0]


def test_order_figures_agree_with_pandas(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    users = generator.integers(0, 40, 300)
    days = pd.Timestamp("2024-01-03") + pd.to_timedelta(generator.integers(0, 200, 300), "D")
    lines = pd.DataFrame({"user_id": users, "order_id": range(300), "product_id": "p", "ordered_at": days})
    lines = lines.assign(quantity=1, amount=5.0)
    report, _ = _ingest(tmp_path, orders=lines)
    found = report.orders
    assert found is not None and (found.orders, found.users) == (300, len(set(users)))
    by_day = lines.drop_duplicates(["user_id", "ordered_at"]).sort_values("ordered_at")
    gaps = by_day.groupby("user_id")["ordered_at"].diff().dt.days.dropna()
    assert found.gap_days == gaps.median()
    assert found.returning_share == pytest.approx((by_day.groupby("user_id").size() > 1).mean())
    assert found.orders_per_user == lines.groupby("user_id").size().median()
    assert sum(count for _, count in found.weeks) == 300
    assert all(monday.weekday() == 0 for monday, _ in found.weeks)


def test_a_returns_table_in_a_currency_without_a_rate_stops_the_intake(tmp_path: Path) -> None:
    rows = [("ann", str(n), "p", f"2024-01-0{n}", 1, 10.0) for n in (1, 2)]
    back = pd.DataFrame({"order_id": ["1"], "returned_at": ["2024-01-05"], "amount": [900.0], "currency": ["JPY"]})
    with pytest.raises(DataError, match=r"returns\.currency: got JPY \(1 lines\) where the shop's own is USD"):
        _ingest(tmp_path, orders=_lines(*rows, currency=["USD", "USD"]), returns=back)
    assert not (tmp_path / "target").exists()
    (tmp_path / "m.yaml").write_text("currency: {own: USD, rates: {JPY: 0.01}}")
    ingest(tmp_path / "source", tmp_path / "target", key=KEY, now=NOW, mapping=str(tmp_path / "m.yaml"))
    assert _table(tmp_path / "target", "returns")["amount"].tolist() == [9]


def test_orders_without_a_currency_have_the_one_that_the_returns_state(tmp_path: Path) -> None:
    back = pd.DataFrame({"order_id": ["1"], "returned_at": ["2024-01-05"], "amount": [4.0], "currency": ["EUR"]})
    report, _ = _ingest(tmp_path, orders=_lines(("ann", "1", "p", "2024-01-01", 1, 10.0)), returns=back)
    assert [(one.currency, one.gross, one.returned) for one in report.money] == [("EUR", 10, 4)]


def test_an_id_of_guests_is_nobody_in_every_table(tmp_path: Path) -> None:
    rows = [("ann", "1", "p", "2024-01-01", 1, 10.0), ("0", "2", "p", "2024-01-02", 1, 10.0)]
    source = tmp_path / "source"
    source.mkdir()
    _lines(*rows).to_csv(source / "orders.csv", index=False)
    events = pd.DataFrame({"user_id": ["0", "ann"], "occurred_at": ["2024-01-01"] * 2, "event": ["view"] * 2})
    events.to_csv(source / "events.csv", index=False)
    back = pd.DataFrame({"user_id": ["0"], "returned_at": ["2024-01-05"], "amount": [4.0]})
    pd.concat([back, back.assign(user_id="ann")]).to_csv(source / "returns.csv", index=False)
    (tmp_path / "m.yaml").write_text('guests: ["0"]')
    report = ingest(source, tmp_path / "target", key=KEY, now=NOW, mapping=str(tmp_path / "m.yaml"))
    ann = pseudonymise(pd.Series(["ann"]), KEY)[0]
    for name, guests in (("orders", 1), ("returns", 1), ("events", 0)):
        users = _table(tmp_path / "target", name)["user_id"]
        assert users.dropna().tolist() == [ann] and users.isna().sum() == guests
    assert report.tables["events"].reasons == {"user_id is missing": 1}


def test_an_order_total_that_stands_on_every_line_is_warned_of_and_prices_of_lines_are_not(tmp_path: Path) -> None:
    rows = [("ann", str(n), product, f"2024-01-{n + 1:02}", 1, 10.0 + n) for n in range(20) for product in "pq"]
    report, _ = _ingest(tmp_path, orders=_lines(*rows))
    assert any("in 20 of 20 orders of several lines all lines hold the same amount" in one for one in report.warnings)
    priced = [(*row[:5], row[5] + (row[2] == "q")) for row in rows]
    report, _ = _ingest(tmp_path, orders=_lines(*priced))
    assert report.warnings == ()
