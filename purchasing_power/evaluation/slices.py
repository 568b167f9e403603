"""Two models compared within each group of a profile column, such as an age band."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from purchasing_power.evaluation.bootstrap import Comparison, Measure, Resampling, compare_measures, replicates_for
from purchasing_power.snapshot.user_table import USER, UserTable

UNKNOWN = "not known"


@dataclass(frozen=True)
class SliceComparison:
    """Challenger against production within one group.

    Attributes
    ----------
    column, value
        The profile column and its value; ``not known`` holds the users without one.
    users, rows
        Size of the group.
    comparison
        Its interval is at the level of all slices together, see :func:`slice_comparisons`.
    """

    column: str
    value: str
    users: int
    rows: int
    comparison: Comparison


def profile_columns(table: UserTable) -> tuple[str, ...]:
    """Categorical profile columns that a user table took from the shop's users table."""
    return tuple(name for name in table.meta.settings.get("profile_categorical", ()) if name in table.frame)


def slice_comparisons(
    table: UserTable,
    measures: Callable[[np.ndarray], tuple[Measure, Measure]],
    metric: str,
    least_users: int,
    resampling: Resampling,
) -> tuple[SliceComparison, ...]:
    """The paired comparison within every group of at least ``least_users`` users.

    The level of each interval is ``1 - (1 - level) / groups`` (Bonferroni), so that among many groups
    none is refused by chance more often than one alone. A group in which the metric is not defined is left out.

    Parameters
    ----------
    table
        The evaluation rows, n of them.
    measures
        Gives the figures of challenger and champion on rows at some positions, as functions of row weights.
    """
    groups = _groups(table, least_users)
    level = 1 - (1 - resampling.level) / max(len(groups), 1)
    resampling = Resampling(replicates_for(level, resampling.replicates), resampling.seed, level)
    users = table.frame[USER].to_numpy()
    comparisons = []
    for column, value, rows in tqdm(groups, desc="slices", unit="slice", delay=3, leave=False):
        one = compare_measures(metric, *measures(rows), users[rows], resampling)[1]
        if np.isfinite(one.difference):
            comparisons.append(SliceComparison(column, value, len(set(users[rows])), len(rows), one))
    return tuple(comparisons)


def _groups(table: UserTable, least_users: int) -> list[tuple[str, str, np.ndarray]]:
    groups = []
    for column in profile_columns(table):
        values = table.frame[column].astype("object").where(table.frame[column].notna(), UNKNOWN)
        for value, rows in sorted(pd.Series(range(len(values))).groupby(values.to_numpy()), key=lambda g: str(g[0])):
            if table.frame[USER].iloc[rows].nunique() >= least_users:
                groups.append((column, str(value), rows.to_numpy()))
    return groups
