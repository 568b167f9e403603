"""Where orders lie: isolated dates are set aside, and no shop of any rhythm is cut."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.order_dates import EPOCH, OrderDates, bulk
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.user_table import UserTable

START = 19_000
RANDOM = np.random.default_rng(1)
FAR_PAST, FAR_FUTURE = np.array([0]), np.array([START + 730 + 730])


def spans(days: np.ndarray, per_day: int | np.ndarray = 20, lookback: int = 168) -> OrderDates:
    days = np.sort(np.asarray(days))
    return bulk(days, np.broadcast_to(per_day, days.shape).copy(), lookback)


def ends(found: OrderDates) -> tuple[int, int]:
    return (found.first - EPOCH).days, (found.last - EPOCH).days


YEARS = np.arange(START, START + 730)
SHOPS = {
    "dense": (YEARS, 200),
    "weekly": (YEARS[::7], 30),
    "sparse": (np.unique(RANDOM.choice(YEARS, 40)), 1),
    "very sparse": (np.arange(START, START + 3000, 100), 1),
    "closed for three months": (np.r_[YEARS[:300], YEARS[390:]], 50),
    "reopened yesterday after three months": (np.r_[YEARS[:600], YEARS[690:692]], 50),
    "closed for half a year, few since": (np.r_[YEARS[:300], YEARS[490:530]], 5),
    "open in December": (np.concatenate([START + 365 * year + np.arange(31) for year in range(3)]), 80),
    "growing": (YEARS, np.maximum(1, np.arange(730) // 4)),
    "a slow start": (np.r_[START - 200 + np.arange(0, 200, 20), YEARS], np.r_[np.ones(10, int), np.full(730, 100)]),
    "a month old": (YEARS[:30], 3),
    "two days": (YEARS[:2], 1),
    "one day": (YEARS[:1], 5),
}


@pytest.mark.parametrize("lookback", [28, 168])
@pytest.mark.parametrize("kind", SHOPS)
def test_no_shop_of_any_rhythm_is_cut(kind: str, lookback: int) -> None:
    days, per_day = SHOPS[kind]
    found = spans(days, per_day, lookback)
    assert ends(found) == (days[0], days[-1])
    assert not [note for note in found.notes if "far from" in note]


@pytest.mark.parametrize("kind", ["dense", "weekly", "sparse", "closed for three months", "growing"])
@pytest.mark.parametrize("stray", [FAR_PAST, FAR_FUTURE, np.r_[FAR_PAST, FAR_FUTURE], np.r_[0, 400, 11_000]])
def test_isolated_dates_are_set_aside_with_the_reason(kind: str, stray: np.ndarray) -> None:
    days, per_day = SHOPS[kind]
    counts = np.r_[np.broadcast_to(per_day, days.shape), np.ones(len(stray), np.int64)]
    order = np.argsort(both := np.r_[days, stray])
    found = bulk(both[order], counts[order], 168)
    assert ends(found) == (days[0], days[-1])
    note = next(note for note in found.notes if "far from the others" in note)
    assert all(str(EPOCH + timedelta(days=int(day))) in note for day in stray)
    assert f"orders: {len(stray)} order" in note


def test_a_single_order_some_weeks_after_a_dense_shop_ends_is_isolated() -> None:
    days = np.r_[YEARS, YEARS[-1] + 60]
    found = bulk(days, np.r_[np.full(730, 100), 1], 168)
    assert ends(found) == (YEARS[0], YEARS[-1])


def test_gaps_within_the_orders_are_named_longest_first_three_at_most() -> None:
    found = spans(np.r_[YEARS[:300], YEARS[390:]])
    first, last = (EPOCH + timedelta(days=START + day) for day in (300, 389))
    assert found.notes == (f"orders: none from {first} to {last} (90 days).",)
    holes = np.r_[YEARS[:100], YEARS[140:200], YEARS[250:300], YEARS[360:400], YEARS[435:]]
    assert [note.split("(")[1] for note in spans(holes).notes] == ["40 days).", "50 days).", "60 days)."]


@pytest.fixture(scope="module")
def dense() -> pd.DataFrame:
    """A user a day, each with an order, for 200 days."""
    at = pd.date_range("2024-01-01 12:00", periods=200, freq="D").astype("datetime64[us]")
    users = [f"u{number % 40:02d}" for number in range(200)]
    ids = [f"o{number}" for number in range(200)]
    frame = pd.DataFrame({"user_id": users, "order_id": ids, "product_id": "p", "ordered_at": at})
    return frame.assign(quantity=1.0, amount=10.0)


@pytest.fixture(scope="module")
def right(dense: pd.DataFrame) -> UserTable:
    """The user table of the dense shop."""
    return build({"orders": ibis.memtable(dense)}, progress=False)


@pytest.mark.parametrize("wrong", ["1970-01-01", "2026-09-01"])
def test_one_order_of_a_wrong_date_moves_no_cutoff_and_is_no_outcome(
    dense: pd.DataFrame, right: UserTable, wrong: str, scanned: Callable[..., dict[str, ibis.Table]]
) -> None:
    stray = dense.iloc[[0]].assign(order_id="stray", ordered_at=pd.Timestamp(wrong).as_unit("us"))
    found = build(scanned({"orders": pd.concat([dense, stray])}), progress=False)
    assert found.cutoffs() == right.cutoffs()
    columns = ["user_id", "cutoff", "orders_168d", "days_since_order", "spend_next_28d", "orders_next_28d"]
    pd.testing.assert_frame_equal(found.frame[columns], right.frame[columns])
    assert wrong in found.meta.notes[0]


def test_a_message_about_cutoffs_tells_what_was_seen(
    dense: pd.DataFrame, scanned: Callable[..., dict[str, ibis.Table]]
) -> None:
    stray = dense.iloc[[0]].assign(order_id="stray", ordered_at=pd.Timestamp("1970-01-01").as_unit("us"))
    tables = scanned({"orders": pd.concat([dense, stray])})
    with pytest.raises(DataError) as refusal:
        build(tables, SnapshotSettings(horizon=168), progress=False)
    said = str(refusal.value)
    assert "Seen: orders from 2024-01-01 to 2024-07-18, 201 of 40 users, 5 per user (median)" in said
    assert "40 users (100%) ordered on two days or more" in said
    assert "1970-01-01" in said and "-P horizon=84" in said


def test_an_empty_horizon_is_told_with_the_horizon_that_suits_the_shop(
    scanned: Callable[..., dict[str, ibis.Table]],
) -> None:
    # Thirty users who come back on the same days, 80 days apart.
    at = [date(2024, 1, 1) + timedelta(days=80 * visit) for visit in range(6)]
    rows = [(f"u{user:02d}", f"o{user}-{visit}", at[visit]) for user in range(30) for visit in range(6)]
    frame = pd.DataFrame(rows, columns=["user_id", "order_id", "ordered_at"])
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"]).astype("datetime64[us]")
    tables = scanned({"orders": frame.assign(product_id="p", quantity=1.0, amount=1.0)})
    settings = SnapshotSettings(horizon=14, first_cutoff=date(2024, 4, 7), last_cutoff=date(2024, 4, 21), step=14)
    with pytest.raises(DataError, match=r"no orders in the 14 days .* 6 per user .* longer horizon \(-P horizon=84\)"):
        build(tables, settings, progress=False)
