"""What a kind of model is handed: a training run, a case at the gate, an evaluation to be reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from purchasing_power.evaluation.bootstrap import Comparison, Interval, Resampling
from purchasing_power.evaluation.holdout import Predictions


@dataclass(frozen=True)
class FitOptions:
    """What a training run is asked for.

    Attributes
    ----------
    params
        JSON file of the model's parameters; ``None`` for the kind's defaults.
    target, positive
        What to predict, for a kind that leaves a choice.
    folds
        Folds of the cross-validation that is logged beside the model; 0 leaves it out.
    fold_scores
        JSON file of a study's scores of these parameters, taken over where they are of the same table, folds,
        target and seed; ``None`` to fit the folds.
    workspace
        Folder of caches and checkpoints.
    """

    params: Path | None
    target: str
    positive: str
    folds: int
    seed: int
    workspace: Path
    fold_scores: Path | None = None


class FitLog(Protocol):
    """What a training run tells while it is at work."""

    def params(self, values: Mapping[str, object]) -> None:
        """The resolved parameters of the model, by name."""

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """A figure, such as a loss at a step."""

    def part(self) -> None:
        """One part of the work is done."""


@dataclass(frozen=True)
class GateCase:
    """What a kind's own checks may look at, beside the figure that the gate compares.

    Attributes
    ----------
    champion, champion_outputs
        The model in production, and what it computes for the rows; ``None`` for the first version.
    predictions
        What the challenger says of the rows; ``None`` for a kind without labels.
    slice_users
        Fewest users of a slice.
    """

    challenger: Any
    champion: Any
    rows: Any
    predictions: Any
    champion_outputs: Any
    metric: str
    slice_users: int
    resampling: Resampling


@dataclass(frozen=True)
class Evaluated:
    """A model on held-out rows: what its evaluation report is made of.

    Attributes
    ----------
    rows
        The held-out rows.
    figures
        Every figure of ``"model"`` and of each baseline, by name.
    intervals
        Bootstrap intervals of the model's figures, by name, of those that have one.
    against_baseline
        Paired comparison of the first figure with the baseline.
    """

    model: Any
    rows: Any
    predictions: Predictions
    figures: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Interval]
    against_baseline: Comparison
