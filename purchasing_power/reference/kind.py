"""What reference statistics, and later comparisons with them, ask of a kind of model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.evaluation.holdout import EvaluatedKind, Predictions
from purchasing_power.reference.columns import ComparedColumns, as_strings, feature_columns


class ReferenceKind(EvaluatedKind):
    """The part of a kind that its versions are monitored by."""

    @abstractmethod
    def known_outcomes(self, table: Any) -> np.ndarray:
        """Positions of the rows whose outcome is known."""

    @abstractmethod
    def keys(self, table: Any) -> np.ndarray:
        """A uint64 for each row, equal for the same unit."""

    def constants(self, model: Any, table: Any) -> Mapping[str, np.ndarray]:
        """What the training rows alone say of anyone, by name of the baseline; each of shape (1, …)."""
        return {}

    def moments(self, table: Any) -> pd.Series | None:
        """When each row stands, such as its cutoff; ``None`` for a table without time."""
        return None

    def has_cutoffs(self, table: Any) -> bool:
        """Whether rows stand at a few moments, many at each: then a window is one of them."""
        return False

    def reference_rows(self, model: Any, table: Any) -> np.ndarray:
        """Positions of the training rows that later rows are compared with: all that the model has learned from."""
        return np.setdiff1d(np.arange(len(table.frame)), model.unseen(table))

    def score_rows(self, model: Any, table: Any) -> np.ndarray:
        """Positions of the rows whose predictions later ones are compared with: known, but not fitted on."""
        return self.test_rows(table, model.training.seed)

    def watched_columns(self, model: Any, table: Any) -> ComparedColumns:
        """Columns that are watched for drift, numbers as float64 and categories as object strings.

        The features, and of texts how many and how long they are.
        """
        return feature_columns(table.frame, model.meta)

    def watched_predictions(self, predictions: pd.DataFrame) -> ComparedColumns:
        """Columns of predictions that are watched, the one that the verdict on the scores rests on first."""
        return {
            str(name): column.astype(np.float64) if pd.api.types.is_numeric_dtype(column) else as_strings(column)
            for name, column in predictions.items()
            if name != self.group
        }

    def importance(self, model: Any, table: Any, seed: int) -> dict[str, float]:
        """Feature importance of each column as a share, 0 to 1, sums to 1; the same for every feature if unknown."""
        names = model.meta.features
        return dict.fromkeys(names, 1 / len(names))

    def text_vectors(self, model: Any, frame: pd.DataFrame) -> np.ndarray | None:
        """What the model makes of each row's documents, shape (n_rows, dimension); ``None`` where it reads none."""
        return None

    def anonymous(self, model: Any, predictions: Predictions) -> Predictions:
        """The same without a user: codes from 0 on, and no more of a baseline than its figures need."""
        return replace(predictions, users=pd.factorize(predictions.users)[0].astype(np.int64))
