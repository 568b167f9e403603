"""What happened in the horizon after a cutoff: spend and orders, missing until it is over."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.snapshot.arithmetic import total
from purchasing_power.snapshot.history import DAY, History, midnight


def outcome_names(horizon: int) -> tuple[str, str]:
    """Column names of the spend (currency) and the orders (count) in the horizon."""
    return f"spend_next_{horizon}d", f"orders_next_{horizon}d"


def outcome(
    history: History, population: pd.DataFrame, end: date, seen: str = "", horizon_of_shop: int | None = None
) -> pd.DataFrame:
    """Outcomes of the population's rows, in their order.

    Parameters
    ----------
    population
        Columns ``user`` and ``cutoff`` (seconds).
    end
        Day up to whose midnight the orders are complete; a cutoff whose horizon ends later is not matured: NaN.
    seen
        What a message tells of the orders.
    horizon_of_shop
        The horizon (days) that suits the shop's orders, if that is known.

    Returns
    -------
    DataFrame
        The two columns of :func:`outcome_names`, float64, shape (n_rows, 2); of orders without amounts the second
        alone. Spend is net of what was returned in the horizon and can be below 0.

    Raises
    ------
    DataError
        If horizons are over but hold no order.
    """
    horizon = history.plan.horizon
    spend, orders = outcome_names(horizon)
    sums = _sums(history).to_pandas()
    frame = population[["user", "cutoff"]].merge(sums, how="left", on=["user", "cutoff"])
    matured = frame["cutoff"] + horizon * DAY <= midnight(end)
    names = [spend, orders] if history.plan.amounts else [orders]
    outcomes = frame[names].fillna(0.0).astype("float64").where(matured)
    if matured.any() and outcomes[orders].sum() == 0:
        longer = horizon_of_shop is not None and horizon_of_shop > horizon
        remedy = f"a longer horizon (-P horizon={horizon_of_shop})" if longer else "cutoffs that orders follow"
        raise DataError(
            f"snapshot outcomes: got no orders in the {horizon} days after any cutoff; outcomes need some. "
            f"{seen}{' ' if seen else ''}Give {remedy}."
        )
    return outcomes


def _sums(history: History) -> ir.Table:
    bought, back, cut, horizon = history.orders, history.returns, history.cutoffs, history.plan.horizon
    paid = bought.select("user", "second", paid="amount", order=ibis.literal(1))
    paid = paid.union(back.select("user", "second", paid=-back.amount, order=ibis.literal(0))).view()
    rows = paid.join(cut, [paid.second >= cut.cutoff, paid.second < cut.cutoff + horizon * DAY])
    spend, count = outcome_names(horizon)
    figures = {spend: total(rows.paid), count: rows.order.sum().cast("float64")}
    return rows.group_by("user", "cutoff").aggregate(**figures)
