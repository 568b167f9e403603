"""Text drift: can users of now be told from those at training by their texts, and which words rose or fell."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monitoring.drift import sample_tests
from monitoring.drift.results import Moved, TextDrift
from purchasing_power.model.scorer import one_blas_thread
from purchasing_power.reference.sketch import LEAST_USERS
from purchasing_power.reference.texts import FOLDS, MOST_TERMS, Terms, Vectors, leaning, term_shares
from purchasing_power.text.bag import Bag

MOST_IN_KERNEL, FOR_WIDTH = 1_000, 300
PERMUTATIONS, AT_ONCE, ENOUGH = 9_999, 250, 10
LEAST_IN_FOLD = 5
# Share of wrongly named ones among the words that are told.
WRONGLY_NAMED = 0.05
DEVIATIONS = 1.96


@one_blas_thread
def text_drift(
    reference: tuple[Vectors | None, Terms | None], vectors: Vectors, documents: Bag, seed: int
) -> TextDrift | None:
    """Compare the texts of now with the stored vectors and words; ``None`` where a side has too few users.

    Parameters
    ----------
    vectors, documents
        Of the current users, as ``reference.texts`` makes them.
    """
    before, terms = reference
    if (
        before is None
        or terms is None
        or min(len(before.values), len(vectors.values)) < FOLDS * LEAST_IN_FOLD
    ):
        return None
    mmd, p_value = discrepancy(before.values, vectors.values, seed)
    words, words_p_value, effect = words_drift(terms, documents)
    return TextDrift(
        len(before.values),
        len(vectors.values),
        *domain_auc(before, vectors),
        mmd,
        p_value,
        words_p_value,
        effect,
        words,
    )


def domain_auc(before: Vectors, now: Vectors) -> tuple[float, float, float]:
    """Out-of-fold AUC of a logistic regression that tells now from before, and its 95 % interval.

    A user is in the same fold on both sides, so that nobody is told by having been seen.

    Source: Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests, ICLR; for the interval DeLong, DeLong &
    Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves, Biometrics 44(3).
    """
    X = np.concatenate([before.values, now.values]).astype(np.float64)
    y = np.repeat([0, 1], [len(before.values), len(now.values)])
    folds = np.concatenate([before.folds, now.folds])
    said = np.zeros(len(y))
    for fold in range(FOLDS):
        kept = folds != fold
        model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=300))
        if kept.all() or len(set(y[kept])) < 2:
            continue
        said[~kept] = model.fit(X[kept], y[kept]).decision_function(X[~kept])
    return _auc(said[y == 0], said[y == 1])


def discrepancy(before: np.ndarray, now: np.ndarray, seed: int) -> tuple[float, float]:
    """Squared maximum mean discrepancy of at most 1,000 vectors a side, and its p-value by permutation.

    Gaussian kernel whose width is the median distance (of 300 vectors).

    Source: Gretton, Borgwardt, Rasch, Schölkopf & Smola (2012), A kernel two-sample test, JMLR 13.
    """
    rng = np.random.default_rng(seed)
    sides = [side[rng.permutation(len(side))[:MOST_IN_KERNEL]].astype(np.float32) for side in (before, now)]
    X = np.concatenate(sides)
    squares = np.sum(X**2, axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * X @ X.T, 0)
    some = rng.permutation(len(X))[:FOR_WIDTH]
    width = np.median(apart[np.ix_(some, some)][np.triu_indices(len(some), 1)])
    kernel = np.exp(-apart / (width if width > 0 else 1.0)).astype(np.float32)
    weights = np.repeat([1 / len(sides[0]), -1 / len(sides[1])], [len(one) for one in sides]).astype(
        np.float32
    )
    return float(weights @ kernel @ weights), _permuted(kernel, weights, rng)


def _permuted(kernel: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> float:
    """The p-value of a discrepancy by at most 9,999 permutations, fewer once ten of them were as large.

    Source: Besag & Clifford (1991), Sequential Monte Carlo p-values, Biometrika 78(2).
    """
    seen = float(weights @ kernel @ weights) * (1 - 1e-6)
    larger = np.zeros(0, bool)
    while len(larger) < PERMUTATIONS:
        count = min(AT_ONCE, PERMUTATIONS - len(larger))
        drawn = rng.permuted(np.broadcast_to(weights, (count, len(weights))), axis=1)
        larger = np.append(larger, np.sum(drawn * (drawn @ kernel), axis=1) >= seen)
        reached = np.flatnonzero(np.cumsum(larger) >= ENOUGH)
        if len(reached):
            return float(ENOUGH / (reached[0] + 1))
    return float((1 + larger.sum()) / (1 + PERMUTATIONS))


def words_drift(terms: Terms, documents: Bag) -> tuple[tuple[Moved, ...], float, float]:
    """Words that rose or fell, one p-value for all of them, and the largest change in a share of users.

    Each word is tested twice by Fisher's exact test, which holds for any number of users: who has it at all, and
    in whose texts it takes a larger share than its median user's at training. A word that fewer than 10 users had at
    training is tested as if nine had had it, and only whether it rose.
    """
    names, shares = term_shares(documents)
    known, had, lean, leaned = _joined(terms, names, shares)
    have, leans, total = _have(known, names, shares, lean)
    enough = np.maximum(had, have) >= LEAST_USERS
    first, second = had / max(terms.total, 1), have / max(total, 1)
    p_has = sample_tests.exact(had, terms.total, have, total)
    p_has[(leaned < 0) & (second <= first)] = 1.0
    p_leans = np.where(leaned < 0, 1.0, sample_tests.exact(np.maximum(leaned, 0), terms.total, leans, total))
    p_values = np.minimum(1.0, 2 * np.minimum(p_has, p_leans))
    cut = sample_tests.significance_cut(p_values[enough], WRONGLY_NAMED)
    # People are told whole users: a word that the same users have, only more often, is not shown as risen.
    shown = np.flatnonzero(enough & (p_values <= cut) & (p_has <= WRONGLY_NAMED))
    order = shown[np.argsort(-np.abs(second - first)[shown], kind="stable")]
    moved = tuple(Moved(known[at], float(first[at]), float(second[at]), float(p_values[at])) for at in order)
    gaps = np.maximum(
        np.abs(second - first), np.abs(np.maximum(leaned, 0) / max(terms.total, 1) - leans / max(total, 1))
    )
    counted = enough & (p_values <= max(cut, p_values[enough].min(initial=1.0)))
    return moved, sample_tests.simes(p_values[enough]), float(gaps[counted].max(initial=0.0))


def _joined(
    terms: Terms, names: list[str], shares: sparse.csc_matrix
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Words to test, and users, median share and leaning users at training; -1 leaning where it is not on record."""
    users = shares.getnnz(axis=0)
    # Where the list at training was cut off, what is not on it may have been common.
    stored = set(names if len(terms.names) == MOST_TERMS else terms.names)
    new = [
        name for name, count in zip(names, users, strict=True) if count >= LEAST_USERS and name not in stored
    ]
    rare = len(new)
    return (
        [*terms.names, *new],
        np.concatenate([terms.users, np.full(rare, min(LEAST_USERS - 1, terms.total), np.int64)]),
        np.concatenate([terms.lean, np.ones(rare)]),
        np.concatenate([terms.leaning, np.full(rare, -1, np.int64)]),
    )


def _have(
    known: list[str], names: list[str], shares: sparse.csc_matrix, lean: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    place = {name: at for at, name in enumerate(names)}
    there = np.array([place.get(name, -1) for name in known], np.int64)
    have, leans = np.zeros(len(known), np.int64), np.zeros(len(known), np.int64)
    found = np.flatnonzero(there >= 0)
    chosen = shares[:, there[found]]
    have[found], leans[found] = chosen.getnnz(axis=0), leaning(chosen, lean[found])
    return have, leans, int(shares.shape[0])


def _auc(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    n, m = len(first), len(second)
    whole = rankdata(np.concatenate([first, second]))
    beats = (whole[n:] - rankdata(second)) / n
    beaten = 1 - (whole[:n] - rankdata(first)) / m
    auc = float(beats.mean())
    half = DEVIATIONS * float(np.sqrt(beats.var(ddof=1) / m + beaten.var(ddof=1) / n))
    return auc, max(0.0, auc - half), min(1.0, auc + half)
