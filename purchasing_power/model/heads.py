"""Heads: what turns a feature matrix into raw scores."""

from __future__ import annotations

from typing import Any, TypeAlias

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC, LinearSVR
from threadpoolctl import threadpool_limits

from purchasing_power.model.params import ModelParams

# Matrices here are small: a second BLAS thread costs three times the time on two quiet cores, and far more
# on busy ones. LightGBM's own threads are not touched.
one_blas_thread = threadpool_limits.wrap(limits=1, user_api="blas")

Head: TypeAlias = lightgbm.Booster | LogisticRegression | Ridge | LinearSVC | LinearSVR


def fit_head(
    params: ModelParams, X: np.ndarray, y: np.ndarray, task: str, classes: int, seed: int, threads: int = 0
) -> Head:
    """Fit the head that ``params`` names.

    Parameters
    ----------
    X
        Feature matrix, shape (n_rows, n_columns).
    y
        Class codes 0..classes-1, or amounts for a regression; shape (n_rows,).
    threads
        Threads LightGBM may use; 0 takes all cores.
    """
    if params.head == "lightgbm":
        return _fit_lightgbm(params, X, y, task, classes, seed, threads)
    weight = "balanced" if params.class_weight == "balanced" else None
    if task == "regression":
        linear = {
            "logistic": Ridge(alpha=1.0 / params.C),
            "svm": LinearSVR(
                C=params.C, loss="squared_epsilon_insensitive", random_state=seed, max_iter=5_000
            ),
        }[params.head]
        return linear.fit(X, y)
    linear = {
        "logistic": LogisticRegression(C=params.C, class_weight=weight, max_iter=2_000),
        "svm": LinearSVC(C=params.C, class_weight=weight, max_iter=5_000, random_state=seed),
    }[params.head]
    return linear.fit(X, y)


def raw_scores(head: Head, X: np.ndarray) -> np.ndarray:
    """Uncalibrated scores: shape (n_rows,) for two classes and a regression, else (n_rows, classes)."""
    if isinstance(head, lightgbm.Booster):
        return np.asarray(head.predict(X, raw_score=True))
    if hasattr(head, "decision_function"):
        return head.decision_function(X)
    return head.predict(X)


def contributions(head: Head, X: np.ndarray, positive: int | None) -> np.ndarray:
    """How much each matrix column adds to the raw score of the positive class, shape (n_rows, n_columns).

    Where no class is positive, it is the mean size over the classes.

    Trees: SHAP values (Lundberg et al. 2020, From local explanations to global understanding with
    explainable AI for trees). Linear heads: coefficient times the distance from the column's mean.
    """
    if isinstance(head, lightgbm.Booster):
        shap: Any = np.asarray(head.predict(X, pred_contrib=True))
        parts = shap.reshape(len(X), -1, X.shape[1] + 1)[:, :, :-1].transpose(1, 0, 2)
    else:
        parts = np.atleast_2d(head.coef_)[:, None, :] * (X - X.mean(axis=0))[None]
    if len(parts) == 1:
        return -parts[0] if positive == 0 else parts[0]
    return np.abs(parts).mean(axis=0) if positive is None else parts[positive]


def _fit_lightgbm(
    params: ModelParams, X: np.ndarray, y: np.ndarray, task: str, classes: int, seed: int, threads: int
) -> lightgbm.Booster:
    objective = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}[task]
    settings = {
        "objective": objective,
        "num_class": classes if task == "multiclass" else 1,
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
    weight = None
    if params.class_weight == "balanced" and task != "regression":
        counts = np.bincount(y, minlength=classes)
        weight = (len(y) / (classes * np.maximum(counts, 1)))[y]
    return lightgbm.train(settings, lightgbm.Dataset(X, label=y, weight=weight), num_boost_round=params.trees)
