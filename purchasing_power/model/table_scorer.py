"""Heads on the feature matrix, and their scorer: tabular columns and text representations side by side."""

from __future__ import annotations

import json
import shutil
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from scipy import sparse

from purchasing_power.model import skops_files
from purchasing_power.model.bundle_files import ENCODER, ESTIMATOR, FEATURES, WARM, encoder_block, open_encoder_block
from purchasing_power.model.imbalance import check_imbalance, resampled
from purchasing_power.model.params import MATRIX, Head, ModelParams
from purchasing_power.model.scorer import Curve, Fitting
from purchasing_power.snapshot.user_table import UserTableMeta
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore, vectors

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

CENTRE = "centre.safetensors"
Matrix: TypeAlias = np.ndarray | sparse.csr_matrix


@dataclass(frozen=True)
class MatrixFitting:
    """What a head on the feature matrix is fitted with beside the matrix and its labels.

    Attributes
    ----------
    params
        The parameters that the head is part of.
    task, classes, seed, threads, curve
        As :class:`~purchasing_power.model.scorer.Fitting` has them.
    """

    params: ModelParams
    task: str
    classes: int
    seed: int = 0
    threads: int = 0
    curve: Curve | None = None


class MatrixHead(Head):
    """A head that is fitted on the feature matrix.

    What it fits is an estimator of scikit-learn, unless it overrides how that is scored, written and read.
    """

    reads = MATRIX

    @abstractmethod
    def fit_estimator(self, X: Matrix, y: np.ndarray, fitting: MatrixFitting) -> Any:
        """Fit on labels that the head and the loss can fit; see :meth:`fit_matrix`."""

    def fit_matrix(self, X: Matrix, y: np.ndarray, fitting: MatrixFitting) -> Any:
        """Fit the head.

        Parameters
        ----------
        X
            Feature matrix, shape (n_rows, n_columns), dense or sparse.
        y
            Class codes 0..classes-1, or amounts for a regression; shape (n_rows,).

        Raises
        ------
        DataError
            If head or loss does not go with the labels.
        """
        fitting.params.check_labels(y, fitting.task)
        return self.fit_estimator(X, y, fitting)

    def raw(self, fitted: Any, X: Matrix) -> np.ndarray:
        """Uncalibrated scores: shape (n_rows,) for two classes and a regression, else (n_rows, classes)."""
        return (fitted.decision_function if hasattr(fitted, "decision_function") else fitted.predict)(X)

    def log_link(self, fitted: Any) -> bool:
        """Whether what is summed up to a score is the logarithm of an amount, as in Tweedie models."""
        return False

    def write(self, fitted: Any, folder: Path) -> None:
        """Write what :meth:`read` reads."""
        skops_files.dump(fitted, folder / ESTIMATOR)

    def read(self, folder: Path) -> Any:
        """Read what was fitted; nothing in the folder is run."""
        return skops_files.load(folder / ESTIMATOR, self.trusted)

    def fit(self, params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> TableScorer:
        """Fit the feature blocks and the head on the same rows; only the head's rows are resampled."""
        # A server names heads and computes without scikit-learn.
        from purchasing_power.model.features import transformer

        params.check_labels(fitting.y, fitting.task)
        check_imbalance(params, fitting.task)
        features = transformer(params, meta, fitting.seed, fitting.store)
        X = features.fit_transform(fitting.frame, fitting.y)
        centre = np.asarray(X.mean(axis=0), np.float64).ravel()
        seed = fitting.reseeded(params.seed).seed
        X, y = resampled(params, X, fitting.y, fitting.task, seed)
        matrix = MatrixFitting(params, fitting.task, fitting.classes, seed, fitting.threads, fitting.curve)
        return TableScorer(params, features, self.fit_matrix(X, y, matrix), centre)

    def load(self, folder: Path, params: ModelParams, meta: UserTableMeta) -> TableScorer:
        """Load what :meth:`TableScorer.save` wrote."""
        features = skops_files.load(folder / FEATURES)
        open_encoder_block(features, folder)
        return TableScorer(params, features, self.read(folder), load_file(folder / CENTRE)["centre"])


@dataclass(frozen=True)
class TableScorer:
    """Fitted feature blocks and the head on their matrix.

    Attributes
    ----------
    fitted
        What the head fitted.
    centre
        Means of the fitted rows' matrix, float64, shape (n_columns,): what an explanation compares with.
    """

    params: ModelParams
    features: ColumnTransformer
    fitted: Any
    centre: np.ndarray

    @property
    def head(self) -> MatrixHead:
        """The head that was fitted."""
        return cast(MatrixHead, self.params.head)

    def matrix(self, frame: pd.DataFrame) -> Matrix:
        """Feature matrix of prepared rows, shape (n_rows, n_columns)."""
        return self.features.transform(frame)

    def scores(self, X: Matrix) -> np.ndarray:
        """Uncalibrated scores of rows of the matrix; see :meth:`MatrixHead.raw`."""
        return self.head.raw(self.fitted, X)

    def margins(self, X: Matrix) -> np.ndarray:
        """What an explanation's parts add up to: the raw scores, or their logarithm for a head with a log link."""
        raw = self.scores(X)
        return np.log(raw) if self.log_link else raw

    @property
    def log_link(self) -> bool:
        """Whether the margins are logarithms of amounts."""
        return self.head.log_link(self.fitted)

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Uncalibrated scores; see :class:`~purchasing_power.model.scorer.Scorer`."""
        return self.scores(self.matrix(frame))

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write features and head to ``folder``, and the encoder beside it, where members of a blend share it."""
        skops_files.dump(self.features, folder / FEATURES)
        self.head.write(self.fitted, folder)
        save_file({"centre": self.centre}, folder / CENTRE)
        block = encoder_block(self.features)
        if block is not None:
            # Where the block reads it now: what the parameters name may lie on another machine.
            encoder = Encoder.open(block.encoder)
            home = folder.parent / f"encoder-{encoder.store_key}"
            if not home.exists():
                encoder.save(home)
            if block.warm_store is not None and Path(block.warm_store).is_dir():
                shutil.copytree(block.warm_store, folder.parent / WARM, dirs_exist_ok=True)
            if warm_texts:
                values = vectors(encoder, warm_texts, VectorStore(store))
                VectorStore(folder.parent / WARM).put(encoder.store_key, warm_texts, values)
            (folder / ENCODER).write_text(json.dumps({"folder": home.name, "runtime": encoder.precision}))


def stacked(parts: Sequence[Any], weights: Sequence[float] = ()) -> Matrix:
    """Blocks side by side, each times its weight, as a ColumnTransformer gives them: sparse where one of them is."""
    if set(weights) - {1.0}:
        parts = [part * weight for part, weight in zip(parts, weights, strict=True)]
    if any(sparse.issparse(part) for part in parts):
        return sparse.hstack([sparse.csr_matrix(part) for part in parts], format="csr")
    return np.concatenate(parts, axis=1)
