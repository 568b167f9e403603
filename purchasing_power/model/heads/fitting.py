"""Heads: what turns a feature matrix into raw scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import TweedieRegressor
from threadpoolctl import threadpool_limits

from purchasing_power.errors import DataError
from purchasing_power.model import skops_files
from purchasing_power.model.bundle_files import ESTIMATOR, NETWORK, TREES
from purchasing_power.model.heads import sklearn_heads, trees
from purchasing_power.model.params import ModelParams

if TYPE_CHECKING:
    import lightgbm

    from purchasing_power.model.heads.mlp import Mlp

# Matrices here are small: a second BLAS thread costs three times the time on two quiet cores, and far more
# on busy ones. LightGBM's own threads are not touched.
one_blas_thread = threadpool_limits.wrap(limits=1, user_api="blas")

Head: TypeAlias = "lightgbm.Booster | BaseEstimator | Mlp"
Matrix: TypeAlias = np.ndarray | sparse.csr_matrix


def fit_head(
    params: ModelParams,
    X: Matrix,
    y: np.ndarray,
    task: str,
    classes: int,
    seed: int,
    threads: int = 0,
    curve: Callable[[str, float, int], None] | None = None,
) -> Head:
    """Fit the head that ``params`` names.

    Parameters
    ----------
    X
        Feature matrix, shape (n_rows, n_columns), dense or sparse.
    y
        Class codes 0..classes-1, or amounts for a regression; shape (n_rows,).
    threads
        Threads LightGBM may use; 0 takes all cores. The other heads take one.
    curve
        Told (name, value, step) while the network is trained.

    Raises
    ------
    DataError
        If ``params.loss`` does not go with the head or with the amounts.
    """
    _check_loss(params, y, task)
    if params.head == "lightgbm":
        return trees.fit(params, X, y, task, classes, seed, threads)
    if params.head == "mlp":
        from purchasing_power.model.heads import mlp

        return mlp.fit(params, X, y, task, classes, seed, curve=curve)
    return sklearn_heads.fit(params, X, y, task, seed)


def raw_scores(head: Head, X: Matrix) -> np.ndarray:
    """Uncalibrated scores: shape (n_rows,) for two classes and a regression, else (n_rows, classes)."""
    if trees.are_trees(head):
        # Of a regression it is the amount itself, also where the trees add up to its logarithm.
        return np.asarray(head.predict(X, raw_score=not is_log(head)))
    # A network's is `raw`; of scikit-learn's, classifiers alone have a decision function.
    names = ("raw", "decision_function", "predict")
    return next(getattr(head, name) for name in names if hasattr(head, name))(X)


def is_log(head: Head) -> bool:
    """Whether a head's margins are logarithms of amounts, as those of Tweedie models are."""
    if trees.are_trees(head):
        return str(head.params.get("objective", "")).split(" ")[0] == "tweedie"
    return isinstance(head, TweedieRegressor) or getattr(head, "log_link", False)


def margins(head: Head, X: Matrix) -> np.ndarray:
    """What an explanation's parts add up to: the raw scores, or their logarithm where :func:`is_log` says so."""
    raw = raw_scores(head, X)
    return np.log(raw) if is_log(head) else raw


def save_head(head: Head, folder: Path) -> None:
    """Write what :func:`load_head` reads: LightGBM's text, skops, or a network's own folder."""
    if trees.are_trees(head):
        (folder / TREES).write_text(head.model_to_string(), encoding="utf-8")
    elif hasattr(head, "save"):
        head.save(folder / NETWORK)
    else:
        skops_files.dump(head, folder / ESTIMATOR)


def load_head(folder: Path) -> Head:
    """Read the head in a folder; nothing in it is run."""
    if (folder / TREES).exists():
        return trees.read((folder / TREES).read_text(encoding="utf-8"))
    if (folder / NETWORK).exists():
        from purchasing_power.model.heads import mlp

        return mlp.load(folder / NETWORK)
    return skops_files.load(folder / ESTIMATOR)


def _check_loss(params: ModelParams, y: np.ndarray, task: str) -> None:
    if task != "regression" or params.loss != "tweedie":
        return
    allowed = ("logistic", "lightgbm", "mlp")
    if params.head not in allowed:
        raise DataError(
            f"model loss: got tweedie with the head {params.head}; it goes with {', '.join(allowed)}. "
            "Set another head, or loss to squared."
        )
    if (y < 0).any() or not (y > 0).any():
        raise DataError(
            f"model loss: got tweedie with {int((y < 0).sum())} negative and {int((y > 0).sum())} positive amounts; it "
            "needs amounts of 0 or more with some above 0. Set loss to squared."
        )
