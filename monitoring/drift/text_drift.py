"""Text drift: can current users be separated from those at training by their texts, and which words rose or fell."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monitoring.drift import sample_tests
from monitoring.drift.results import ShareChange, TextDrift
from purchasing_power.model.scorer import one_blas_thread
from purchasing_power.reference.sketch import LEAST_USERS
from purchasing_power.reference.texts import FOLDS, MOST_TERMS, Terms, Vectors, term_shares, users_above
from purchasing_power.text.bag import Bag

MOST_IN_KERNEL, FOR_WIDTH = 1_000, 300
PERMUTATIONS, AT_ONCE, ENOUGH = 9_999, 250, 10
LEAST_IN_FOLD = 5
# Share of wrongly named ones among the words that a report names.
FALSE_DISCOVERY_RATE = 0.05
DEVIATIONS = 1.96


@one_blas_thread
def text_drift(
    reference: tuple[Vectors | None, Terms | None], vectors: Vectors, documents: Bag, seed: int
) -> TextDrift | None:
    """Compare current texts with the stored vectors and words; ``None`` where either sample has too few users.

    Parameters
    ----------
    vectors, documents
        Of the current users, as ``reference.texts`` makes them.
    """
    before, terms = reference
    if before is None or terms is None or min(len(before.values), len(vectors.values)) < FOLDS * LEAST_IN_FOLD:
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
    """Out-of-fold AUC of a logistic regression that separates current from reference users, and its 95 % interval.

    A user is in the same fold in both samples, so that nobody is recognised by having been trained on.

    Source: Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests, ICLR; for the interval DeLong, DeLong &
    Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves, Biometrics 44(3).
    """
    X = np.concatenate([before.values, now.values]).astype(np.float64)
    y = np.repeat([0, 1], [len(before.values), len(now.values)])
    folds = np.concatenate([before.folds, now.folds])
    decision = np.zeros(len(y))
    for fold in range(FOLDS):
        kept = folds != fold
        model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=300))
        if kept.all() or len(set(y[kept])) < 2:
            continue
        decision[~kept] = model.fit(X[kept], y[kept]).decision_function(X[~kept])
    return _auc(decision[y == 0], decision[y == 1])


def discrepancy(before: np.ndarray, now: np.ndarray, seed: int) -> tuple[float, float]:
    """Squared maximum mean discrepancy of at most 1,000 vectors a sample, and its p-value by permutation.

    Gaussian kernel whose width is the median distance (of 300 vectors).

    Source: Gretton, Borgwardt, Rasch, Schölkopf & Smola (2012), A kernel two-sample test, JMLR 13.
    """
    rng = np.random.default_rng(seed)
    samples = [one[rng.permutation(len(one))[:MOST_IN_KERNEL]].astype(np.float32) for one in (before, now)]
    X = np.concatenate(samples)
    squares = np.sum(X**2, axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * X @ X.T, 0)
    some = rng.permutation(len(X))[:FOR_WIDTH]
    width = np.median(apart[np.ix_(some, some)][np.triu_indices(len(some), 1)])
    kernel = np.exp(-apart / (width if width > 0 else 1.0)).astype(np.float32)
    weights = np.repeat([1 / len(samples[0]), -1 / len(samples[1])], [len(one) for one in samples]).astype(np.float32)
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


def words_drift(terms: Terms, documents: Bag) -> tuple[tuple[ShareChange, ...], float, float]:
    """Words that rose or fell, one p-value for all of them, and the largest change in a share of users.

    Each word is tested twice by Fisher's exact test, which holds for any number of users: who has it at all, and
    in whose texts it takes a larger share than its median user's at training. A word that fewer than 10 users had at
    training is tested as if nine had had it, and only whether it rose.
    """
    names, shares = term_shares(documents)
    words, had, median_share, had_above = _words_to_test(terms, names, shares)
    have, have_above, total = _current_users(words, names, shares, median_share)
    enough = np.maximum(had, have) >= LEAST_USERS
    first, second = had / max(terms.total, 1), have / max(total, 1)
    p_has = sample_tests.exact(had, terms.total, have, total)
    rare = had_above < 0
    p_has[rare & (second <= first)] = 1.0
    p_above = sample_tests.exact(np.maximum(had_above, 0), terms.total, have_above, total)
    p_values = np.minimum(1.0, 2 * np.minimum(p_has, np.where(rare, 1.0, p_above)))
    threshold = sample_tests.significance_threshold(p_values[enough], FALSE_DISCOVERY_RATE)
    # A report gives shares of users: a word that the same users have, only more often, is not named as risen.
    named = np.flatnonzero(enough & (p_values <= threshold) & (p_has <= FALSE_DISCOVERY_RATE))
    order = named[np.argsort(-np.abs(second - first)[named], kind="stable")]
    changes = (ShareChange(words[n], float(first[n]), float(second[n]), float(p_values[n])) for n in order)
    gap_above = np.abs(np.maximum(had_above, 0) / max(terms.total, 1) - have_above / max(total, 1))
    gaps = np.maximum(np.abs(second - first), gap_above)
    counted = enough & (p_values <= max(threshold, p_values[enough].min(initial=1.0)))
    return tuple(changes), sample_tests.simes(p_values[enough]), float(gaps[counted].max(initial=0.0))


def _words_to_test(
    terms: Terms, names: list[str], shares: sparse.csc_matrix
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Words; at training their users, median share, and users above it, -1 where those are not on record."""
    users = shares.getnnz(axis=0)
    # Where the list at training was cut off, what is not on it may have been common.
    stored = set(names if len(terms.names) == MOST_TERMS else terms.names)
    new = [name for name, count in zip(names, users, strict=True) if count >= LEAST_USERS and name not in stored]
    rare = len(new)
    return (
        [*terms.names, *new],
        np.concatenate([terms.users, np.full(rare, min(LEAST_USERS - 1, terms.total), np.int64)]),
        np.concatenate([terms.median_share, np.ones(rare)]),
        np.concatenate([terms.users_above, np.full(rare, -1, np.int64)]),
    )


def _current_users(
    words: list[str], names: list[str], shares: sparse.csc_matrix, median_share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Current users of each word, those above its median share at training, and all current users."""
    column = {name: at for at, name in enumerate(names)}
    columns = np.array([column.get(word, -1) for word in words], np.int64)
    have, above = np.zeros(len(words), np.int64), np.zeros(len(words), np.int64)
    found = np.flatnonzero(columns >= 0)
    chosen = shares[:, columns[found]]
    have[found], above[found] = chosen.getnnz(axis=0), users_above(chosen, median_share[found])
    return have, above, int(shares.shape[0])


def _auc(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    n, m = len(first), len(second)
    whole = rankdata(np.concatenate([first, second]))
    beats = (whole[n:] - rankdata(second)) / n
    beaten = 1 - (whole[:n] - rankdata(first)) / m
    auc = float(beats.mean())
    half = DEVIATIONS * float(np.sqrt(beats.var(ddof=1) / m + beaten.var(ddof=1) / n))
    return auc, max(0.0, auc - half), min(1.0, auc + half)
