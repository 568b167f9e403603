"""What each user-table column adds to a scorer's margins, by the way that suits its head."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from purchasing_power.explain.kernel_machines import mixed_margins, votes
from purchasing_power.explain.sampled_shapley import sampled_shapley
from purchasing_power.explain.score_path import Margins
from purchasing_power.model.features import column_groups
from purchasing_power.model.heads.blend import BlendScorer
from purchasing_power.model.heads.fitting import is_log
from purchasing_power.model.heads.trees import are_trees
from purchasing_power.model.scorer import Scorer
from purchasing_power.model.table_scorer import TableScorer
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta

if TYPE_CHECKING:
    import lightgbm


def members(scorer: Scorer) -> tuple[list[Scorer], list[float]]:
    """The scorers of a blend with their weights, or the scorer itself."""
    if isinstance(scorer, BlendScorer):
        return list(scorer.scorers), list(scorer.weights)
    return [scorer], [1.0]


def columns(meta: UserTableMeta) -> list[str]:
    """The columns of a user table that a score may depend on: its features, then ``documents``."""
    return [*meta.features, DOCUMENTS]


def column_margins(
    scorer: Scorer,
    meta: UserTableMeta,
    frame: pd.DataFrame,
    typical: pd.DataFrame,
    seed: int = 0,
    progress: bool = False,
) -> Margins:
    """What each of :func:`columns` adds to the margins of prepared rows.

    Trees: SHAP values, against the mean over the fitted rows. All others against the ``typical`` row, with the
    fitted rows' mean texts where texts enter through the feature matrix: linear heads by coefficient times
    distance, which are the Shapley values of a linear model, the rest by sampled Shapley values.

    Parameters
    ----------
    frame, typical
        Prepared rows, and one prepared row without documents to compare with.

    Source: Lundberg & Lee (2017), A unified approach to interpreting model predictions, NeurIPS; Lundberg et
    al. (2020), From local explanations to global understanding with explainable AI for trees, Nature Machine
    Intelligence 2.
    """
    if not isinstance(scorer, TableScorer):
        return _of_frame(scorer, columns(meta), frame, typical, seed, progress)
    X, groups = scorer.matrix(frame), matrix_groups(scorer, meta)
    if are_trees(scorer.head):
        return _of_trees(scorer.head, X, groups)
    reference = _reference(scorer, typical, groups[-1])
    if hasattr(scorer.head, "coef_"):
        return _of_linear(scorer.head, X, groups, reference)
    return _of_matrix(scorer.head, X, groups, reference, seed, progress)


def matrix_groups(scorer: TableScorer, meta: UserTableMeta) -> list[np.ndarray]:
    """Matrix columns of each user-table column; none for what the scorer does not read."""
    found = column_groups(scorer.features, meta)
    texts = [at for name, places in found.items() if name not in meta.features for at in places]
    named = [np.asarray(found.get(name, []), np.int64) for name in meta.features]
    return [*named, np.asarray(texts, np.int64)]


def _of_trees(head: lightgbm.Booster, X: Any, groups: list[np.ndarray]) -> Margins:
    found: Any = head.predict(X, pred_contrib=True)
    each = found if isinstance(found, list) else [found]
    dense = [one.toarray() if sparse.issparse(one) else np.asarray(one) for one in each]
    values = np.hstack(dense).reshape(X.shape[0], -1, X.shape[1] + 1)
    parts = np.stack([values[:, :, group].sum(axis=2) for group in groups], axis=1)
    return Margins(parts, values[0, :, -1], _link(head))


def _reference(scorer: TableScorer, typical: pd.DataFrame, texts: np.ndarray) -> np.ndarray:
    """Matrix row of the typical user, shape (n_columns,), with the mean of the text columns."""
    row: Any = scorer.matrix(typical)
    reference = np.asarray(row.toarray() if sparse.issparse(row) else row, np.float64)[0]
    reference[texts] = scorer.centre[texts]
    return reference


def _of_linear(head: Any, X: Any, groups: list[np.ndarray], reference: np.ndarray) -> Margins:
    weights = np.atleast_2d(head.coef_).T
    X = X.tocsc() if sparse.issparse(X) else X
    parts = [X[:, group] @ weights[group] - reference[group] @ weights[group] for group in groups]
    base = reference @ weights + np.atleast_1d(head.intercept_)
    return Margins(np.stack(parts, axis=1), base, _link(head))


def _of_matrix(
    head: Any, X: Any, groups: list[np.ndarray], reference: np.ndarray, seed: int, progress: bool
) -> Margins:
    rows = X.toarray() if sparse.issparse(X) else X

    def evaluate(on: np.ndarray) -> np.ndarray:
        mixed = np.tile(reference.astype(rows.dtype), (len(rows), 1))
        for group in (group for group, taken in zip(groups, on, strict=True) if taken):
            mixed[:, group] = rows[:, group]
        return _two_dimensional(mixed_margins(head, mixed))

    parts, base = sampled_shapley(evaluate, len(groups), seed, progress=progress)
    return Margins(parts, base, votes(head) or _link(head))


def _link(head: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    return np.exp if is_log(head) else None


def _of_frame(
    scorer: Scorer,
    names: list[str],
    frame: pd.DataFrame,
    typical: pd.DataFrame,
    seed: int,
    progress: bool,
) -> Margins:
    repeated = typical.iloc[np.zeros(len(frame), np.int64)].set_axis(frame.index)

    def evaluate(on: np.ndarray) -> np.ndarray:
        mixed = {
            name: frame[name] if taken else repeated[name] for name, taken in zip(names, on, strict=True)
        }
        return _two_dimensional(scorer.raw(pd.DataFrame(mixed)))

    # A network that reads texts takes seconds for all rows: one pair of orders.
    parts, base = sampled_shapley(evaluate, len(names), seed, draws=1, progress=progress)
    return Margins(parts, base)


def _two_dimensional(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values[:, None] if values.ndim == 1 else values
