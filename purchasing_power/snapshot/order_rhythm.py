"""How often the users of a shop order, and the horizon that suits it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from purchasing_power.snapshot.history import DAY, History
from purchasing_power.snapshot.order_dates import OrderDates
from purchasing_power.snapshot.settings import WINDOWS

# Of the users who order again, so many do so within the proposed horizon.
WITHIN = 2 / 3
FEWEST_RETURNING = 10


@dataclass(frozen=True)
class OrderRhythm:
    """How often users order.

    Attributes
    ----------
    orders, users
        Orders of users, and users with one.
    per_user
        Median orders of a user.
    returning
        Users with orders on two days or more.
    gap_days
        Days within which two thirds of those come back, each counted by the median of the user's own gaps; NaN where
        nobody does.
    horizon
        Horizon (days) that suits it, see :func:`suited_horizon`; ``None`` where too few users come back to tell.
    """

    orders: int
    users: int
    per_user: float
    returning: int
    gap_days: float
    horizon: int | None


def order_rhythm(history: History, longest: int) -> OrderRhythm:
    """Count orders and days between them; ``longest`` is the longest horizon (days) that the orders could serve."""
    rows = history.orders
    frame = rows.select("user", day=(rows.second // DAY).cast("int64")).to_pandas()
    per_user = frame.groupby("user").size()
    days = frame.drop_duplicates().sort_values(["user", "day"])
    gaps = days.groupby("user")["day"].diff().dropna()
    typical = gaps.groupby(days["user"].loc[gaps.index]).median().to_numpy(np.float64)
    return OrderRhythm(
        orders=len(frame),
        users=len(per_user),
        per_user=float(per_user.median()) if len(per_user) else 0.0,
        returning=len(typical),
        gap_days=float(np.quantile(typical, WITHIN)) if len(typical) else np.nan,
        horizon=suited_horizon(typical, longest),
    )


def suited_horizon(gaps: np.ndarray, longest: int) -> int | None:
    """The shortest window within which two thirds of the users who order again do so.

    Parameters
    ----------
    gaps
        Median days between two orders of each user who ordered on two days or more, shape (n_users,).
    longest
        Days that it may have at most.

    Returns
    -------
    int or None
        7, 14, 28, 56, 84 or 168 days; ``None`` where fewer than ten users tell, or none of them fits.
    """
    fitting = [days for days in WINDOWS if days <= longest]
    if len(gaps) < FEWEST_RETURNING or not fitting:
        return None
    return next((days for days in fitting if np.mean(gaps <= days) >= WITHIN), fitting[-1])


def seen(dates: OrderDates, rhythm: OrderRhythm) -> str:
    """What a message tells of the orders, so that its reader can see the cause."""
    share = f" ({rhythm.returning / rhythm.users:.0%})" if rhythm.users else ""
    figures = (
        f"Seen: orders from {dates.first} to {dates.last}, {rhythm.orders:,} of {rhythm.users:,} users, "
        f"{rhythm.per_user:g} per user (median); {rhythm.returning:,} users{share} ordered on two days or more."
    )
    return " ".join([figures, *dates.notes])


def proposal(rhythm: OrderRhythm, horizon: int) -> str | None:
    """A sentence that proposes another horizon than the one given, or ``None``."""
    if rhythm.horizon is None or rhythm.horizon == horizon:
        return None
    return (
        f"orders: two thirds of the users who order again do so within {rhythm.gap_days:.0f} days; a horizon of "
        f"{rhythm.horizon} days suits that (-P horizon={rhythm.horizon}), it is {horizon}."
    )
