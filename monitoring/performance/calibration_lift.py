"""Two further figures of a score with their bootstrap: calibration error, and lift at a tenth of the users."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from purchasing_power.evaluation.bootstrap import (
    METRIC_NAMES,
    Comparison,
    Interval,
    draws,
    percentiles,
    weighted_metric,
)
from purchasing_power.evaluation.metrics import CALIBRATION_BINS

CALIBRATION, LIFT = "calibration_error", "lift_10"
LIST_SHARE = 0.1
LEVEL = 0.95
NAMES = {**METRIC_NAMES, CALIBRATION: "calibration error", LIFT: "lift at 10 % of the users"}

Measure = Callable[[np.ndarray], np.ndarray]


def measure_of(metric: str, y: np.ndarray, score: np.ndarray) -> Measure:
    """A function from row weights (replicates, n) to the metric (replicates,), for every metric in ``NAMES``.

    Parameters
    ----------
    y, score
        As :func:`~purchasing_power.evaluation.bootstrap.weighted_metric` takes them; 0 or 1 and a probability for the
        calibration error, 0 or 1 and any score for the lift; shape (n,).
    """
    if metric == CALIBRATION:
        return _calibration(y, score)
    return _lift(y, score) if metric == LIFT else weighted_metric(metric, y, score)  # type: ignore[arg-type]


def bootstrapped(
    metric: str,
    y: np.ndarray,
    score: np.ndarray,
    other: np.ndarray,
    users: np.ndarray,
    replicates: int,
    seed: int,
) -> tuple[Interval, Comparison]:
    """A figure, and what it is more than another score's on the same rows, with percentile intervals over users.

    Source: Efron & Tibshirani (1993), An introduction to the bootstrap, chapters 8 and 13.
    """
    mine, theirs = measure_of(metric, y, score), measure_of(metric, y, other)
    pairs = [(mine(weights), theirs(weights)) for weights in draws(users, len(y), replicates, seed)]
    once = np.ones((1, len(y)))
    first, second = float(mine(once)[0]), float(theirs(once)[0])
    low, high, used = percentiles([one for one, _ in pairs], LEVEL)
    least, most, both = percentiles([one - two for one, two in pairs], LEVEL)
    return (
        Interval(metric, first, low, high, used, LEVEL),
        Comparison(metric, first, second, first - second, least, most, both, LEVEL),
    )


def _calibration(y: np.ndarray, probability: np.ndarray) -> Measure:
    """As ``metrics.calibration_error``, in the bins of the whole sample."""
    edges = np.quantile(probability, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1])
    bins = np.eye(CALIBRATION_BINS)[np.searchsorted(edges, probability, side="left")]
    gaps = bins * (probability - y)[:, None]
    return lambda weights: np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def _lift(y: np.ndarray, score: np.ndarray) -> Measure:
    """Share of positives among the tenth ranked highest, over their share among all; ties count in part."""
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(score[order]) != 0))
    is_positive = y[order]

    def of(weights: np.ndarray) -> np.ndarray:
        ranked = weights[:, order]
        found = np.cumsum(np.add.reduceat(ranked * is_positive, starts, axis=1), axis=1)
        asked = np.cumsum(np.add.reduceat(ranked, starts, axis=1), axis=1)
        held = [
            np.interp(LIST_SHARE * many[-1], np.append(0.0, many), np.append(0.0, some))
            / (LIST_SHARE * some[-1])
            if some[-1] > 0
            else np.nan
            for many, some in zip(asked, found, strict=True)
        ]
        return np.array(held)

    return of
