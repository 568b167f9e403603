"""Where a shop's orders lie in time: their bulk, isolated dates beside it and gaps within it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import ibis.expr.types as ir
import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.snapshot.history import DAY, TIMES, seconds

# A group of dates at either end is isolated if it holds at most this share of the orders (or FEW of them) and of the
# days with an order, and lies further from the rest than its gaps allow.
SHARE, FEW, SMALL_SHOP = 0.01, 3, 0.1
# How far: longer than USUAL_GAPS times the gap that 95 of 100 days with an order keep, and than HALF_YEAR or the
# lookback; FOUR_WEEKS where the group's days hold less than THIN of what a day of the rest holds.
USUAL_GAPS, HALF_YEAR, FOUR_WEEKS, THIN = 8, 180, 28, 0.1
MOST_NAMED = 3
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class OrderDates:
    """The days between which a shop's orders lie.

    Attributes
    ----------
    first, last
        Days of the first and the last order, isolated dates left aside. The last may be half over, so data counts as
        complete up to its midnight.
    notes
        What a person should know: dates that were set aside, and gaps without an order.
    """

    first: date
    last: date
    notes: tuple[str, ...] = ()


def order_dates(tables: dict[str, ir.Table], lookback: int) -> OrderDates:
    """Where the orders of a shop lie, those of guests too.

    Raises
    ------
    DataError
        If there are no orders.
    """
    if "orders" not in tables:
        raise DataError(
            f"shop: got the tables {', '.join(sorted(tables)) or 'none'}; orders is required. "
            "Give a shop folder that holds orders.parquet."
        )
    rows = tables["orders"].select("order_id", second=seconds(tables["orders"][TIMES["orders"]]))
    rows = rows.filter(rows.second.notnull()).mutate(day=(rows.second // DAY).cast("int64"))
    per_day = rows.group_by("day").aggregate(orders=rows.order_id.nunique()).order_by("day").to_pandas()
    if not len(per_day):
        raise DataError("orders: got 0 rows; a snapshot needs orders. Give a shop folder that holds some.")
    return bulk(per_day["day"].to_numpy(np.int64), per_day["orders"].to_numpy(np.int64), lookback)


def bulk(days: np.ndarray, orders: np.ndarray, lookback: int) -> OrderDates:
    """The bulk of the orders, without isolated dates at either end.

    A shop that was closed for some months and one that is open in a season alone are whole: what lies on the far side
    of their gaps is no small share, or no further away than usual.

    Parameters
    ----------
    days
        Days with an order, days since 1970, ascending and distinct, shape (n_days,).
    orders
        Orders of each, shape (n_days,).
    """
    start = _isolated(days, orders, lookback)
    stop = len(days) - _isolated(-days[start:][::-1], orders[start:][::-1], lookback)
    aside = np.r_[0:start, stop : len(days)]
    inside = days[start:stop]
    notes = [*_aside(days[aside], int(orders[aside].sum()), inside), *_gaps(inside)]
    return OrderDates(_date(inside[0]), _date(inside[-1]), tuple(notes))


def _isolated(days: np.ndarray, orders: np.ndarray, lookback: int) -> int:
    """How many days at the beginning are isolated."""
    most = max(SHARE * orders.sum(), min(FEW, SMALL_SHOP * orders.sum()))
    most_days = max(FEW, SHARE * len(days))
    isolated = 0
    for size in range(1, len(days) - 1):
        if size > most_days or orders[:size].sum() > most:
            break
        usual = _usual_gap(days[size:])
        thin = orders[:size].mean() < THIN * np.median(orders[size:])
        least = max(HALF_YEAR, lookback) if not thin else FOUR_WEEKS
        if days[size] - days[size - 1] > max(least, USUAL_GAPS * usual):
            isolated = size
    return isolated


def _usual_gap(days: np.ndarray) -> float:
    """The gap (days) that is exceeded by one in twenty at most; never the longest of several."""
    return float(np.quantile(np.diff(days), 0.95, method="lower")) if len(days) > 1 else 0.0


def _aside(days: np.ndarray, orders: int, inside: np.ndarray) -> Iterable[str]:
    if len(days):
        named = ", ".join(str(_date(day)) for day in days[:MOST_NAMED]) + (", …" if len(days) > MOST_NAMED else "")
        yield (
            f"orders: {orders:,} {'order lies' if orders == 1 else 'orders lie'} far from the others ({named}); the "
            f"others lie between {_date(inside[0])} and {_date(inside[-1])}, and cutoffs are chosen among those. "
            "Correct the dates if they are wrong."
        )


def _gaps(days: np.ndarray) -> Iterable[str]:
    lengths = np.diff(days)
    long = np.flatnonzero(lengths > max(FOUR_WEEKS, USUAL_GAPS * _usual_gap(days)))
    for place in sorted(long[np.argsort(-lengths[long], kind="stable")][:MOST_NAMED]):
        first, last = _date(days[place] + 1), _date(days[place + 1] - 1)
        yield f"orders: none from {first} to {last} ({lengths[place] - 1} days)."


def _date(day: int) -> date:
    return EPOCH + timedelta(days=int(day))
