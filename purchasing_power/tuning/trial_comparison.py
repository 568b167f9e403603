"""Figures of several models on the same folds, each with its interval and its distance from the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from purchasing_power.evaluation.bootstrap import Measure, Resampling, draws, percentiles
from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.evaluation.target_metrics import primary_metric, target_measure
from purchasing_power.model.params import ModelParams
from purchasing_power.snapshot.user_table import USER

LEVEL = 0.95


@dataclass(frozen=True)
class TrialInterval:
    """A model's primary metric, the mean over folds, and how far behind the best it is.

    Attributes
    ----------
    score, low, high
        The figure and its interval.
    behind, behind_low, behind_high
        The model minus the best one, and the interval of that; zeros for the best one itself.
    """

    score: float
    low: float
    high: float
    behind: float
    behind_low: float
    behind_high: float


def compare_trials(
    validation: CrossValidation, models: Sequence[ModelParams], replicates: int = 1000
) -> list[TrialInterval]:
    """Compare models on the rows that each fold scored.

    Users are drawn with replacement, all rows of a user together and the same draws for every model; a
    fold's figure is taken on the drawn rows, and the mean over folds makes a replicate (percentile interval).

    Source: Efron & Tibshirani (1993), An introduction to the bootstrap, chapters 8 and 13.
    """
    scored = np.concatenate([rows for _, rows in validation.folds])
    users = validation.table.frame[USER].iloc[scored]
    ends = np.cumsum([len(rows) for _, rows in validation.folds])[:-1]
    measures = [[_measure(validation, fold, one) for fold in range(len(validation.folds))] for one in models]

    def figures(weights: np.ndarray) -> np.ndarray:
        parts = np.split(weights, ends, axis=1)
        return np.stack([np.mean([of(w) for of, w in zip(each, parts, strict=True)], axis=0) for each in measures])

    whole = figures(np.ones((1, len(scored))))[:, 0]
    resampling = Resampling(replicates, validation.seed, LEVEL)
    drawn = np.concatenate([figures(weights) for weights in draws(users, len(scored), resampling)], axis=1)
    best = int(np.nanargmax(whole)) if np.isfinite(whole).any() else 0
    return [_interval(whole, drawn, place, best) for place in range(len(models))]


def _measure(validation: CrossValidation, fold: int, params: ModelParams) -> Measure:
    target, outputs = validation.target(fold), validation.outputs(fold, params)
    return target_measure(target, primary_metric(target), validation.labels(fold), outputs)


def _interval(whole: np.ndarray, drawn: np.ndarray, place: int, best: int) -> TrialInterval:
    low, high, _ = percentiles([drawn[place]], LEVEL)
    behind_low, behind_high, _ = percentiles([drawn[place] - drawn[best]], LEVEL)
    return TrialInterval(float(whole[place]), low, high, float(whole[place] - whole[best]), behind_low, behind_high)
