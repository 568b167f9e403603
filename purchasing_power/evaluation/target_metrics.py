"""Figures by target: which ones a target has, the one that models are chosen by, and the form each takes."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Measure, MetricName, weighted_metric
from purchasing_power.snapshot.target import Target

METRICS = ("average_precision", "auc", "auc_macro", "r2", "neg_mae", "neg_log_loss")


def primary_metric(target: Target) -> MetricName:
    """Name of the figure a model is chosen by.

    ``average_precision`` of the positive class, ``auc_macro`` (one against the rest) where no class is
    positive, ``r2`` for a regression.
    """
    if target.task == "regression":
        return "r2"
    return "auc_macro" if target.positive is None else "average_precision"


def primary_score(target: Target, y: np.ndarray, outputs: np.ndarray) -> float:
    """The primary metric; NaN where the rows hold a single class."""
    metric = primary_metric(target)
    if metric == "r2":
        return float(r2_score(y, outputs))
    if metric == "auc_macro":
        present = [code for code in range(outputs.shape[1]) if 0 < (y == code).sum() < len(y)]
        return float(np.mean([roc_auc_score(y == code, outputs[:, code]) for code in present]))
    positive = y == target.positive
    return float(average_precision_score(positive, outputs[:, int(target.positive or 0)])) if positive.any() else np.nan


def target_metrics(target: Target) -> tuple[str, ...]:
    """Every figure that a target has, the one that models are chosen by first."""
    if target.task == "regression":
        return "r2", "neg_mae"
    if target.positive is None:
        return "auc_macro", "neg_log_loss"
    return "average_precision", "auc", "calibration_error", "lift_10"


def check_metric(target: Target, metric: str) -> None:
    """Refuse a metric that does not fit the target.

    Raises
    ------
    DataError
        With those that do.
    """
    amounts = target.task == "regression"
    if metric not in METRICS or amounts != (metric in ("r2", "neg_mae")):
        allowed = "r2, neg_mae" if amounts else "average_precision, auc, auc_macro, neg_log_loss"
        raise DataError(f"metric: got {metric!r} for a {target.task} target; allowed are auto, {allowed}.")
    if not amounts and metric not in ("auc_macro", "neg_log_loss") and target.positive is None:
        raise DataError(
            f"metric: {metric} needs a positive class, and none was named. Use auto, auc_macro or neg_log_loss."
        )


def target_measure(target: Target, metric: str, y: np.ndarray, outputs: np.ndarray) -> Measure:
    """A figure of outputs as a function of row weights.

    Parameters
    ----------
    y
        Class codes or amounts, shape (n,).
    outputs
        Class probabilities (n, classes), amounts (n,), or a ranking score (n,) for the metrics of a positive class.
    """
    if metric in ("r2", "neg_mae", "auc_macro", "neg_log_loss"):
        return weighted_metric(metric, y, outputs)  # type: ignore[arg-type]
    score = outputs if outputs.ndim == 1 else outputs[:, int(target.positive or 0)]
    return weighted_metric(metric, (y == target.positive).astype(np.int64), score)  # type: ignore[arg-type]
