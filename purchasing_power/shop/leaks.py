"""Leaks: columns that tell the outcome so well that they can hardly have been known before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from purchasing_power.snapshot.user_table import CUTOFF, UserTable

# From this figure on a column, or a pair of columns, is called a leak.
BOUND = 0.99
MOST_ROWS, FEWEST_ROWS, FEWEST_OF_A_CLASS = 20_000, 100, 10
MOST_PAIRED, MOST_CLASSES, MOST_NAMED_PAIRS = 30, 6, 3
FOLDS, MOST_BINS, FEWEST_BINS, ROWS_A_BIN, MOST_PAIR_BINS, ROWS_A_CELL = 4, 64, 8, 50, 32, 10
# Share of rows that must have a value before a rank correlation speaks for the column.
MOSTLY = 0.9
# Rows by which a cell's mean is drawn towards the mean of all.
PRIOR_ROWS = 0.5
TOGETHER = "together"
# Settings of a user table: its profile columns, and what was found of them.
PROFILE, LEAKS = ("profile_numeric", "profile_categorical"), "leaks"
TOP = 0.8


class Found(NamedTuple):
    """A figure of columns alone, and the class that it is about where there are several."""

    value: float = 0.0
    figure: str = "an AUC"
    of: str = ""


@dataclass(frozen=True)
class Outcome:
    """What is to be told on the rows that are looked at.

    Attributes
    ----------
    label
        Name of the column.
    classes
        Name of each output; one empty name for two classes or an amount.
    values
        0 and 1 for each class, or the amount; shape (n, outputs).
    numeric
        Whether it is an amount.
    folds
        Fold of each row, shape (n,); rows of one group share it.
    """

    label: str
    classes: tuple[str, ...]
    values: np.ndarray
    numeric: bool
    folds: np.ndarray


def find_leaks(
    features: pd.DataFrame, label: pd.Series, task: str, groups: pd.Series | None = None, seed: int = 0
) -> tuple[str, ...]:
    """Sentences that name the columns, or pairs of them, that alone give the label away.

    Looked for are, on at most 20,000 rows of at least 100: a column with an AUC of .99 or more (rates of categories and
    of bins of numbers are estimated out of fold, so that chance on few rows does not count; for an amount rank
    correlation or R2), a column that is missing just where the label says so, a pair of columns that does together
    what neither does alone, and a column that numbers the rows.

    Parameters
    ----------
    features
        Numbers as float64, categories as text; shape (n, columns). Texts that are encoded are not looked at.
    label
        Of each row, missing where it is not known; shape (n,).
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"``.
    groups
        Rows of one group, such as a user, are never on both sides of a fold; by default every row is its own.
    """
    rows = _drawn(label, seed)
    if len(rows) < FEWEST_ROWS:
        return ()
    outcome = _outcome(label.iloc[rows], task, _folds(None if groups is None else groups.iloc[rows], len(rows), seed))
    sample = features.iloc[rows]
    missing = {name: _missing(sample[name], outcome) for name in sample}
    alone = {name: _alone(sample[name], outcome) for name in sample}
    said = [f"{name} numbers the rows." for name in sample if _numbers_rows(features[name])]
    for name in sample:
        if missing[name].value >= BOUND:
            said.append(_sentence(f"Whether {name} is missing", missing[name], outcome))
        elif alone[name].value >= BOUND:
            said.append(_sentence(f"{name} alone", alone[name], outcome))
    left = [name for name in sample if max(missing[name].value, alone[name].value) < BOUND]
    best = set(sorted(left, key=lambda name: -alone[name].value)[: _most_paired(outcome)])
    return (*said, *_pairs(sample[[name for name in sample if name in best]], outcome))


def with_leaks(table: UserTable) -> UserTable:
    """A panel with what profile columns alone say of its outcomes in ``settings["leaks"]``, where they say too much.

    Looked at are the users of the newest cutoff whose horizon is over: who buys in it, and whose spend is in the top
    fifth.
    """
    meta, frame = table.meta, table.frame
    bought = frame[str(meta.orders_outcome)]
    profile = [name for key in PROFILE for name in meta.settings.get(key, ()) if name in frame]
    if not profile or bought.isna().all():
        return table
    rows = frame[(frame[CUTOFF] == frame.loc[bought.notna(), CUTOFF].max()) & bought.notna()]
    days = meta.horizon_days
    labels = {f"buying in the next {days} days": rows[str(meta.orders_outcome)] > 0}
    if meta.spend_outcome is not None:
        spend = rows[meta.spend_outcome]
        labels[f"the top fifth of spend in the next {days} days"] = spend > spend.quantile(TOP)
    found = [
        sentence
        for name, label in labels.items()
        for sentence in find_leaks(rows[profile], label.astype("str").rename(name), "binary")
    ]
    if not found:
        return table
    return replace(table, meta=replace(meta, settings={**meta.settings, LEAKS: list(dict.fromkeys(found))}))


def _most_paired(outcome: Outcome) -> int:
    """Columns whose pairs are tried: as many cells are counted for many classes as for one."""
    return int(MOST_PAIRED / np.sqrt(len(outcome.classes) or 1))


def _drawn(label: pd.Series, seed: int) -> np.ndarray:
    rows = np.flatnonzero(label.notna().to_numpy())
    if len(rows) <= MOST_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))


def _folds(groups: pd.Series | None, rows: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, FOLDS, rows)
    return drawn if groups is None else drawn[pd.factorize(groups)[0]]


def _outcome(label: pd.Series, task: str, folds: np.ndarray) -> Outcome:
    name = str(label.name)
    if task == "regression":
        return Outcome(name, ("",), label.to_numpy(np.float64)[:, None], True, folds)
    counts = label.value_counts()
    rare = counts[(counts >= FEWEST_OF_A_CLASS) & (len(label) - counts >= FEWEST_OF_A_CLASS)]
    # One of two classes tells of both.
    chosen = list(rare.index[-1:] if len(counts) == 2 else rare.index[:MOST_CLASSES])
    values = np.column_stack([(label == one).to_numpy(np.float64) for one in chosen] or [np.zeros((len(label), 0))])
    return Outcome(name, ("",) if len(counts) == 2 else tuple(map(str, chosen)), values, False, folds)


def _numbers_rows(values: pd.Series) -> bool:
    """Whether every row has a whole number of its own, from 0 or 1 with few gaps, in whatever order."""
    if not pd.api.types.is_numeric_dtype(values.dtype) or values.isna().any() or len(values) < FEWEST_ROWS:
        return False
    whole = bool((values % 1 == 0).all()) and values.is_unique
    return whole and values.min() in (0, 1) and values.max() <= 1.1 * len(values)


def _missing(values: pd.Series, outcome: Outcome) -> Found:
    """How well it tells the label, or whether an amount is 0, that the column has no value."""
    gaps = values.isna().to_numpy(np.int64)
    if not FEWEST_OF_A_CLASS <= gaps.sum() <= len(gaps) - FEWEST_OF_A_CLASS:
        return Found()
    told = outcome.values == 0 if outcome.numeric else outcome.values
    return _best([_two_sided(_auc(np.arange(2.0), gaps, one)) for one in told.T], outcome, "an AUC")


def _alone(values: pd.Series, outcome: Outcome) -> Found:
    codes, size = _codes(values, int(np.clip(len(values) // ROWS_A_BIN, FEWEST_BINS, MOST_BINS)), None)
    found = _by_cells(codes, size, outcome)
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return found
    if outcome.numeric:
        return max(found, Found(_rank_correlation(values, outcome.values[:, 0]), "a rank correlation"))
    distinct, places = np.unique(values.fillna(-np.inf).to_numpy(), return_inverse=True)
    ranked = [_two_sided(_auc(np.arange(float(len(distinct))), places, one)) for one in outcome.values.T]
    return max(found, _best(ranked, outcome, "an AUC"))


def _codes(values: pd.Series, most: int, most_categories: int | None) -> tuple[np.ndarray, int]:
    """Bin or category of each row, missing ones the last, and how many there are."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(np.float64)
        known = numbers[~np.isnan(numbers)]
        edges = np.unique(known)
        if len(edges) > most:
            edges = np.unique(np.quantile(known, np.linspace(0, 1, most + 1)[1:-1], method="nearest"))
        codes = np.searchsorted(edges, numbers, side="left")
        codes[np.isnan(numbers)] = len(edges) + 1
        return codes, len(edges) + 2
    found, names = pd.factorize(values)
    if most_categories is not None and len(names) > most_categories:
        counts = np.bincount(found[found >= 0], minlength=len(names))
        places = np.full(len(names), most_categories)
        places[np.argsort(-counts, kind="stable")[:most_categories]] = np.arange(most_categories)
        found, size = np.where(found >= 0, places[found], -1), most_categories + 1
    else:
        size = len(names)
    return np.where(found >= 0, found, size), size + 1


