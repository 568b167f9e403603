"""Figures of a model on rows it has not seen; one that is not defined on them is NaN."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    precision_recall_fscore_support,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import CALIBRATION_BINS

SHARES = (5, 10, 20)
NAN = math.nan
# Standard deviations of a normal distribution that hold 95 % between them.
Z_95 = 1.96


def classification_metrics(y: np.ndarray, proba: np.ndarray, positive: int | None) -> dict[str, float]:
    """The figures of class probabilities.

    Parameters
    ----------
    y
        Class codes 0..k-1, shape (n,).
    proba
        Probability of each class, shape (n, k), k >= 2; rows sum to 1.
    positive
        Code of the class the business asks about; ``None`` means 1 where k = 2, no such class where k > 2.

    Returns
    -------
    dict
        ``auc``, ``average_precision``, ``brier``, ``calibration_error``, ``lift_5`` … ``gain_20`` are of the
        positive class against the rest. ``accuracy``, ``precision``, ``recall``, ``f1`` use the threshold 0.5
        where k = 2; where k > 2 they follow from the likeliest class and are plain means over classes, the
        same figures as ``precision_macro``, ``recall_macro``, ``f1_macro``, which then stand beside
        ``auc_macro`` and ``average_precision_macro`` (one against the rest). Where k > 2 with no positive
        class there is no ``auc``, ``average_precision``, lift or gain; ``brier`` is over all classes and
        ``calibration_error`` that of the likeliest class.

    Raises
    ------
    DataError
        If shapes differ, a code has no column, or a probability is not finite.
    """
    y, proba = _checked_classes(y, proba)
    classes = proba.shape[1]
    positive = 1 if positive is None and classes == 2 else positive
    figures = {"log_loss": float(log_loss(y, proba, labels=range(classes))) if len(y) else NAN}
    if positive is not None:
        y01 = (y == positive).astype(np.int64)
        figures |= ranking_metrics(y01, proba[:, positive]) | _probability_metrics(y01, proba[:, positive])
    else:
        figures |= _all_class_probability_metrics(y, proba)
    if classes == 2:
        return figures | _decision_metrics(y == positive, proba[:, positive] >= 0.5)
    return figures | _macro_metrics(y, proba)


def regression_metrics(y: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """The figures of a predicted amount; ``gain_20`` is the share of all spend that the top 20 % hold.

    Parameters
    ----------
    y, prediction
        Actual and predicted amount in the label's unit, shape (n,). Lift and gain are NaN where an amount
        is negative, because a share of the total then means nothing.
    """
    y, prediction = _checked_pair(y, prediction, "prediction")
    varied = len(y) > 1 and bool(np.ptp(y) > 0)
    ranked = varied and bool(np.ptp(prediction) > 0)
    amounts = y if len(y) and y.min() >= 0 else np.zeros_like(y)
    return {
        "r2": float(r2_score(y, prediction)) if varied else NAN,
        "mae": float(mean_absolute_error(y, prediction)) if len(y) else NAN,
        "rmse": float(root_mean_squared_error(y, prediction)) if len(y) else NAN,
        "spearman": float(spearmanr(y, prediction).statistic) if ranked else NAN,
    } | _lift_and_gain(amounts, prediction)


def ranking_metrics(y01: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """The figures of a score that only ranks users, in any unit: AUC, average precision, lift and gain.

    Parameters
    ----------
    y01
        1 for the positive class, 0 for the rest, shape (n,).
    score
        Higher means likelier, shape (n,).
    """
    y01, score = _checked_pair(y01, score, "score")
    positives = y01.sum()
    both = 0 < positives < len(y01)
    return {
        "auc": float(roc_auc_score(y01, score)) if both else NAN,
        "average_precision": float(average_precision_score(y01, score)) if positives else NAN,
    } | _lift_and_gain(y01, score)


def gain_curve(value: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of all value held by the users ranked highest, against the share of users.

    Equal scores are one straight piece: the expected value over a random order of the tied users, so a
    constant score gives the diagonal.

    Returns
    -------
    tuple of arrays
        Share of users and share of value, both rising from 0 to 1; value is NaN where the total is 0.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1) if len(score) else np.array([], int)
    held = np.cumsum(value[order], dtype=np.float64)
    if not len(ends) or held[-1] <= 0:
        return np.array([0.0, 1.0]), np.array([NAN, NAN])
    return np.append(0.0, (ends + 1) / len(score)), np.append(0.0, held[ends] / held[-1])


def calibration_bins(
    y01: np.ndarray, probability: np.ndarray, bins: int = CALIBRATION_BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, observed rate and rows of each of ``bins`` bins of about equal size.

    Bin edges are quantiles of the probability, so equal probabilities share a bin and the order of the
    rows changes nothing; bins that this leaves empty are not returned.
    """
    if not len(y01):
        return np.array([]), np.array([]), np.array([], int)
    edges = np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, probability, side="left")
    rows = np.bincount(place, minlength=bins)
    filled = rows > 0
    predicted = np.bincount(place, probability, minlength=bins)[filled] / rows[filled]
    observed = np.bincount(place, y01, minlength=bins)[filled] / rows[filled]
    return predicted, observed, rows[filled]


