"""Bootstrap intervals of a model's figure, and of the difference between two models on the same rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
import pandas as pd
from tqdm import tqdm

from purchasing_power.errors import DataError

MetricName = Literal[
    "average_precision", "auc", "auc_macro", "r2", "neg_mae", "neg_log_loss", "calibration_error", "lift_10"
]
OF_ALL_CLASSES = ("auc_macro", "neg_log_loss")
OF_ONE_CLASS = ("average_precision", "auc", "calibration_error", "lift_10")
METRIC_NAMES = {
    "average_precision": "average precision",
    "auc": "AUC",
    "auc_macro": "AUC (mean over classes)",
    "r2": "R²",
    "neg_mae": "negative mean absolute error",
    "neg_log_loss": "negative log loss",
    "calibration_error": "calibration error",
    "lift_10": "lift at 10 % of the users",
}
LEVEL = 0.95
LIFT_SHARE = 0.1
CALIBRATION_BINS = 10
LEAST_FOR_NORMAL = 100
# So many replicates are wished for beyond each bound, up to so many replicates in all.
LEAST_BEYOND, MOST_REPLICATES = 10, 10_000
CELLS_AT_ONCE = 2_000_000  # replicates times rows held in memory: 16 MB an array

# From row weights (replicates, n) to a figure (replicates,), NaN where it is not defined.
Measure = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval; ``replicates`` counts those on which it was defined."""

    metric: str
    value: float
    low: float
    high: float
    replicates: int
    level: float


@dataclass(frozen=True)
class Comparison:
    """Two models' figure on the same rows, and the interval of challenger minus champion."""

    metric: str
    challenger: float
    champion: float
    difference: float
    low: float
    high: float
    replicates: int
    level: float


@dataclass(frozen=True)
class Resampling:
    """How a bootstrap is drawn: users with replacement, all rows of a user together.

    Attributes
    ----------
    level
        Share of the replicates inside the interval; (1 - level) / 2 lie on each side.

    Source: Efron & Tibshirani (1993), An introduction to the bootstrap, chapters 8 and 13.
    """

    replicates: int = 1000
    seed: int = 0
    level: float = LEVEL


DEFAULT = Resampling()


def metric_name(metric: str) -> str:
    """What people call a metric; one that only its kind knows is called as it is named."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def measured(
    metric: str, measure: Measure, users: np.ndarray | pd.Series, resampling: Resampling = DEFAULT
) -> Interval:
    """The percentile interval of a figure.

    Parameters
    ----------
    measure
        From row weights (replicates, n) to figures (replicates,), such as :func:`weighted_metric` gives.
    users
        Whom each row is about, shape (n,); ``np.arange(n)`` where rows are independent.
    """
    drawn = [measure(w) for w in draws(users, len(users), resampling)]
    low, high, used = percentiles(drawn, resampling.level)
    return Interval(metric, _on_all(measure, len(users)), low, high, used, resampling.level)


def compare_measures(
    metric: str, challenger: Measure, champion: Measure, users: np.ndarray | pd.Series, resampling: Resampling = DEFAULT
) -> tuple[Interval, Comparison]:
    """The challenger's figure with its interval, and what it is more than the champion's on the same draws.

    Parameters as in :func:`measured`.
    """
    pairs = [(challenger(w), champion(w)) for w in draws(users, len(users), resampling)]
    first, second = _on_all(challenger, len(users)), _on_all(champion, len(users))
    low, high, used = percentiles([one for one, _ in pairs], resampling.level)
    least, most, both = percentiles([one - two for one, two in pairs], resampling.level)
    return (
        Interval(metric, first, low, high, used, resampling.level),
        Comparison(metric, first, second, first - second, least, most, both, resampling.level),
    )


def paired_bootstrap(
    y: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    users: np.ndarray | pd.Series,
    metric: MetricName = "average_precision",
    resampling: Resampling = DEFAULT,
) -> Comparison:
    """:func:`compare_measures` of two models' scores by a metric; scores as :func:`weighted_metric` takes them."""
    _user_codes(users, len(y))
    first, second = weighted_metric(metric, y, challenger), weighted_metric(metric, y, champion)
    return compare_measures(metric, first, second, users, resampling)[1]


