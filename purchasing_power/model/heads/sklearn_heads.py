"""scikit-learn's linear and kernel machines as heads."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge, TweedieRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from purchasing_power.model.heads import newton_svm
from purchasing_power.model.params import ModelParams

# An exact kernel machine takes time with the square of the rows: beyond these its kernel is approximated.
KERNEL_ROWS = 10_000
LANDMARKS = 500
# From here on liblinear finds a linear SVM on dense columns eight times sooner by Newton steps than by its dual's
# coordinates.
WEAK_C = 0.01
# liblinear's own is 0.01; from here on scores keep their fifth decimal.
TOLERANCE = 1e-3


def fit(params: ModelParams, X: Any, y: np.ndarray, task: str, seed: int) -> BaseEstimator:
    """Fit the head ``logistic``, ``svm`` or ``rbf_svm`` on a dense or sparse matrix.

    A regression's ``logistic`` is ridge, or a Tweedie model with a log link. ``rbf_svm`` on more than
    ``KERNEL_ROWS`` rows is a linear SVM on ``LANDMARKS`` Nystroem features of the kernel.

    Source: Williams & Seeger (2001), Using the Nystroem method to speed up kernel machines, NeurIPS 13.
    """
    if params.head == "rbf_svm":
        head = _kernel(params, X, task, seed)
    elif task == "regression":
        head = _linear_amounts(params, X, seed)
    else:
        head = _linear_classes(params, X, seed)
    return _fitted(head, X, y)


def _fitted(head: BaseEstimator, X: Any, y: np.ndarray) -> BaseEstimator:
    """The head, fitted; a linear SVM of classes on few dense columns in a thirtieth of liblinear's time."""
    if isinstance(head, Pipeline):
        _fitted(head[-1], head[:-1].fit_transform(X, y), y)
        return head
    if isinstance(head, LinearSVC) and isinstance(X, np.ndarray) and X.shape[1] <= newton_svm.MOST_COLUMNS:
        return newton_svm.fit(head, X, y)
    return head.fit(X, y)


def _linear_classes(params: ModelParams, X: Any, seed: int) -> BaseEstimator:
    if params.head == "svm":
        return _machine(params, X.shape, seed)
    return LogisticRegression(C=params.C, class_weight=_weight(params), max_iter=2_000)


def _linear_amounts(params: ModelParams, X: Any, seed: int) -> BaseEstimator:
    if params.head == "svm":
        return _machine_of_amounts(params, X.shape, seed)
    if params.loss == "tweedie":
        # Its deviance is a mean over rows where ridge has a sum: C then means the same in both.
        alpha = 1.0 / (params.C * X.shape[0])
        return TweedieRegressor(power=params.tweedie_power, link="log", alpha=alpha, max_iter=2_000)
    return Ridge(alpha=1.0 / params.C)


def _kernel(params: ModelParams, X: Any, task: str, seed: int) -> BaseEstimator:
    gamma = params.gamma or _scale(X)
    exact = X.shape[0] <= KERNEL_ROWS
    kernel = Nystroem(gamma=gamma, n_components=LANDMARKS, random_state=seed)
    if task == "regression":
        linear = _machine_of_amounts(params, (X.shape[0], LANDMARKS), seed)
        machine = SVR(C=params.C, gamma=gamma) if exact else make_pipeline(kernel, linear)
        # C bounds each row's pull in units of the amount, so amounts are brought to unit size.
        return TransformedTargetRegressor(machine, transformer=StandardScaler())
    if exact:
        return SVC(C=params.C, gamma=gamma, class_weight=_weight(params))
    return make_pipeline(kernel, _machine(params, (X.shape[0], LANDMARKS), seed))


def _machine(params: ModelParams, shape: tuple[int, int], seed: int) -> LinearSVC:
    dual, weight = _dual(params, shape), _weight(params)
    return LinearSVC(
        C=params.C, dual=dual, tol=TOLERANCE, class_weight=weight, max_iter=5_000, random_state=seed
    )


def _machine_of_amounts(params: ModelParams, shape: tuple[int, int], seed: int) -> LinearSVR:
    loss, dual = "squared_epsilon_insensitive", _dual(params, shape)
    return LinearSVR(C=params.C, loss=loss, dual=dual, tol=TOLERANCE, max_iter=5_000, random_state=seed)


def _dual(params: ModelParams, shape: tuple[int, int]) -> bool:
    """Whether liblinear solves the dual: the same optimum, found sooner where columns are many or ``C`` is small."""
    return shape[1] > shape[0] or params.C < WEAK_C


def _scale(X: Any) -> float:
    """scikit-learn's gamma="scale": 1 / (columns * variance of all values)."""
    square, mean = (X.multiply(X).mean(), X.mean()) if sparse.issparse(X) else ((X**2).mean(), X.mean())
    return float(1 / (X.shape[1] * max(square - mean**2, np.finfo(np.float32).tiny)))


def _weight(params: ModelParams) -> str | None:
    return "balanced" if params.imbalance == "weights" else None