def _by_cells(codes: np.ndarray, size: int, outcome: Outcome) -> Found:
    """AUC, or R2 of an amount, of each cell's mean as the other folds have it."""
    cells = codes * FOLDS + outcome.folds
    rows = np.bincount(cells, minlength=size * FOLDS).astype(np.float64)
    found = []
    for y in outcome.values.T:
        sums = np.bincount(cells, weights=y, minlength=size * FOLDS)
        others, of_others = _of_other_folds(sums), _of_other_folds(rows)
        means = (others + PRIOR_ROWS * y.mean()) / (of_others + PRIOR_ROWS)
        if outcome.numeric:
            rest, spread = ((y - means[cells]) ** 2).sum(), ((y - y.mean()) ** 2).sum()
            found.append(1 - rest / spread if spread > 0 else 0.0)
        else:
            found.append(_auc_of_groups(means, sums, rows))
    return _best(found, outcome, "an R2" if outcome.numeric else "an AUC")


def _of_other_folds(values: np.ndarray) -> np.ndarray:
    by_cell = values.reshape(-1, FOLDS)
    return (by_cell.sum(axis=1, keepdims=True) - by_cell).ravel()


def _auc(scores: np.ndarray, places: np.ndarray, y: np.ndarray) -> float:
    """AUC of the score of each row's place."""
    rows = np.bincount(places, minlength=len(scores)).astype(np.float64)
    return _auc_of_groups(scores, np.bincount(places, weights=y, minlength=len(scores)), rows)