def interval(
    y: np.ndarray,
    score: np.ndarray,
    users: np.ndarray | pd.Series,
    metric: MetricName = "average_precision",
    resampling: Resampling = DEFAULT,
) -> Interval:
    """:func:`measured` of a model's score by a metric; ``y`` and score as :func:`weighted_metric` takes them."""
    _user_codes(users, len(y))
    return measured(metric, weighted_metric(metric, y, score), users, resampling)


def weighted_metric(metric: MetricName, y: np.ndarray, score: np.ndarray) -> Measure:
    """A function from row weights (replicates, n) to the metric (replicates,), NaN where undefined.

    Sorting and per-row losses are done once here, so a replicate costs a few sums.

    Parameters
    ----------
    y
        0 or 1 for ``average_precision``, ``auc``, ``calibration_error`` and ``lift_10``, class codes for ``auc_macro``
        (one class against the rest, plain mean) and ``neg_log_loss``, amounts for ``r2`` and ``neg_mae``; shape (n,).
    score
        Score, probability or predicted amount, shape (n,); (n, classes) for the two metrics of class codes,
        where shape (n,) stands for the probability of class 1 of two.
    """
    y, score = _checked(metric, y, score)
    if metric == "neg_log_loss":
        likelihood = score[np.arange(len(y)), y.astype(np.int64)]
        return _mean_of(np.log(np.clip(likelihood, np.finfo(np.float64).eps, 1.0)))
    if metric == "neg_mae":
        return _mean_of(-np.abs(y - score))
    if metric == "r2":
        return _r2(y, score)
    if metric == "auc_macro":
        each = [_ranked(y == code, score[:, code], _auc) for code in range(score.shape[1])]
        return lambda weights: np.mean([of(weights) for of in each], axis=0)
    if metric == "calibration_error":
        return _calibration_error(y, score)
    ranking = {"auc": _auc, "average_precision": _average_precision, "lift_10": _lift}[metric]
    return _ranked(y, score, ranking)


def _on_all(measure: Measure, rows: int) -> float:
    return float(measure(np.ones((1, rows)))[0])


def _ranked(y: np.ndarray, score: np.ndarray, measure: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Measure:
    """Weights of positives and negatives summed over each distinct score, highest first, then measured."""
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(score[order]) != 0))
    is_positive = y[order]

    def of(weights: np.ndarray) -> np.ndarray:
        sorted_weights = weights[:, order]
        positive = np.add.reduceat(sorted_weights * is_positive, starts, axis=1)
        return measure(positive, np.add.reduceat(sorted_weights, starts, axis=1) - positive)

    return of


