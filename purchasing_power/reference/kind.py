"""What reference statistics, and later comparisons with them, ask of a kind of model."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd

from purchasing_power.evaluation.holdout import Constants, EvaluatedKind, Predictions
from purchasing_power.reference.columns import ComparedColumns


class ReferenceKind(EvaluatedKind, Protocol):
    """The part of a kind that its versions are monitored by."""

    def constants(self, model: Any, table: Any) -> Constants:
        """What the training rows alone say of anyone, by name of the baseline; each of shape (1, …)."""

    def known_outcomes(self, table: Any) -> np.ndarray:
        """Positions of the rows whose outcome is known."""

    def keys(self, table: Any) -> np.ndarray:
        """A uint64 for each row, equal for the same unit."""

    def moments(self, table: Any) -> pd.Series | None:
        """When each row stands, such as its cutoff; ``None`` for a table without time."""

    def has_cutoffs(self, table: Any) -> bool:
        """Whether rows stand at a few moments, many at each: then a window is one of them."""

    def reference_rows(self, model: Any, table: Any) -> np.ndarray:
        """Positions of the training rows that later rows are compared with."""

    def score_rows(self, model: Any, table: Any) -> np.ndarray:
        """Positions of the rows whose predictions later ones are compared with: known, but not fitted on."""

    def watched_columns(self, model: Any, table: Any) -> ComparedColumns:
        """Columns that are watched for drift, numbers as float64 and categories as object strings."""

    def watched_predictions(self, predictions: pd.DataFrame) -> ComparedColumns:
        """Columns of predictions that are watched, the one that the verdict on the scores rests on first."""

    def importance(self, model: Any, table: Any, seed: int) -> dict[str, float]:
        """Feature importance of each column as a share, 0 to 1; sums to 1."""

    def text_vectors(self, model: Any, frame: pd.DataFrame) -> np.ndarray | None:
        """What the model makes of each row's documents, shape (n_rows, dimension); ``None`` where it reads none."""

    def anonymous(self, model: Any, predictions: Predictions) -> Predictions:
        """The same without a user: codes from 0 on, and no more of a baseline than its figures need."""