def _auc_of_groups(scores: np.ndarray, positives: np.ndarray, rows: np.ndarray) -> float:
    """Area under the ROC curve of groups of rows that share a score."""
    order = np.argsort(scores)
    ones, zeros = positives[order], (rows - positives)[order]
    pairs = ones.sum() * zeros.sum()
    return float((ones * (np.cumsum(zeros) - zeros / 2)).sum() / pairs) if pairs else 0.5


def _two_sided(auc: float) -> float:
    return max(auc, 1 - auc)


def _rank_correlation(values: pd.Series, y: np.ndarray) -> float:
    known = values.notna().to_numpy()
    if known.mean() < MOSTLY:
        return 0.0
    ranks = np.column_stack([values[known].rank(), pd.Series(y[known]).rank()])
    return _correlation(ranks[:, 0], ranks[:, 1])


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(abs(np.corrcoef(first, second)[0, 1]))


def _best(values: list[float], outcome: Outcome, figure: str) -> Found:
    return max((Found(value, figure, of) for value, of in zip(values, outcome.classes, strict=True)), default=Found())


def _pairs(sample: pd.DataFrame, outcome: Outcome) -> list[str]:
    """Sentences about the pairs that tell most."""
    bins = int(np.clip(np.sqrt(len(sample) / ROWS_A_CELL), 3, MOST_PAIR_BINS))
    codes = {str(name): _codes(sample[name], bins, bins) for name in sample}
    sums = _linear(sample, outcome) if outcome.numeric else {}
    found = []
    for first, second in combinations(codes, 2):
        (left, wide), (right, size) = codes[first], codes[second]
        told = max(_by_cells(left * size + right, wide * size, outcome), sums.get((first, second), Found()))
        if told.value >= BOUND:
            found.append((told, first, second))
    found.sort(key=lambda one: -one[0].value)
    said = [_sentence(f"{first} and {second} {TOGETHER}", told, outcome) for told, first, second in found]
    more = len(said) - MOST_NAMED_PAIRS
    return said if more <= 0 else [*said[:MOST_NAMED_PAIRS], f"So do {more} further pairs of columns."]


def _linear(sample: pd.DataFrame, outcome: Outcome) -> dict[tuple[str, str], Found]:
    """R2 of a sum, difference, product or ratio of two numbers: of the amount or its logarithm on those of the pair."""
    numeric = [str(name) for name in sample if pd.api.types.is_numeric_dtype(sample[name].dtype)]
    both = np.column_stack([sample[numeric].to_numpy(np.float64), outcome.values])
    found: dict[tuple[str, str], Found] = {}
    for table in (both, np.log(np.where(both > 0, both, np.nan))):
        mostly = (~np.isnan(table)).mean(axis=0) >= MOSTLY
        if not mostly[-1]:
            continue
        r = pd.DataFrame(table).corr().to_numpy()
        for one, two in combinations(np.flatnonzero(mostly[:-1]), 2):
            a, b, t = r[one, -1], r[two, -1], r[one, two]
            value = (a**2 + b**2 - 2 * a * b * t) / (1 - t**2) if abs(t) < 1 - 1e-9 else 0.0
            pair = numeric[one], numeric[two]
            found[pair] = max(found.get(pair, Found()), Found(float(value), "an R2"))
    return found


def _sentence(what: str, found: Found, outcome: Outcome) -> str:
    of = f"{outcome.label} = {found.of}" if found.of else outcome.label
    gives = "give" if what.endswith(TOGETHER) else "gives"
    return f"{what} {gives} {found.figure} of {found.value:.4f} for {of} on {len(outcome.values):,} rows."
