"""Linear support vector machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from purchasing_power.model.draws import Draw, Range
from purchasing_power.model.imbalance import class_weight
from purchasing_power.model.params import above_zero
from purchasing_power.model.table_scorer import Matrix, MatrixFitting, MatrixHead

if TYPE_CHECKING:
    from sklearn.svm import LinearSVC, LinearSVR

# From here on liblinear finds a linear SVM on dense columns eight times sooner by Newton steps than by its dual's
# coordinates.
WEAK_C = 0.01
# liblinear's own is 0.01; from here on scores keep their fifth decimal.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Svm(MatrixHead):
    """A linear support vector machine: squared hinge loss for classes, squared epsilon-insensitive loss for amounts.

    Attributes
    ----------
    C
        Inverse strength of regularisation.
    """

    name: ClassVar[str] = "svm"
    linear: ClassVar[bool] = True
    explained: ClassVar[str] = "linear"
    trusted: ClassVar[tuple[str, ...]] = ("sklearn.svm._classes.LinearSVC", "sklearn.svm._classes.LinearSVR")

    C: float = above_zero(0.1)

    @classmethod
    def search(cls, draw: Draw, wide: bool) -> None:
        """Draw the settings of a trial: beyond 0.1 a linear SVM on dense columns gains nothing."""
        dense, terms = Range(1e-4, 0.1, 1e-3, log=True), Range(1e-3, 3.0, 0.1, log=True)
        draw("C", terms if wide else dense, name="svm.C")

    def fit_estimator(self, X: Matrix, y: np.ndarray, fitting: MatrixFitting) -> LinearSVC | LinearSVR:
        """Fit by liblinear, or by Newton steps on few dense columns."""
        if fitting.task == "regression":
            return machine_of_amounts(self.C, X.shape, fitting.seed).fit(X, y)
        return fitted(machine(self.C, X.shape, fitting.seed, class_weight(fitting.params)), X, y)


def machine(C: float, shape: tuple[int, ...], seed: int, weight: str | None) -> LinearSVC:
    """An unfitted machine for classes on a matrix of a shape."""
    from sklearn.svm import LinearSVC

    dual = _dual(C, shape)
    return LinearSVC(C=C, dual=dual, tol=TOLERANCE, class_weight=weight, max_iter=5_000, random_state=seed)


def machine_of_amounts(C: float, shape: tuple[int, ...], seed: int) -> LinearSVR:
    """An unfitted machine for amounts on a matrix of a shape."""
    from sklearn.svm import LinearSVR

    loss, dual = "squared_epsilon_insensitive", _dual(C, shape)
    return LinearSVR(C=C, loss=loss, dual=dual, tol=TOLERANCE, max_iter=5_000, random_state=seed)


def fitted(unfitted: LinearSVC, X: Any, y: np.ndarray) -> LinearSVC:
    """The machine, fitted: on few dense columns by Newton steps, which take a fraction of liblinear's time."""
    from purchasing_power.model.heads import newton_svm

    if isinstance(X, np.ndarray) and X.shape[1] <= newton_svm.MOST_COLUMNS:
        return newton_svm.fit(unfitted, X, y)
    return unfitted.fit(X, y)


def _dual(C: float, shape: tuple[int, ...]) -> bool:
    """Whether liblinear solves the dual: the same optimum, found sooner where columns are many or ``C`` is small."""
    return shape[1] > shape[0] or C < WEAK_C
