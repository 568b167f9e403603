"""The columns of a prediction: score, tier, class, probabilities, expected spend."""

from __future__ import annotations

import numpy as np

from purchasing_power.snapshot.target import TIERS, Target


def prediction_columns(target: Target, score_levels: tuple[float, ...], outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of a prediction, without the user; shape (n_rows,) each.

    Parameters
    ----------
    score_levels
        Scores between which the tier is middle.
    outputs
        Calibrated class probabilities, shape (n_rows, classes), or amounts, shape (n_rows,).
    """
    columns: dict[str, np.ndarray] = {}
    if target.positive is not None or target.task == "regression":
        score = ranking_score(target, outputs)
        tier = outputs.argmax(axis=1) if target.name == "tier" else np.searchsorted(score_levels, score)
        columns |= {"score": score, "tier": np.asarray(TIERS, object)[tier]}
    if target.task != "regression":
        columns["predicted"] = np.asarray(target.classes, object)[outputs.argmax(axis=1)]
        columns |= {f"probability_{name}": outputs[:, code] for code, name in enumerate(target.classes)}
    if target.name == "spend":
        columns["expected_spend"] = outputs
    elif target.class_spend:
        # Each tier's mean over the training rows, weighted by its probability.
        columns["expected_spend"] = outputs @ np.asarray(target.class_spend)
    return columns


def ranking_score(target: Target, outputs: np.ndarray) -> np.ndarray:
    """Amounts, or probabilities of the positive class, or of each row's likeliest class; shape (n_rows,)."""
    if target.task == "regression":
        return outputs
    return outputs.max(axis=1) if target.positive is None else outputs[:, target.positive]
