"""Checks that a kind of model may ask of its versions: calibration, slices, stability, shift against production."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from purchasing_power.evaluation.bootstrap import Interval
from purchasing_power.evaluation.metrics import calibration_error
from purchasing_power.evaluation.slices import SliceComparison
from purchasing_power.gates.decision import Check
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


def calibration_evidence(target: Target, y: np.ndarray, outputs: np.ndarray, seed: int) -> CalibrationEvidence | None:
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
    drawn = [calibration_error((rng.random(len(y)) < probability).astype(np.int64), probability) for _ in range(DRAWS)]
    return CalibrationEvidence(calibration_error(came, probability), float(np.quantile(drawn, QUANTILE)), len(y))


def calibration_check(found: CalibrationEvidence | None, ceiling: float) -> Check:
    """Refuses an expected calibration error above the ceiling that chance on so few rows does not explain."""
    if found is None:
        return Check("calibration", True, "Calibration is not measured: no probability was given.")
    figures = (
        f"Calibration error {found.error:.4f} on {found.rows:,} rows "
        f"(a perfectly calibrated model stays under {found.by_chance:.4f}), ceiling {ceiling:g}"
    )
    if found.error <= ceiling:
        return Check("calibration", True, f"{figures}.")
    if found.error <= found.by_chance:
        return Check("calibration", True, f"{figures}: above the ceiling, but no more than chance on so few rows.")
    return Check("calibration", False, f"{figures}: the probabilities do not come true.")


def slices_check(slices: tuple[SliceComparison, ...] | None, margin: float) -> Check:
    """Refuses a version that is worse in a slice by more than the margin, with an interval wholly below 0."""
    if slices is None:
        return Check("slices", True, "No slice is compared: the user table has no categorical profile column.")
    worse = [one for one in slices if one.comparison.difference < -margin and one.comparison.high < 0]
    if worse:
        named = "; ".join(
            f"{one.column} {one.value} by {-one.comparison.difference:.4f} (interval {one.comparison.low:+.4f} to "
            f"{one.comparison.high:+.4f}, {one.users:,} users)"
            for one in worse
        )
        text = f"Worse by more than {margin:g} in {len(worse)} of {len(slices)} slices: {named}."
        return Check("slices", False, text)
    text = f"None of {len(slices)} profile slices is clearly worse by more than {margin:g}."
    return Check("slices", True, text)


def stability_check(agreement: Interval, least: float) -> Check:
    """Refuses a model without labels whose results change too much when it is fitted on resampled rows.

    Parameters
    ----------
    agreement
        Agreement (1 is the same result) of models fitted on bootstrap samples with the version, with its interval.
    least
        Least lower bound.
    """
    text = (
        f"Fitted again on resampled rows it agrees with itself by {agreement.value:.3f} ({agreement.level:.0%} "
        f"interval {agreement.low:.3f} to {agreement.high:.3f}); at least {least:g} is required."
    )
    return Check("stability", agreement.low >= least, text)


def shift_check(moved: float | None, most: float) -> Check:
    """Refuses a model without labels that gives too many units another result than the version in production.

    Parameters
    ----------
    moved
        Share of units, 0 to 1, whose result differs; ``None`` where nothing is in production.
    """
    if moved is None:
        return Check("shift", True, "No version is in production yet: nothing can shift.")
    text = f"{moved:.1%} of the units get another result than from production; up to {most:.0%} are allowed."
    return Check("shift", moved <= most, text)
