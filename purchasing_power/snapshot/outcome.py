"""What happened in the horizon after a cutoff: spend and orders, missing until it is over."""

from __future__ import annotations

from datetime import date

import ibis.expr.types as ir
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.snapshot.arithmetic import total
from purchasing_power.snapshot.history import DAY, History, midnight


def outcome_names(horizon: int) -> tuple[str, str]:
    """Column names of the spend (currency) and the orders (count) in the horizon."""
    return f"spend_next_{horizon}d", f"orders_next_{horizon}d"


def outcome(history: History, population: pd.DataFrame, end: date) -> pd.DataFrame:
    """Outcomes of the population's rows, in their order.

    Parameters
    ----------
    population
        Columns ``user`` and ``cutoff`` (seconds).
    end
        Day up to whose midnight the orders are complete; a cutoff whose horizon ends later is not matured: NaN.

    Returns
    -------
    DataFrame
        The two columns of :func:`outcome_names`, float64, shape (n_rows, 2).

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
    outcomes = frame[[spend, orders]].fillna(0.0).astype("float64").where(matured)
    if matured.any() and outcomes[orders].sum() == 0:
        raise DataError(
            f"snapshot horizon: got no orders in the {horizon} days after any cutoff; outcomes need some. "
            "Give a longer horizon or cutoffs that orders follow."
        )
    return outcomes


def _sums(history: History) -> ir.Table:
    orders, cut, horizon = history.orders, history.cutoffs, history.plan.horizon
    rows = orders.join(cut, [orders.second >= cut.cutoff, orders.second < cut.cutoff + horizon * DAY])
    spend, count = outcome_names(horizon)
    figures = {spend: total(rows.amount), count: rows.count().cast("float64")}
    return rows.group_by("user", "cutoff").aggregate(**figures)
