"""Logistic regression, and for amounts ridge regression or a Tweedie model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from purchasing_power.model.imbalance import class_weight
from purchasing_power.model.params import SQUARED, TWEEDIE, Draw, Range, above_zero
from purchasing_power.model.table_scorer import Matrix, MatrixFitting, MatrixHead

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class Logistic(MatrixHead):
    """Logistic regression; of amounts ridge, or a Tweedie model with a log link.

    Attributes
    ----------
    C
        Inverse strength of regularisation.
    """

    name = "logistic"
    losses = (SQUARED, TWEEDIE)
    linear = True
    explained = "linear"
    trusted = (
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn.linear_model._glm.glm.TweedieRegressor",
        "sklearn.linear_model._ridge.Ridge",
    )

    C: float = above_zero(0.1)

    @classmethod
    def search(cls, draw: Draw, wide: bool) -> None:
        """Draw the settings of a trial.

        Thousands of sparse terms, each rare, need far weaker regularisation than some dozen dense columns.
        """
        draw("C", Range(0.01, 30.0, 1.0, log=True) if wide else Range(1e-4, 1.0, 0.01, log=True))

    def fit_estimator(self, X: Matrix, y: np.ndarray, fitting: MatrixFitting) -> BaseEstimator:
        """Fit the estimator of the task and the loss."""
        from sklearn.linear_model import LogisticRegression, Ridge, TweedieRegressor

        if fitting.task != "regression":
            return LogisticRegression(C=self.C, class_weight=class_weight(fitting.params), max_iter=2_000).fit(X, y)
        if fitting.params.loss == TWEEDIE:
            # Its deviance is a mean over rows where ridge has a sum: C then means the same in both.
            alpha = 1.0 / (self.C * X.shape[0])
            model = TweedieRegressor(power=fitting.params.tweedie_power, link="log", alpha=alpha, max_iter=2_000)
            return model.fit(X, y)
        return Ridge(alpha=1.0 / self.C).fit(X, y)

    def log_link(self, fitted: Any) -> bool:
        """Whether it is a Tweedie model."""
        from sklearn.linear_model import TweedieRegressor

        return isinstance(fitted, TweedieRegressor)
