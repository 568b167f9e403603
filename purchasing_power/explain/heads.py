"""What each user-table column adds to a scorer's margins, by the way that its head names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.svm import SVC, SVR
from sklearn.utils.multiclass import _ovr_decision_function
from tqdm import tqdm

from purchasing_power.explain.score_path import Margins
from purchasing_power.model.features import column_groups
from purchasing_power.model.params import Head
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.model.scorer import Scorer
from purchasing_power.model.table_scorer import TableScorer
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta

# Rows whose kernel is in memory at once.
KERNEL_ROWS = 1_000


@dataclass(frozen=True)
class Part:
    """A scorer that is explained by itself, its head, and its weight in the model."""

    head: Head
    scorer: Scorer
    weight: float


@dataclass(frozen=True)
class ExplainedRows:
    """Prepared rows whose margins are taken apart.

    Attributes
    ----------
    typical
        One prepared row without documents to compare with.
    """

    meta: UserTableMeta
    frame: pd.DataFrame
    typical: pd.DataFrame
    seed: int = 0
    progress: bool = False


def parts_of(model: PurchasingModel) -> list[Part]:
    """The members of a blend, or the model's one scorer."""
    scorer: Any = model.scorer
    if model.params.head.explained != MEMBERS:
        return [Part(model.params.head, scorer, 1.0)]
    members = zip(model.params.members, scorer.scorers, scorer.weights, strict=True)
    return [Part(member.params.head, one, weight) for member, one, weight in members]


def columns(meta: UserTableMeta) -> list[str]:
    """The columns of a user table that a score may depend on: its features, then ``documents``."""
    return [*meta.features, DOCUMENTS]


def column_margins(part: Part, rows: ExplainedRows) -> Margins:
    """What each of :func:`columns` adds to the margins of rows.

    Trees: SHAP values, against the mean over the fitted rows. All others against the typical row, with the
    fitted rows' mean texts where texts enter through the feature matrix: linear heads by coefficient times
    distance, which are the Shapley values of a linear model, the rest by sampled Shapley values.

    Source: Lundberg & Lee (2017), A unified approach to interpreting model predictions, NeurIPS; Lundberg et
    al. (2020), From local explanations to global understanding with explainable AI for trees, Nature Machine
    Intelligence 2.
    """
    return WAYS[part.head.explained](part.scorer, rows)


def matrix_groups(scorer: TableScorer, meta: UserTableMeta) -> list[np.ndarray]:
    """Matrix columns of each user-table column; none for what the scorer does not read."""
    groups = column_groups(scorer.features, meta)
    texts = [at for name, places in groups.items() if name not in meta.features for at in places]
    named = [np.asarray(groups.get(name, []), np.int64) for name in meta.features]
    return [*named, np.asarray(texts, np.int64)]


def _of_trees(scorer: TableScorer, rows: ExplainedRows) -> Margins:
    X, groups = scorer.matrix(rows.frame), matrix_groups(scorer, rows.meta)
    contributions: Any = scorer.fitted.predict(X, pred_contrib=True)
    each = contributions if isinstance(contributions, list) else [contributions]
    dense = [one.toarray() if sparse.issparse(one) else np.asarray(one) for one in each]
    values = np.hstack(dense).reshape(X.shape[0], -1, X.shape[1] + 1)
    parts = np.stack([values[:, :, group].sum(axis=2) for group in groups], axis=1)
    return Margins(parts, values[0, :, -1], _link(scorer))


def _of_linear(scorer: TableScorer, rows: ExplainedRows) -> Margins:
    X: Any = scorer.matrix(rows.frame)
    groups = matrix_groups(scorer, rows.meta)
    reference = _reference(scorer, rows.typical, groups[-1])
    weights = np.atleast_2d(scorer.fitted.coef_).T
    X = X.tocsc() if sparse.issparse(X) else X
    parts = [X[:, group] @ weights[group] - reference[group] @ weights[group] for group in groups]
    base = reference @ weights + np.atleast_1d(scorer.fitted.intercept_)
    return Margins(np.stack(parts, axis=1), base, _link(scorer))


def _of_kernel(scorer: TableScorer, rows: ExplainedRows) -> Margins:
    parts, base = _sampled(scorer, rows, lambda X: mixed_margins(scorer, X))
    return Margins(parts, base, votes(scorer.fitted) or _link(scorer))


def _of_matrix(scorer: TableScorer, rows: ExplainedRows) -> Margins:
    parts, base = _sampled(scorer, rows, scorer.margins)
    return Margins(parts, base, _link(scorer))


def _of_frame(scorer: Scorer, rows: ExplainedRows) -> Margins:
    names, frame = columns(rows.meta), rows.frame
    repeated = rows.typical.iloc[np.zeros(len(frame), np.int64)].set_axis(frame.index)

    def evaluate(on: np.ndarray) -> np.ndarray:
        mixed = {name: frame[name] if own else repeated[name] for name, own in zip(names, on, strict=True)}
        return _two_dimensional(scorer.raw(pd.DataFrame(mixed)))

    # A network that reads texts takes seconds for all rows: one pair of orders.
    parts, base = sampled_shapley(evaluate, len(names), rows.seed, draws=1, progress=rows.progress)
    return Margins(parts, base)


# The members of a blend are explained each by its own way.
MEMBERS = "members"
WAYS: dict[str, Callable[[Any, ExplainedRows], Margins]] = {
    "trees": _of_trees,
    "linear": _of_linear,
    "kernel": _of_kernel,
    "sampled": _of_matrix,
    "texts": _of_frame,
}


def _reference(scorer: TableScorer, typical: pd.DataFrame, texts: np.ndarray) -> np.ndarray:
    """Matrix row of the typical user, shape (n_columns,), with the mean of the text columns."""
    row: Any = scorer.matrix(typical)
    reference = np.asarray(row.toarray() if sparse.issparse(row) else row, np.float64)[0]
    reference[texts] = scorer.centre[texts]
    return reference