def _auc(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Share of positive-negative pairs in the right order, ties half (Mann & Whitney, 1947)."""
    negatives = negative.sum(axis=1)
    below = negatives[:, None] - np.cumsum(negative, axis=1) + negative / 2
    return _ratio((positive * below).sum(axis=1), positive.sum(axis=1) * negatives)


def _average_precision(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Precision averaged over the positives, as in scikit-learn (no interpolation)."""
    found = np.cumsum(positive, axis=1)
    precision = _ratio(found, found + np.cumsum(negative, axis=1))
    return _ratio(np.nansum(positive * precision, axis=1), found[:, -1])


def _lift(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Share of positives among the tenth ranked highest, over their share among all; ties count in part."""
    found, users = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
    lifts = [
        np.interp(LIFT_SHARE * ranked[-1], np.append(0.0, ranked), np.append(0.0, held)) / (LIFT_SHARE * held[-1])
        if held[-1] > 0
        else np.nan
        for ranked, held in zip(users, found, strict=True)
    ]
    return np.array(lifts)


def _calibration_error(y: np.ndarray, probability: np.ndarray) -> Measure:
    """As ``metrics.calibration_error``, in the bins of the whole sample."""
    edges = np.quantile(probability, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1])
    bins = np.eye(CALIBRATION_BINS)[np.searchsorted(edges, probability, side="left")]
    gaps = bins * (probability - y)[:, None]
    return lambda weights: _ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def _r2(y: np.ndarray, prediction: np.ndarray) -> Measure:
    # Centred first: the variance as a difference of sums would lose its digits on large amounts.
    centred = y - y.mean()
    sums = np.column_stack([np.ones(len(y)), centred, centred**2, (y - prediction) ** 2])

    def of(weights: np.ndarray) -> np.ndarray:
        total, first, second, error = (weights @ sums).T
        spread = second - _ratio(first**2, total)
        spread[spread <= 1e-12 * second] = 0.0
        return 1.0 - _ratio(error, spread)

    return of


def _mean_of(values: np.ndarray) -> Measure:
    return lambda weights: _ratio(weights @ values, weights.sum(axis=1))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def draws(users: np.ndarray | pd.Series, rows: int, resampling: Resampling = DEFAULT) -> Iterator[np.ndarray]:
    """Row weights (some replicates, rows): how often the row's user was drawn."""
    codes = _user_codes(users, rows)
    count, rng = int(codes.max()) + 1, np.random.default_rng(resampling.seed)
    at_once = max(1, CELLS_AT_ONCE // rows)
    with tqdm(total=resampling.replicates, desc="bootstrap", unit="replicate", delay=3, leave=False) as bar:
        for start in range(0, resampling.replicates, at_once):
            size = min(at_once, resampling.replicates - start)
            # Counting uniform draws is a multinomial sample, several times faster than drawing one.
            drawn = rng.integers(0, count, size=(size, count)) + count * np.arange(size)[:, None]
            times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
            yield times.astype(np.float64)[:, codes]
            bar.update(size)


def _user_codes(users: np.ndarray | pd.Series, rows: int) -> np.ndarray:
    """Users as codes in the order in which they come."""
    codes = pd.factorize(np.asarray(users), use_na_sentinel=True)[0]
    if len(codes) != rows or codes.min() < 0:
        raise DataError(
            f"comparison: {len(codes)} users, {int((codes < 0).sum())} of them missing, for {rows} rows; "
            "every row needs a user. Pass numpy.arange(rows) where rows are independent."
        )
    return codes


def percentiles(drawn: list[np.ndarray], level: float) -> tuple[float, float, int]:
    """Bounds that hold ``level`` of the finite replicates between them, and how many those are.

    Where the level is so high that no replicate lies beyond a bound, the bounds are those of a normal
    distribution with the replicates' mean and standard deviation (Efron & Tibshirani, chapter 12).
    """
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan"), 0
    if len(values) * (1 - level) / 2 < 1 and len(values) >= LEAST_FOR_NORMAL:
        reach = NormalDist().inv_cdf((1 + level) / 2) * float(values.std(ddof=1))
        return float(values.mean()) - reach, float(values.mean()) + reach, len(values)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high), len(values)


def replicates_for(level: float, asked: int) -> int:
    """Replicates that place the bounds of a level: ten beyond each of them, 10,000 in all at most."""
    tail = max((1 - level) / 2, 1e-12)
    return max(asked, min(math.ceil(LEAST_BEYOND / tail), MOST_REPLICATES))


def _checked(metric: str, y: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if metric not in get_args(MetricName):
        raise DataError(f"comparison: metric {metric!r}; allowed are {', '.join(get_args(MetricName))}. Choose one.")
    y, score = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if metric in OF_ALL_CLASSES and score.ndim == 1:
        score = np.column_stack([1 - score, score])
    wanted = 2 if metric in OF_ALL_CLASSES else 1
    if y.ndim != 1 or not len(y) or score.ndim != wanted or len(score) != len(y):
        raise DataError(
            f"comparison: y of shape {y.shape} with scores of shape {score.shape} for {metric}; both need "
            "the same rows, at least one. Pass both models' predictions of the same rows."
        )
    if not (np.isfinite(y).all() and np.isfinite(score).all()):
        raise DataError(
            f"comparison: missing or infinite values for {metric}; all must be finite. "
            "Drop rows whose outcome is not over yet."
        )
    if metric in OF_ALL_CLASSES and not np.isin(y, np.arange(score.shape[1])).all():
        raise DataError(
            f"comparison: class codes {y.min():g} to {y.max():g} for {score.shape[1]} columns of "
            "probabilities; allowed are 0 to columns - 1. Encode the labels with the model's own classes."
        )
    if metric in OF_ONE_CLASS and not np.isin(y, (0, 1)).all():
        raise DataError(
            f"comparison: y holds {y.min():g} to {y.max():g} for {metric}; allowed are 0 and 1. "
            "Pass 1 for the positive class, 0 for the rest."
        )
    return y, score
