"""LightGBM's boosted trees; a model with another head does not import it, which takes a second and 6 MB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from purchasing_power.model.bundle_files import TREES
from purchasing_power.model.imbalance import row_weights
from purchasing_power.model.params import SQUARED, TWEEDIE, Choice, Draw, Range, above_zero, not_negative
from purchasing_power.model.table_scorer import Matrix, MatrixFitting, MatrixHead

if TYPE_CHECKING:
    from lightgbm import Booster


@dataclass(frozen=True)
class LightGBM(MatrixHead):
    """Gradient-boosted trees.

    Attributes
    ----------
    trees, learning_rate, leaves, leaf_rows, feature_share, row_share, l2
        LightGBM's ``num_iterations``, ``learning_rate``, ``num_leaves``, ``min_data_in_leaf``,
        ``feature_fraction``, ``bagging_fraction`` and ``lambda_l2``.

    Source: Ke et al. (2017), LightGBM: a highly efficient gradient boosting decision tree, NeurIPS.
    """

    name = "lightgbm"
    losses = (SQUARED, TWEEDIE)
    scaled = False
    explained = "trees"

    trees: int = above_zero(300)
    learning_rate: float = above_zero(0.03)
    leaves: int = above_zero(15)
    leaf_rows: int = above_zero(40)
    feature_share: float = 0.4
    row_share: float = 0.8
    l2: float = not_negative(5.0)

    @classmethod
    def search(cls, draw: Draw, wide: bool) -> None:
        draw("trees", Range(100, 400, 250))
        draw("learning_rate", Range(0.01, 0.1, 0.03, log=True))
        draw("leaves", Range(4, 31, 15, log=True))
        draw("leaf_rows", Range(10, 200, 40, log=True))
        draw("feature_share", Range(0.1, 0.8, 0.3))
        draw("l2", Range(0.1, 30.0, 5.0, log=True))
        draw("row_share", Choice((0.8,)))
        draw("seed", Choice((0,)))

    def fit_estimator(self, X: Matrix, y: np.ndarray, fitting: MatrixFitting) -> Booster:
        """Boost trees on a dense or sparse matrix; the same with any number of threads."""
        import lightgbm

        settings = {
            **_objective(fitting),
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.leaf_rows,
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            "num_threads": fitting.threads,
            "seed": fitting.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(X, label=y, weight=row_weights(fitting.params, y, fitting.classes))
        return lightgbm.train(settings, rows, num_boost_round=self.trees)

    def raw(self, fitted: Booster, X: Matrix) -> np.ndarray:
        """Uncalibrated scores; of a regression the amount itself, also where trees add up to its logarithm."""
        return np.asarray(fitted.predict(X, raw_score=not self.log_link(fitted)))

    def log_link(self, fitted: Booster) -> bool:
        """Whether the trees add up to the logarithm of an amount."""
        return str(fitted.params.get("objective", "")).split(" ")[0] == TWEEDIE

    def write(self, fitted: Booster, folder: Path) -> None:
        (folder / TREES).write_text(fitted.model_to_string(), encoding="utf-8")

    def read(self, folder: Path) -> Booster:
        import lightgbm

        return lightgbm.Booster(model_str=(folder / TREES).read_text(encoding="utf-8"))


def _objective(fitting: MatrixFitting) -> dict[str, Any]:
    if fitting.task == "multiclass":
        return {"objective": "multiclass", "num_class": fitting.classes}
    if fitting.task == "regression" and fitting.params.loss == TWEEDIE:
        return {"objective": TWEEDIE, "tweedie_variance_power": fitting.params.tweedie_power}
    return {"objective": fitting.task}
