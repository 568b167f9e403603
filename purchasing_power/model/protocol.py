"""What every kind of model and its table have in common, so that one spine serves all of them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd


class TableMeta(Protocol):
    """What the columns of a table are."""

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numeric feature columns."""

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the categorical feature columns."""

    @property
    def features(self) -> tuple[str, ...]:
        """Numeric, then categorical names."""

    @property
    def meanings(self) -> dict[str, str]:
        """What a feature says, in one sentence, where that is known."""


class Table(Protocol):
    """Rows that a kind learns from and predicts, one per unit; the user table is the first of them."""

    @property
    def frame(self) -> pd.DataFrame:
        """The rows; the index is 0..n-1."""

    @property
    def meta(self) -> Any:
        """A :class:`TableMeta`, with whatever else the kind knows of its columns."""

    def rows(self, index: np.ndarray) -> Any:
        """The same with the rows at the given positions, in that order."""

    def digest(self) -> str:
        """Hex digest of the rows' content and their order."""


class Model(Protocol):
    """A fitted model, whatever its kind."""

    @property
    def training(self) -> Any:
        """What it has seen, and whatever else the kind notes of it.

        ``digest`` of its table, ``seed``, ``known_until`` (ISO date at which the last outcome that it learned from
        ended, ``None`` without time), and ``to_dict()`` as JSON takes it.
        """

    @property
    def meta(self) -> Any:
        """A :class:`TableMeta` of the table that it was trained on."""

    def outputs(self, frame: pd.DataFrame) -> np.ndarray:
        """What it computes for each row, shape (n_rows,) or (n_rows, outputs)."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same as people read it: a row per unit with the columns that a reply has."""

    def unseen(self, table: Any) -> np.ndarray:
        """Positions of the rows of a table that it has learned nothing from."""
