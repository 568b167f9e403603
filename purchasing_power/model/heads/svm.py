"""Linear support vector machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from purchasing_power.model.imbalance import class_weight
from purchasing_power.model.params import Draw, Range, above_zero
from purchasing_power.model.table_scorer import Matrix, MatrixFitting, MatrixHead

if TYPE_CHECKING:
    from sklearn.svm import LinearSVC, LinearSVR

# From here on liblinear finds a linear SVM on dense columns eight times sooner by Newton steps than by its dual's
# coordinates.
WEAK_C = 0.01
# liblinear's own is 0.01; from here on scores keep their fifth decimal.
TOLERANCE = 1e-3
# A Newton step factors a square matrix of this many rows at most.
MOST_COLUMNS = 1_000
# Share of the first gradient's length at which Newton steps end.
GRADIENT = 1e-6


@dataclass(frozen=True)
class Svm(MatrixHead):
    """A linear support vector machine: squared hinge loss for classes, squared epsilon-insensitive loss for amounts.

    Attributes
    ----------
    C
        Inverse strength of regularisation.
    """

    name = "svm"
    linear = True
    explained = "linear"
    trusted = ("sklearn.svm._classes.LinearSVC", "sklearn.svm._classes.LinearSVR")

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
    if isinstance(X, np.ndarray) and X.shape[1] <= MOST_COLUMNS:
        return newton_fit(unfitted, X, y)
    return unfitted.fit(X, y)


def newton_fit(machine: LinearSVC, X: np.ndarray, y: np.ndarray) -> LinearSVC:
    """Fit a machine with squared hinge loss to the optimum that liblinear looks for, by scipy's ``trust-exact``.

    scikit-learn offers liblinear alone for this loss. liblinear reads a dense matrix as a sparse one and takes
    conjugate gradients, of which correlated columns need hundreds; a Newton step over some hundred columns is one
    small factorisation. Time of liblinear (the faster of its primal and dual at ``tol=1e-3``) over time of this, on
    one thread: on the demo's matrix (21,232 rows, 214 columns, 3 tiers) 0.7, 1.5, 9.4 and 16.7 for ``C`` of 1e-4,
    1e-3, 1e-2 and 0.1, where its scores are still up to 0.1 off the optimum; on a flat file of 50,999 rows and 51
    columns 3.8 to 5.7; on one of 7,766 rows and 300 columns of TF-IDF 0.7 to 0.9. On the demo's matrix scipy's
    ``trust-ncg`` and ``Newton-CG`` take 1.3 to 3.6 times as long with the same Hessian, 2.4 to 30 times with
    products alone.

    Parameters
    ----------
    machine
        Its ``C`` and ``class_weight`` count. As in liblinear, the intercept is regularised too.
    X
        Shape (n_rows, n_columns).
    y
        Class codes, two kinds or more, shape (n_rows,).

    Raises
    ------
    ValueError
        As scikit-learn's machine does: without rows or columns, with values that are not finite, of one class alone.

    Source: Keerthi & DeCoste (2005), A modified finite Newton method for fast solution of large scale linear SVMs,
    JMLR 6.
    """
    from sklearn.utils import check_X_y
    from sklearn.utils.class_weight import compute_class_weight

    X, y = check_X_y(X, y, dtype=np.float64)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(f"A linear SVM separates classes: got class {classes[0]} alone. Give rows of two or more.")
    balance = compute_class_weight(machine.class_weight, classes=classes, y=y)
    rows = np.column_stack([X, np.ones(len(X))])
    vectors = []
    # Of two classes the second one is positive and each has its weight; of more, the others weigh 1.
    for place in range(1 if len(classes) == 2 else 0, len(classes)):
        positive = y == classes[place]
        others = balance[0] if len(classes) == 2 else 1.0
        vectors.append(_against_the_rest(rows, positive, machine.C * np.where(positive, balance[place], others)))
    weights = np.array(vectors)
    machine.classes_, machine.n_features_in_ = classes, X.shape[1]
    machine.coef_, machine.intercept_ = weights[:, :-1], weights[:, -1]
    return machine


def _against_the_rest(rows: np.ndarray, positive: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Weights of one machine, the intercept last, shape (n_columns + 1,)."""
    from scipy.optimize import minimize

    sign = np.where(positive, 1.0, -1.0)

    def value(weights: np.ndarray) -> tuple[float, np.ndarray]:
        short = np.maximum(1.0 - sign * (rows @ weights), 0.0)
        return 0.5 * weights @ weights + costs @ short**2, weights - 2.0 * ((costs * sign * short) @ rows)

    def curvature(weights: np.ndarray) -> np.ndarray:
        short = sign * (rows @ weights) < 1.0
        scaled = rows[short] * np.sqrt(2.0 * costs[short])[:, None]
        return scaled.T @ scaled + np.eye(rows.shape[1])

    start = np.zeros(rows.shape[1])
    least = GRADIENT * float(np.linalg.norm(value(start)[1]))
    optimum = minimize(value, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": least})
    return np.asarray(optimum.x)


def _dual(C: float, shape: tuple[int, ...]) -> bool:
    """Whether liblinear solves the dual: the same optimum, found sooner where columns are many or ``C`` is small."""
    return shape[1] > shape[0] or C < WEAK_C
