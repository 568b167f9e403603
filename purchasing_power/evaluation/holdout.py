"""Hold-out evaluation: what a model says of rows that it has not learned from, beside baselines on the same rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Comparison, Interval, Measure, Resampling, compare_measures
from purchasing_power.model.protocol import Model, Table

Constants = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Predictions:
    """What was predicted of some rows and what happened: all that a figure is made of.

    Attributes
    ----------
    y
        Outcome of each row, as the kind codes it; shape (n,).
    outputs
        What the model computed, shape (n,) or (n, outputs).
    baselines
        By name, what a baseline says of the same rows; of shape (1, …) where it says the same of every row.
    users
        Whom each row is about, an id or a code; rows of one user are drawn together. Shape (n,).
    """

    y: np.ndarray
    outputs: np.ndarray
    baselines: Mapping[str, np.ndarray]
    users: np.ndarray

    def baseline(self, name: str) -> np.ndarray:
        """What a baseline says of each row, shape (n, …)."""
        values = self.baselines[name]
        return np.repeat(values, len(self.y), axis=0) if len(values) == 1 else values


class EvaluatedKind(ABC):
    """What hold-out evaluation asks of a kind of model.

    Attributes
    ----------
    name
        As the registry and ``bundle.json`` have it.
    group
        Column whose rows depend on one another: the bootstrap draws them together, drift counts them once.
    """

    name: ClassVar[str]
    group: ClassVar[str] = "user_id"

    @abstractmethod
    def test_rows(self, table: Any, seed: int) -> np.ndarray:
        """Positions of the rows that the split holds out."""

    @abstractmethod
    def metrics(self, model: Any) -> tuple[str, ...]:
        """Names of the figures, the one that models are chosen by first; none for a kind without labels."""

    @abstractmethod
    def predictions(self, model: Any, rows: Any, constants: Constants) -> Predictions:
        """Predict rows of known outcome, and let the baselines predict them that need no training rows.

        Parameters
        ----------
        constants
            What the training rows alone say of anyone, by name of the baseline.
        """

    @abstractmethod
    def measure(self, model: Any, metric: str, predictions: Predictions) -> Measure:
        """A figure of the model as a function of row weights."""

    @abstractmethod
    def baseline(self, model: Any, metric: str, predictions: Predictions) -> Measure:
        """The same figure of the baseline that a model must beat."""

    def check_table(self, model: Any, table: Any) -> None:
        """Refuse, by a DataError, a table that is not of the kind that the model was trained on."""
        missing = [name for name in model.meta.features if name not in table.frame]
        if missing:
            raise DataError(
                f"{self.name}: {len(missing)} columns are missing ({', '.join(missing[:10])}); the model needs all "
                f"{len(model.meta.features)} of its features. Give a table that has them."
            )


@dataclass(frozen=True)
class HeldOutFigure:
    """A figure of a model on held-out rows, with its distance from the baseline there."""

    figure: Interval
    against_baseline: Comparison


def held_out(kind: EvaluatedKind, table: Table, models: Sequence[Model]) -> Any:
    """The table's test rows that none of the models has learned from.

    Raises
    ------
    DataError
        If no such row is left.
    """
    test = table.rows(kind.test_rows(table, models[0].training.seed))
    for model in models:
        kind.check_table(model, test)
        test = test.rows(model.unseen(test))
    if not len(test.frame):
        raise DataError(
            "held-out rows: the models were trained on every test row whose outcome is known. Take a table with later "
            "rows (for a shop a snapshot with a later last_cutoff), or wait until more outcomes are known."
        )
    return test


def evaluated(
    kind: EvaluatedKind, model: Model, metric: str, predictions: Predictions, resampling: Resampling
) -> HeldOutFigure:
    """A figure of the model and its distance from the baseline, both with their bootstrap intervals."""
    pair = kind.measure(model, metric, predictions), kind.baseline(model, metric, predictions)
    return HeldOutFigure(*compare_measures(metric, *pair, predictions.users, resampling))
