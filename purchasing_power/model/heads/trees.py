"""LightGBM as a head; a model with another one does not import it, which takes a second and 6 MB."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from purchasing_power.model.imbalance import row_weights
from purchasing_power.model.params import ModelParams

if TYPE_CHECKING:
    import lightgbm


def fit(
    params: ModelParams, X: Any, y: np.ndarray, task: str, classes: int, seed: int, threads: int
) -> lightgbm.Booster:
    """Boost trees on a dense or sparse matrix; the same with any number of threads.

    Source: Ke et al. (2017), LightGBM: a highly efficient gradient boosting decision tree, NeurIPS.
    """
    import lightgbm

    settings = {
        **_objective(params, task, classes),
        "learning_rate": params.learning_rate,
        "num_leaves": params.leaves,
        "min_data_in_leaf": params.leaf_rows,
        "feature_fraction": params.feature_share,
        "bagging_fraction": params.row_share,
        "bagging_freq": 1,
        "lambda_l2": params.l2,
        "num_threads": threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    weights = row_weights(params, y, classes)
    return lightgbm.train(
        settings, lightgbm.Dataset(X, label=y, weight=weights), num_boost_round=params.trees
    )


def are_trees(head: object) -> TypeGuard[lightgbm.Booster]:
    """Whether a head is LightGBM's."""
    library = sys.modules.get("lightgbm")
    return library is not None and isinstance(head, library.Booster)


def read(text: str) -> lightgbm.Booster:
    """The head that LightGBM's text holds."""
    import lightgbm

    return lightgbm.Booster(model_str=text)


def _objective(params: ModelParams, task: str, classes: int) -> dict[str, Any]:
    if task == "multiclass":
        return {"objective": "multiclass", "num_class": classes}
    if task == "regression" and params.loss == "tweedie":
        return {"objective": "tweedie", "tweedie_variance_power": params.tweedie_power}
    return {"objective": task}