def calibration_error(y01: np.ndarray, probability: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """The expected calibration error: mean distance of predicted and observed rate over equal-mass bins.

    Source: Naeini, Cooper & Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian
    binning, AAAI; equal-mass bins after Nixon et al. (2019), Measuring calibration in deep learning.
    """
    predicted, observed, rows = calibration_bins(y01, probability, bins)
    return float(np.average(np.abs(predicted - observed), weights=rows)) if len(rows) else NAN


def wilson_interval(share: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % score interval of observed shares, each of so many rows.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
    """
    middle = (share + Z_95**2 / (2 * rows)) / (1 + Z_95**2 / rows)
    half = Z_95 * np.sqrt(share * (1 - share) / rows + Z_95**2 / (4 * rows**2)) / (1 + Z_95**2 / rows)
    return np.maximum(0.0, middle - half), np.minimum(1.0, middle + half)


def _lift_and_gain(value: np.ndarray, score: np.ndarray) -> dict[str, float]:
    users, held = gain_curve(value, score)
    gain = {share: float(np.interp(share / 100, users, held)) for share in SHARES}
    lifts = {f"lift_{share}": gain[share] / (share / 100) for share in SHARES}
    return lifts | {f"gain_{share}": gain[share] for share in SHARES}


def _probability_metrics(y01: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    brier = float(brier_score_loss(y01, probability, pos_label=1)) if len(y01) else NAN
    return {"brier": brier, "calibration_error": calibration_error(y01, probability)}


def _all_class_probability_metrics(y: np.ndarray, proba: np.ndarray) -> dict[str, float]:
    """Brier (1950) score over all classes, 0 to 2, and top-label calibration (Guo et al., 2017, ICML)."""
    right = (proba.argmax(axis=1) == y).astype(np.int64)
    squared = ((np.eye(proba.shape[1])[y] - proba) ** 2).sum(axis=1)
    return {
        "brier": float(squared.mean()) if len(y) else NAN,
        "calibration_error": calibration_error(right, proba.max(axis=1)),
    }


def _decision_metrics(actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    if not len(actual):
        return dict.fromkeys(("accuracy", "precision", "recall", "f1"), NAN)
    precision, recall, f1, _ = precision_recall_fscore_support(
        actual, predicted, labels=[True], average=None, zero_division=NAN
    )
    figures = {"precision": precision[0], "recall": recall[0], "f1": f1[0]}
    return {"accuracy": float(accuracy_score(actual, predicted))} | {k: float(v) for k, v in figures.items()}


def _macro_metrics(y: np.ndarray, proba: np.ndarray) -> dict[str, float]:
    classes = range(proba.shape[1])
    each = [ranking_metrics((y == code).astype(np.int64), proba[:, code]) for code in classes]
    figures = {f"{name}_macro": float(np.mean([f[name] for f in each])) for name in ("auc", "average_precision")}
    figures["accuracy"] = NAN
    per_class = np.full((3, len(classes)), NAN)
    if len(y):
        predicted = proba.argmax(axis=1)
        figures["accuracy"] = float(accuracy_score(y, predicted))
        per_class = np.stack(
            precision_recall_fscore_support(y, predicted, labels=classes, average=None, zero_division=NAN)[:3]
        )
    for name, values in zip(("precision", "recall", "f1"), per_class, strict=True):
        # A plain mean, not scikit-learn's, which leaves undefined classes out and flatters the model.
        figures[name] = figures[f"{name}_macro"] = float(np.mean(values))
    return figures


def _checked_classes(y: np.ndarray, proba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, proba = np.asarray(y), np.asarray(proba, dtype=np.float64)
    if y.ndim != 1 or proba.ndim != 2 or len(y) != len(proba) or proba.shape[1] < 2:
        raise DataError(
            f"metrics: y of shape {y.shape} with probabilities of shape {proba.shape}; allowed are (n,) with "
            "(n, classes), two classes or more. Pass a probability for every class."
        )
    y = y.astype(np.int64)
    if len(y) and not 0 <= y.min() <= y.max() < proba.shape[1]:
        raise DataError(
            f"metrics: class codes {y.min()} to {y.max()}; allowed are 0 to {proba.shape[1] - 1}, one for "
            "each column of probabilities. Encode the labels with the model's own classes."
        )
    _refuse_non_finite(proba, "probabilities")
    return y, proba


def _checked_pair(y: np.ndarray, score: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    y, score = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if y.ndim != 1 or y.shape != score.shape:
        raise DataError(
            f"metrics: y of shape {y.shape} with {name} of shape {score.shape}; both must be (n,). "
            f"Pass one {name} for each row."
        )
    _refuse_non_finite(y, "y")
    _refuse_non_finite(score, name)
    return y, score


def _refuse_non_finite(values: np.ndarray, name: str) -> None:
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DataError(
            f"metrics: {name} holds {bad} missing or infinite values; all must be finite. "
            "Drop rows whose outcome is not over yet, and fill the score of rows without history."
        )
