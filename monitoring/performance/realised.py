"""Realised performance: the model against what it promised and against the naive baseline, once outcomes are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from monitoring.performance.reference_performance import Promise
from monitoring.performance.results import Performance, Realised
from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import (
    Comparison,
    Interval,
    MetricName,
    Resampling,
    compare_measures,
    weighted_metric,
)
from purchasing_power.evaluation.cross_validation import primary_metric
from purchasing_power.evaluation.holdout import Answered, answered, comparable, naive_outputs
from purchasing_power.model.purchasing_model import PurchasingModel, unseen
from purchasing_power.model.splits import known_outcomes
from purchasing_power.reference.held_back import HeldBack, later_rows
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import CUTOFF, UserTable

REPLICATES = 1000


def realised(
    model: PurchasingModel,
    held: HeldBack,
    table: UserTable,
    latest: pd.Timestamp | None,
    seed: int,
    promises: Mapping[str, Promise] | None = None,
) -> Performance:
    """Judge the model on the newest rows whose outcome became known after it was promised anything.

    A panel is judged at its newest cutoff of known outcome up to ``latest``, a flat table on all its rows.
    Rows that the model was fitted, calibrated or promoted on do not count.

    Parameters
    ----------
    held
        What the version said of its held-back rows; they make the promise of a figure that is not in ``promises``.
    table
        The user table of now.
    promises
        What the gate saw, by metric, see ``promise.recorded``.
    """
    rows = ripe_rows(model, held, table, latest)
    if not len(rows.frame):
        return Performance((), _not_ripe(table, latest), 0)
    try:
        said = answered(model, rows, held.prior)
    except DataError as error:
        return Performance((), f"The rows cannot be judged: {error}", 0)
    known = {**_recomputed(model.target, held.said, seed), **(promises or {})}
    figures = tuple(
        _figure(model.target, name, said, known.get(name), seed) for name in figure_names(model.target)
    )
    if not np.isfinite(figures[0].figure.low):
        return Performance((), f"The {len(rows.frame):,} rows of known outcome hold a single class.", 0)
    users = len(set(said.users))
    moment = f"{rows.frame[CUTOFF].iloc[0]:%Y-%m-%d}" if CUTOFF in rows.frame else ""
    at = f" at cutoff {moment}" if moment else ""
    return Performance(figures, f"Judged on {len(rows.frame):,} rows of {users:,} users{at}.", users, moment)


def ripe_rows(
    model: PurchasingModel, held: HeldBack, table: UserTable, latest: pd.Timestamp | None
) -> UserTable:
    """The newest rows of known outcome that neither training nor the promise has used."""
    fresh = np.intersect1d(later_rows(held, table), unseen(model, table))
    rows = np.intersect1d(fresh, known_outcomes(table))
    if table.meta.kind == "panel" and len(rows):
        moments = table.frame[CUTOFF].iloc[rows]
        in_time = moments if latest is None else moments[moments <= latest]
        rows = rows[(moments == in_time.max()).to_numpy()]
    return table.rows(rows)


def figure_names(target: Target) -> tuple[MetricName, ...]:
    """The figure that the model was chosen by, then others."""
    if target.task == "regression":
        return "r2", "neg_mae"
    if primary_metric(target) == "auc_macro":
        return "auc_macro", "neg_log_loss"
    return "average_precision", "auc", "calibration_error", "lift_10"


def figure(target: Target, metric: MetricName, said: Answered, seed: int) -> tuple[Interval, Comparison]:
    """A figure of the model on rows of known outcome, and its comparison with the naive baseline there."""
    # An amount spent is no probability: there the baseline says the share of the training rows for everyone.
    asked = "auc" if metric == "lift_10" else metric
    if metric == "calibration_error":
        y, score, naive = (
            (said.y == target.positive).astype(np.int64),
            said.model[:, target.positive],
            said.prior[:, target.positive],
        )
    else:
        y, score = comparable(target, asked, said.y, said.model)
        _, naive = comparable(target, asked, said.y, naive_outputs(target, asked, said))
    measures = (weighted_metric(metric, y, score), weighted_metric(metric, y, naive))
    return compare_measures(metric, *measures, said.users, Resampling(REPLICATES, seed))


def _recomputed(target: Target, said: Answered | None, seed: int) -> dict[str, Promise]:
    """Figures on the held-back rows; none where there are none."""
    if said is None:
        return {}
    return {name: Promise(*figure(target, name, said, seed)) for name in figure_names(target)}


def _figure(
    target: Target, metric: MetricName, said: Answered, promise: Promise | None, seed: int
) -> Realised:
    now, naive = figure(target, metric, said, seed)
    if promise is None:
        return Realised(now, naive, None)
    return Realised(now, naive, promise.figure, promise.naive)


def _not_ripe(table: UserTable, latest: pd.Timestamp | None) -> str:
    if table.meta.kind == "flat":
        return "Every row with a label was used in training or promotion."
    over = (table.frame[CUTOFF].max() if latest is None else latest) + pd.Timedelta(
        days=int(table.meta.horizon_days or 0)
    )
    return f"No outcome has ripened since the model was promoted; that of this cutoff is complete on {over:%Y-%m-%d}."
