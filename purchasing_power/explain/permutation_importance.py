"""Permutation importance: how much worse the model ranks when a column is shuffled between users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from tqdm import tqdm

from purchasing_power.evaluation.target_metrics import primary_score
from purchasing_power.explain.heads import columns, matrix_groups, parts_of
from purchasing_power.explain.score_path import outputs_of
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.model.scorer import Scorer, one_blas_thread
from purchasing_power.model.table_scorer import TableScorer

REPEATS = 5
Shuffled = Callable[[int, np.ndarray], np.ndarray]


@one_blas_thread
def permutation_importance(
    model: PurchasingModel,
    frame: pd.DataFrame,
    repeats: int = REPEATS,
    seed: int = 0,
    progress: bool = False,
    chosen: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Drop of the primary metric when one column is shuffled, for each feature column and ``documents``.

    Parameters
    ----------
    frame
        Rows with known outcomes that the model has not seen, n of them.
    repeats
        Shuffles of each column; the same shuffles for all columns.
    chosen
        Columns to shuffle; ``None`` takes all.

    Returns
    -------
    pd.DataFrame
        Drops, shape (n_columns, repeats), indexed by column name.

    Source: Breiman (2001), Random forests, Machine Learning 45; Fisher, Rudin & Dominici (2019), All models are
    wrong, but many are useful, JMLR 20.
    """
    y = model.target.labels(frame)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(frame)) for _ in range(repeats)]
    prepared, names = model.prepared(frame), columns(model.meta)
    parts = parts_of(model)
    shuffled = [_shuffler(one.scorer, model, prepared, names) for one in parts]

    def score(at: int, order: np.ndarray) -> float:
        raws = [one(at, order) for one in shuffled]
        return primary_score(model.target, y, outputs_of(model, raws, [one.weight for one in parts]))

    whole = score(-1, np.arange(len(frame)))
    asked = names if chosen is None else list(chosen)
    bar = tqdm(asked, desc="shuffling", unit="column", disable=not progress)
    drops = [[whole - score(names.index(name), order) for order in orders] for name in bar]
    return pd.DataFrame(drops, index=pd.Index(asked))


def _shuffler(scorer: Scorer, model: PurchasingModel, prepared: pd.DataFrame, names: list[str]) -> Shuffled:
    """Raw scores with one column (by its position, -1 for none) in another order."""
    if not isinstance(scorer, TableScorer):
        return lambda at, order: scorer.raw(_with_shuffled(prepared, names[at] if at >= 0 else None, order))
    # A row's matrix columns depend on its own cells alone, so shuffling them is shuffling the cells.
    matrix: Any = scorer.matrix(prepared)
    dense = matrix.tocsc() if sparse.issparse(matrix) else matrix
    groups = matrix_groups(scorer, model.meta)
    usual = scorer.scores(matrix)

    def raw(at: int, order: np.ndarray) -> np.ndarray:
        if at < 0 or not len(groups[at]):
            return usual
        changed = dense.copy()
        if sparse.issparse(dense):
            kept = np.setdiff1d(np.arange(dense.shape[1]), groups[at])
            back = np.argsort(np.concatenate([kept, groups[at]]))
            changed = sparse.hstack([dense[:, kept], dense[order][:, groups[at]]]).tocsr()[:, back]
        else:
            changed[:, groups[at]] = dense[np.ix_(order, groups[at])]
        return scorer.scores(changed)

    return raw


def _with_shuffled(prepared: pd.DataFrame, name: str | None, order: np.ndarray) -> pd.DataFrame:
    if name is None:
        return prepared
    return prepared.assign(**{name: prepared[name].iloc[order].set_axis(prepared.index)})
