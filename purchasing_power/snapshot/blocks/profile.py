"""Profile columns of the users table, taken as they are: they have no time, so they count at every cutoff."""

from __future__ import annotations

import pandas as pd

from purchasing_power.snapshot.history import History


def profile(history: History, population: pd.DataFrame) -> pd.DataFrame:
    """Profile columns of the population's rows, in their order.

    Parameters
    ----------
    population
        Column ``user``.

    Returns
    -------
    DataFrame
        Numeric columns as float64, categorical ones as str; missing for a user without a
        profile and for a column that the users table of a request lacks.
    """
    plan, users = history.plan, history.tables["users"]
    wanted = [*plan.profile_numeric, *plan.profile_categorical]
    present = [name for name in wanted if name in users.columns]
    known = users.join(history.people, "user_id").select("user", *present).to_pandas()
    found = population[["user"]].merge(known, how="left", on="user", validate="many_to_one")
    kinds = dict.fromkeys(plan.profile_numeric, "float64") | dict.fromkeys(plan.profile_categorical, "str")
    return found.reindex(columns=wanted).astype(kinds)
