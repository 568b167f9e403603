"""The columns of a prediction: score, tier, class, probabilities, expected spend."""

from __future__ import annotations

import numpy as np

from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.target_choice import TIER, TIER_QUANTILES, TIERS


def prediction_columns(target: Target, score_levels: tuple[float, ...], outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of a prediction, without the user; shape (n_rows,) each.

    Parameters
    ----------
    score_levels
        Scores at which the next tier begins; the likeliest of three predicted tiers needs none.
    outputs
        Calibrated class probabilities, shape (n_rows, classes), or amounts, shape (n_rows,).
    """
    columns: dict[str, np.ndarray] = {}
    if target.positive is not None or target.task == "regression":
        score = ranking_score(target, outputs)
        # The likeliest of four is none for nearly everyone: there, each tier is given to the share that it has.
        likeliest = target.name == TIER and target.classes == TIERS
        tier = outputs.argmax(axis=1) if likeliest else np.searchsorted(score_levels, tier_score(target, outputs))
        columns |= {"score": score, "tier": np.asarray(tier_names(target), object)[tier]}
    if target.task != "regression":
        columns["predicted"] = np.asarray(target.classes, object)[outputs.argmax(axis=1)]
        columns |= {f"probability_{name}": outputs[:, code] for code, name in enumerate(target.classes)}
    if target.name == "spend":
        columns["expected_spend"] = outputs
    elif target.class_spend:
        # Each tier's mean over the training rows, weighted by its probability.
        columns["expected_spend"] = outputs @ np.asarray(target.class_spend)
    return columns


def tier_names(target: Target) -> tuple[str, ...]:
    """The tiers that predictions of a target may have, the lowest first."""
    return target.classes if target.name == TIER else TIERS


def tier_score(target: Target, outputs: np.ndarray) -> np.ndarray:
    """What tells the tiers of rows, shape (n_rows,): of four the probability of high, else the score."""
    four = target.name == TIER and target.classes != TIERS
    return outputs[:, -1] if four else ranking_score(target, outputs)


def tier_levels(target: Target, outputs: np.ndarray) -> tuple[float, ...]:
    """Scores (see :func:`tier_score`) at which the next tier begins, from the outputs of the calibration rows.

    Where spend tells the tiers they are its thresholds. Of four tiers each gets the share of the scores that it has
    of the training rows; else middle and high are what lies above the quantiles 0.5 and 0.8.
    """
    scores = tier_score(target, outputs)
    if target.name == TIER and target.classes != TIERS:
        return tuple(float(one) for one in np.quantile(scores, np.cumsum(target.class_share)[:-1]))
    return target.thresholds or tuple(float(one) for one in np.quantile(scores, TIER_QUANTILES))


def ranking_score(target: Target, outputs: np.ndarray) -> np.ndarray:
    """Amounts, or probabilities of the positive class, or of each row's likeliest class; shape (n_rows,)."""
    if target.task == "regression":
        return outputs
    return outputs.max(axis=1) if target.positive is None else outputs[:, target.positive]
