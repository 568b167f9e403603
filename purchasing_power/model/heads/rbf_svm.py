"""Support vector machines with an RBF kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from purchasing_power.model.heads import svm
from purchasing_power.model.heads.svm import Svm
from purchasing_power.model.imbalance import class_weight
from purchasing_power.model.params import Draw, Range, above_zero, not_negative
from purchasing_power.model.table_scorer import Matrix, MatrixFitting, MatrixHead

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

# An exact kernel machine takes time with the square of the rows: beyond these its kernel is approximated.
KERNEL_ROWS = 10_000
LANDMARKS = 500


@dataclass(frozen=True)
class RbfSvm(MatrixHead):
    """A support vector machine with an RBF kernel; on many rows a linear one on features of the kernel.

    Attributes
    ----------
    C
        Inverse strength of regularisation.
    gamma
        Width of the kernel, 0 for scikit-learn's ``"scale"``.

    Source: Williams & Seeger (2001), Using the Nystroem method to speed up kernel machines, NeurIPS 13.
    """

    name = "rbf_svm"
    explained = "kernel"
    trusted = (
        *Svm.trusted,
        "sklearn.compose._target.TransformedTargetRegressor",
        "sklearn.kernel_approximation.Nystroem",
        "sklearn.svm._classes.SVC",
        "sklearn.svm._classes.SVR",
    )

    C: float = above_zero(0.1)
    gamma: float = not_negative(0.0)

    @classmethod
    def search(cls, draw: Draw, wide: bool) -> None:
        draw("C", Range(0.1, 100.0, 1.0, log=True), name="rbf_svm.C")
        draw("gamma", Range(1e-4, 0.1, 0.01, log=True))

    def fit_estimator(self, X: Matrix, y: np.ndarray, fitting: MatrixFitting) -> BaseEstimator:
        """Fit the exact machine, or on more than ``KERNEL_ROWS`` rows one on ``LANDMARKS`` Nystroem features."""
        gamma = self.gamma or _scale(X)
        if fitting.task == "regression":
            return self._of_amounts(X, gamma, fitting.seed).fit(X, y)
        weight = class_weight(fitting.params)
        if X.shape[0] <= KERNEL_ROWS:
            from sklearn.svm import SVC

            return SVC(C=self.C, gamma=gamma, class_weight=weight).fit(X, y)
        linear = svm.machine(self.C, (X.shape[0], LANDMARKS), fitting.seed, weight)
        pipeline = _approximated(linear, gamma, fitting.seed)
        svm.fitted(linear, pipeline[:-1].fit_transform(X, y), y)
        return pipeline

    def _of_amounts(self, X: Matrix, gamma: float, seed: int) -> BaseEstimator:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVR

        exact = X.shape[0] <= KERNEL_ROWS
        linear = svm.machine_of_amounts(self.C, (X.shape[0], LANDMARKS), seed)
        machine = SVR(C=self.C, gamma=gamma) if exact else _approximated(linear, gamma, seed)
        # C bounds each row's pull in units of the amount, so amounts are brought to unit size.
        return TransformedTargetRegressor(machine, transformer=StandardScaler())


def _approximated(linear: Any, gamma: float, seed: int) -> Pipeline:
    from sklearn.kernel_approximation import Nystroem
    from sklearn.pipeline import make_pipeline

    return make_pipeline(Nystroem(gamma=gamma, n_components=LANDMARKS, random_state=seed), linear)


def _scale(X: Any) -> float:
    """scikit-learn's gamma="scale": 1 / (columns * variance of all values)."""
    from scipy import sparse

    square, mean = (X.multiply(X).mean(), X.mean()) if sparse.issparse(X) else ((X**2).mean(), X.mean())
    return float(1 / (X.shape[1] * max(square - mean**2, np.finfo(np.float32).tiny)))
