"""Whether predicted probabilities come true, beside what chance does to probabilities that would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from purchasing_power.evaluation.metrics import calibration_error
from purchasing_power.snapshot.target import Target

DRAWS, QUANTILE = 200, 0.95


@dataclass(frozen=True)
class CalibrationEvidence:
    """Expected calibration error of the challenger on the evaluation rows.

    Attributes
    ----------
    error
        Mean distance of predicted and observed rate over ten bins of equal size.
    by_chance
        What a perfectly calibrated model stays under on as many rows in 95 of 100 cases.
    rows
        How many rows.
    """

    error: float
    by_chance: float
    rows: int


def calibration_evidence(
    target: Target, y: np.ndarray, outputs: np.ndarray, seed: int
) -> CalibrationEvidence | None:
    """Calibration of the positive class, or of the likeliest class where none is positive; ``None`` for amounts.

    Parameters
    ----------
    y
        Class codes, shape (n,).
    outputs
        Class probabilities, shape (n, classes).

    Source: resampled outcomes after Bröcker & Smith (2007), Increasing the reliability of reliability diagrams.
    """
    if target.task == "regression":
        return None
    if target.positive is None:
        probability, came = outputs.max(axis=1), (outputs.argmax(axis=1) == y).astype(np.int64)
    else:
        probability, came = outputs[:, target.positive], (y == target.positive).astype(np.int64)
    rng = np.random.default_rng(seed)
    drawn = [
        calibration_error((rng.random(len(y)) < probability).astype(np.int64), probability)
        for _ in range(DRAWS)
    ]
    return CalibrationEvidence(
        calibration_error(came, probability), float(np.quantile(drawn, QUANTILE)), len(y)
    )
