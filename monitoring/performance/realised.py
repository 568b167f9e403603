"""Realised performance: the model against its reference performance and the naive baseline, once labels matured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from monitoring.performance.reference_performance import ReferencePerformance
from monitoring.performance.results import Performance, RealisedFigure
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


def realised_performance(
    model: PurchasingModel,
    held: HeldBack,
    table: UserTable,
    latest: pd.Timestamp | None,
    seed: int,
    recorded: Mapping[str, ReferencePerformance] | None = None,
) -> Performance:
    """Evaluate the model on the newest rows whose labels matured after its reference performance was measured.

    A panel is evaluated at its newest cutoff of matured labels up to ``latest``, a flat table on all its rows.
    Rows that the model was fitted, calibrated or promoted on do not count.

    Parameters
    ----------
    held
        Predictions on the held-back rows: the reference performance of a figure that is not in ``recorded``.
    table
        The current user table.
    recorded
        Reference performance that the gate recorded, by metric, see ``reference_performance.recorded_performance``.
    """
    rows = matured_rows(model, held, table, latest)
    if not len(rows.frame):
        return Performance((), _not_matured(table, latest), 0)
    try:
        predictions = answered(model, rows, held.prior)
    except DataError as error:
        return Performance((), f"The rows cannot be evaluated: {error}", 0)
    known = {**_recomputed(model.target, held.predictions, seed), **(recorded or {})}
    figures = tuple(
        RealisedFigure(*figure(model.target, name, predictions, seed), known.get(name))
        for name in figure_names(model.target)
    )
    if not np.isfinite(figures[0].figure.low):
        return Performance((), f"The {len(rows.frame):,} rows of matured labels hold a single class.", 0)
    users = len(set(predictions.users))
    moment = f"{rows.frame[CUTOFF].iloc[0]:%Y-%m-%d}" if CUTOFF in rows.frame else ""
    at = f" at cutoff {moment}" if moment else ""
    return Performance(
        figures, f"Evaluated on {len(rows.frame):,} rows of {users:,} users{at}.", users, moment
    )


def matured_rows(
    model: PurchasingModel, held: HeldBack, table: UserTable, latest: pd.Timestamp | None
) -> UserTable:
    """The newest rows of matured labels that neither training nor the reference performance has used."""
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


def figure(
    target: Target, metric: MetricName, predictions: Answered, seed: int
) -> tuple[Interval, Comparison]:
    """A figure of the model on rows of known labels, and its comparison with the naive baseline there."""
    # An amount spent is no probability: there the baseline predicts the share of the training rows for everyone.
    asked = "auc" if metric == "lift_10" else metric
    if metric == "calibration_error":
        y, score, naive = (
            (predictions.y == target.positive).astype(np.int64),
            predictions.model[:, target.positive],
            predictions.prior[:, target.positive],
        )
    else:
        y, score = comparable(target, asked, predictions.y, predictions.model)
        _, naive = comparable(target, asked, predictions.y, naive_outputs(target, asked, predictions))
    measures = (weighted_metric(metric, y, score), weighted_metric(metric, y, naive))
    return compare_measures(metric, *measures, predictions.users, Resampling(REPLICATES, seed))


def _recomputed(target: Target, predictions: Answered | None, seed: int) -> dict[str, ReferencePerformance]:
    """Figures on the held-back rows; none where there are none."""
    if predictions is None:
        return {}
    return {
        name: ReferencePerformance(*figure(target, name, predictions, seed)) for name in figure_names(target)
    }


def _not_matured(table: UserTable, latest: pd.Timestamp | None) -> str:
    if table.meta.kind == "flat":
        return "Every row with a label was used in training or promotion."
    over = (table.frame[CUTOFF].max() if latest is None else latest) + pd.Timedelta(
        days=int(table.meta.horizon_days or 0)
    )
    return f"No label has matured since the model was promoted; those of this cutoff are complete on {over:%Y-%m-%d}."
