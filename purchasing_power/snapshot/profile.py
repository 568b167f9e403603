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
        Numeric columns as float64, categorical ones as str; missing for a user without a profile.
    """
    plan = history.plan
    users = history.tables["users"].select("user_id", *plan.profile_numeric, *plan.profile_categorical)
    numbered = users.join(history.people, "user_id")
    known = numbered.select("user", *plan.profile_numeric, *plan.profile_categorical).to_pandas()
    found = (
        population[["user"]].merge(known, how="left", on="user", validate="many_to_one").drop(columns="user")
    )
    kinds = dict.fromkeys(plan.profile_numeric, "float64") | dict.fromkeys(plan.profile_categorical, "str")
    return found.astype(kinds)
