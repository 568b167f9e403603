"""An estimate of performance without labels, from calibrated probabilities: what to expect until labels mature."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from monitoring.performance.results import EstimatedFigure
from purchasing_power.evaluation.bootstrap import (
    LEVEL,
    Interval,
    Measure,
    MetricName,
    Resampling,
    draws,
    percentiles,
    weighted_metric,
)
from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Model
from purchasing_power.reference.held_out import HeldOut

METRICS: tuple[MetricName, ...] = ("average_precision", "auc")
REPLICATES = 500


def expected(metric: MetricName, probability: np.ndarray) -> float:
    """The figure to be expected of users of whom nothing but a calibrated probability is known.

    Each user counts as a positive by ``p`` and as a negative by ``1 - p``. That is right as far as the probabilities
    are: it sees users change (covariate shift), and cannot see the same users behave otherwise (concept drift).

    Parameters
    ----------
    probability
        Calibrated probability of the positive class, shape (n,).

    Source: confidence-based performance estimation (CBPE), NannyML documentation, "How it works"; Kivimäki, Białek,
    Nurminen & Kuberski (2024), Confidence-based estimators for predictive performance in model monitoring,
    arXiv:2407.08649. Garg et al. (2022), Leveraging unlabeled data to predict out-of-distribution performance, ICLR,
    show why no such estimate can hold without an assumption on the shift.
    """
    return float(_measure(metric, probability)(_both(np.ones((1, len(probability))), probability))[0])


def expected_interval(metric: MetricName, probability: np.ndarray, seed: int) -> Interval:
    """:func:`expected` with the interval in which the realised figure falls if the probabilities are right.

    Each replicate draws users with replacement and an outcome for each.
    """
    measure = _measure(metric, probability)
    drawn = [measure(_both(weights, positive)) for weights, positive in _outcomes(probability, seed)]
    low, high, used = percentiles(drawn, LEVEL)
    return Interval(metric, expected(metric, probability), low, high, used, LEVEL)


def estimated_performance(
    kind: Kind, model: Model, held: HeldOut, outputs: np.ndarray, seed: int
) -> tuple[EstimatedFigure, ...]:
    """Expected figures of the current users, corrected by the estimate's error on the held-out rows.

    Empty where outputs are no probability of an outcome, or the version has no held-out rows.

    Parameters
    ----------
    held
        Predictions on the held-out rows.
    outputs
        The model's outputs for the current rows.
    """
    predictions, current = held.predictions, kind.probability(model, outputs)
    if predictions is None or current is None:
        return ()
    reference = kind.probability(model, predictions.outputs)
    assert reference is not None, "a model gives probabilities for all rows or for none"
    outcomes = kind.positives(model, predictions.y)
    return tuple(_estimate(metric, current, reference, outcomes, seed) for metric in METRICS)


def corrected(
    metric: MetricName, current: np.ndarray, reference: np.ndarray, outcomes: np.ndarray
) -> tuple[float, float]:
    """The expected figure of current users without the error that it had on rows of known labels, and that error.

    Probabilities that are a little off shift the estimate by about the same in both samples.

    Parameters
    ----------
    current, reference
        Calibrated probabilities of the current users, shape (n,), and of rows whose labels are known, shape (m,).
    outcomes
        Their labels, 0 or 1, shape (m,).
    """
    realised = float(weighted_metric(metric, outcomes, reference)(np.ones((1, len(reference))))[0])
    error = realised - expected(metric, reference)
    return float(np.clip(expected(metric, current) + error, 0.0, 1.0)), error


def _estimate(
    metric: MetricName, current: np.ndarray, reference: np.ndarray, outcomes: np.ndarray, seed: int
) -> EstimatedFigure:
    _, error = corrected(metric, current, reference, outcomes)
    before = expected_interval(metric, reference, seed)
    return EstimatedFigure(
        _shifted(expected_interval(metric, current, seed), error), _shifted(before, error), before.value
    )


def _shifted(interval: Interval, error: float) -> Interval:
    value, low, high = (float(np.clip(one + error, 0.0, 1.0)) for one in (interval.value, interval.low, interval.high))
    return Interval(interval.metric, value, low, high, interval.replicates, interval.level)


def _measure(metric: MetricName, probability: np.ndarray) -> Measure:
    """The metric of every row taken twice, once as a positive and once as a negative, by weights (replicates, 2 n)."""
    rows = len(probability)
    return weighted_metric(metric, np.repeat([1, 0], rows), np.tile(probability, 2))


def _both(weights: np.ndarray, positive: np.ndarray) -> np.ndarray:
    return np.concatenate([weights * positive, weights * (1 - positive)], axis=1)


def _outcomes(probability: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows, rng = len(probability), np.random.default_rng([seed, 1])
    for weights in draws(np.arange(rows), rows, Resampling(REPLICATES, seed)):
        yield weights, (rng.random(weights.shape) < probability).astype(np.float64)
