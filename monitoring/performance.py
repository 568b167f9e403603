"""Realised performance: the model against what it promised and against the naive baseline, once outcomes are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from monitoring.evidence import Performance, Realised
from purchasing_power.errors import DataError
from purchasing_power.model.comparison import Interval, MetricName, interval, paired_bootstrap
from purchasing_power.model.judge import Judged, comparable, held_back, judge, naive_outputs
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys, unseen
from purchasing_power.model.splits import known_outcomes
from purchasing_power.model.validation import primary_metric
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import CUTOFF, UserTable

REPLICATES = 1000


def realised(
    model: PurchasingModel, trained_on: UserTable, table: UserTable, latest: pd.Timestamp | None, seed: int
) -> Performance:
    """Judge the model on the newest rows whose outcome became known after it was promised anything.

    A panel is judged at its newest cutoff of known outcome up to ``latest``, a flat table on all its rows.
    Rows that the model was fitted, calibrated or promoted on do not count.

    Parameters
    ----------
    trained_on
        The user table that the version was trained from; its held-back rows make the promise.
    table
        The user table of now.
    """
    rows = ripe_rows(model, trained_on, table, latest)
    if not len(rows.frame):
        return Performance((), _not_ripe(table, latest), 0)
    try:
        judged = judge(model, trained_on, rows)
    except DataError as error:
        return Performance((), f"The rows cannot be judged: {error}", 0)
    promised = _promise(model, trained_on)
    figures = tuple(_figure(model.target, name, judged, promised, seed) for name in _metrics(model.target))
    if not np.isfinite(figures[0].figure.low):
        return Performance((), f"The {len(rows.frame):,} rows of known outcome hold a single class.", 0)
    users = len(set(judged.users))
    at = f" at cutoff {rows.frame[CUTOFF].iloc[0]:%Y-%m-%d}" if CUTOFF in rows.frame else ""
    return Performance(figures, f"Judged on {len(rows.frame):,} rows of {users:,} users{at}.", users)


def ripe_rows(
    model: PurchasingModel, trained_on: UserTable, table: UserTable, latest: pd.Timestamp | None
) -> UserTable:
    """The newest rows of known outcome that neither training nor the promise has used."""
    used = row_keys(trained_on.rows(known_outcomes(trained_on)))
    fresh = np.flatnonzero(~np.isin(row_keys(table), used))
    rows = np.intersect1d(np.intersect1d(fresh, unseen(model, table)), known_outcomes(table))
    if table.meta.kind == "panel" and len(rows):
        moments = table.frame[CUTOFF].iloc[rows]
        in_time = moments if latest is None else moments[moments <= latest]
        rows = rows[(moments == in_time.max()).to_numpy()]
    return table.rows(rows)


def _promise(model: PurchasingModel, trained_on: UserTable) -> Judged | None:
    try:
        return judge(model, trained_on, held_back(trained_on, [model]))
    except DataError:
        return None


def _metrics(target: Target) -> tuple[MetricName, ...]:
    """The figure that the model was chosen by, then one more."""
    if target.task == "regression":
        return "r2", "neg_mae"
    if primary_metric(target) == "auc_macro":
        return "auc_macro", "neg_log_loss"
    return "average_precision", "auc"


def _figure(
    target: Target, metric: MetricName, judged: Judged, promised: Judged | None, seed: int
) -> Realised:
    y, score = comparable(target, metric, judged.y, judged.model)
    _, naive = comparable(target, metric, judged.y, naive_outputs(target, metric, judged))
    return Realised(
        figure=interval(y, score, judged.users, metric, REPLICATES, seed),
        naive=paired_bootstrap(y, score, naive, judged.users, metric, REPLICATES, seed),
        promised=_interval(target, metric, promised, seed) if promised is not None else None,
    )


def _interval(target: Target, metric: MetricName, judged: Judged, seed: int) -> Interval:
    y, score = comparable(target, metric, judged.y, judged.model)
    return interval(y, score, judged.users, metric, REPLICATES, seed)


def _not_ripe(table: UserTable, latest: pd.Timestamp | None) -> str:
    if table.meta.kind == "flat":
        return "Every row with a label was used in training or promotion."
    over = (table.frame[CUTOFF].max() if latest is None else latest) + pd.Timedelta(
        days=int(table.meta.horizon_days or 0)
    )
    return f"No outcome has ripened since the model was promoted; that of this cutoff is complete on {over:%Y-%m-%d}."