def _sampled(
    scorer: TableScorer, rows: ExplainedRows, margins: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Sampled Shapley values of each user-table column and the margins of the typical row."""
    X: Any = scorer.matrix(rows.frame)
    X, groups = X.toarray() if sparse.issparse(X) else X, matrix_groups(scorer, rows.meta)
    reference = _reference(scorer, rows.typical, groups[-1])

    def evaluate(on: np.ndarray) -> np.ndarray:
        mixed = np.tile(reference.astype(X.dtype), (len(X), 1))
        for group in (group for group, own in zip(groups, on, strict=True) if own):
            mixed[:, group] = X[:, group]
        return _two_dimensional(margins(mixed))

    return sampled_shapley(evaluate, len(groups), rows.seed, progress=rows.progress)


def sampled_shapley(
    evaluate: Callable[[np.ndarray], np.ndarray], players: int, seed: int, draws: int = 2, progress: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Mean change of the score as each column goes from the reference to the row, over random orders.

    All rows walk together, so a step is one call for all of them. Each order is also walked backwards, which
    makes the values exact where columns act alone or in pairs. Along any order the changes sum to the whole
    difference, so the values add up whatever the number of draws.

    Parameters
    ----------
    evaluate
        Scores of every row, shape (n_rows, n_margins), when the columns of a mask, shape (players,), are taken
        from the row and the others from the reference.
    draws
        Pairs of orders.

    Returns
    -------
    tuple
        Values, shape (n_rows, players, n_margins), and scores of the reference, shape (n_margins,).

    Source: Castro, Gómez & Tejada (2009), Polynomial calculation of the Shapley value based on sampling;
    Mitchell, Cooper, Frank & Holmes (2022), Sampling permutations for Shapley value estimation, JMLR 23.
    """
    rng = np.random.default_rng(seed)
    at_reference = evaluate(np.zeros(players, bool))
    at_row = evaluate(np.ones(players, bool))
    total = np.zeros((len(at_reference), players, at_reference.shape[1]))
    forwards = [rng.permutation(players) for _ in range(draws)]
    orders = [each for order in forwards for each in (order, order[::-1])]
    bar = tqdm(total=len(orders) * players, desc="columns", unit="column", leave=False, disable=not progress)
    for order in orders:
        on, before = np.zeros(players, bool), at_reference
        for at, player in enumerate(order):
            on[player] = True
            after = at_row if at == players - 1 else evaluate(on)
            total[:, player] += after - before
            before = after
            bar.update()
    bar.close()
    return total / len(orders), at_reference[0]


def _link(scorer: TableScorer) -> Callable[[np.ndarray], np.ndarray] | None:
    return np.exp if scorer.log_link else None


def _two_dimensional(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values[:, None] if values.ndim == 1 else values


def mixed_margins(scorer: TableScorer, X: np.ndarray) -> np.ndarray:
    """The margins of dense rows of the matrix; those of an RBF machine come from products of matrices.

    libsvm takes one row after another, which is several times slower than a matrix product. Of more than two
    classes they are the values of each pair of classes, shape (n_rows, pairs): see :func:`votes`.
    """
    fitted = scorer.fitted
    machine: Any = fitted.regressor_ if isinstance(fitted, TransformedTargetRegressor) else fitted
    if not isinstance(machine, (SVC, SVR)):
        return scorer.margins(X)
    parts = [_machine(machine, X[start : start + KERNEL_ROWS]) for start in range(0, len(X), KERNEL_ROWS)]
    values = np.concatenate(parts)
    if isinstance(fitted, TransformedTargetRegressor):
        return fitted.transformer_.inverse_transform(values[:, None])[:, 0]
    return values


def votes(fitted: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """How a kernel machine of more than two classes makes raw scores of its pairs; ``None`` for others.

    Each pair votes for a class, so raw scores jump where the pairs' values do not: these are what is shared
    out among columns.
    """
    if not isinstance(fitted, SVC) or len(fitted.classes_) == 2:
        return None
    return lambda pairs: _ovr_decision_function(pairs < 0, -pairs, len(fitted.classes_))


def _machine(machine: Any, X: np.ndarray) -> np.ndarray:
    """Decision values, shape (n_rows,), or of more than two classes (n_rows, pairs)."""
    vectors = _dense(machine.support_vectors_)
    squares = (X**2).sum(axis=1)[:, None] + (vectors**2).sum(axis=1)[None] - 2 * (X @ vectors.T)
    kernel = np.exp(-machine.gamma * np.maximum(squares, 0.0))
    if isinstance(machine, SVR) or len(machine.classes_) == 2:
        return (kernel @ _dense(machine.dual_coef_).T)[:, 0] + machine.intercept_[0]
    return _pairs(machine, kernel)


def _pairs(machine: Any, kernel: np.ndarray) -> np.ndarray:
    """Decision values of each pair of classes, shape (n_rows, pairs), in libsvm's order."""
    ends = np.cumsum(machine.n_support_)
    spans = [slice(end - size, end) for end, size in zip(ends, machine.n_support_, strict=True)]
    dual, pairs = _dense(machine.dual_coef_), list[np.ndarray]()
    for first in range(len(spans)):
        for second in range(first + 1, len(spans)):
            one = kernel[:, spans[first]] @ dual[second - 1, spans[first]]
            two = kernel[:, spans[second]] @ dual[first, spans[second]]
            pairs.append(one + two + machine.intercept_[len(pairs)])
    return np.column_stack(pairs)


def _dense(values: Any) -> np.ndarray:
    return values.toarray() if sparse.issparse(values) else values
