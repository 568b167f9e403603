"""LightGBM as a head."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np

from purchasing_power.model.imbalance import row_weights
from purchasing_power.model.params import ModelParams


def fit(
    params: ModelParams, X: Any, y: np.ndarray, task: str, classes: int, seed: int, threads: int
) -> lightgbm.Booster:
    """Boost trees on a dense or sparse matrix; the same with any number of threads.

    Source: Ke et al. (2017), LightGBM: a highly efficient gradient boosting decision tree, NeurIPS.
    """
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


def _objective(params: ModelParams, task: str, classes: int) -> dict[str, Any]:
    if task == "multiclass":
        return {"objective": "multiclass", "num_class": classes}
    if task == "regression" and params.loss == "tweedie":
        return {"objective": "tweedie", "tweedie_variance_power": params.tweedie_power}
    return {"objective": task}
