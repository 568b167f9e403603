"""Distributions that fit in a few kilobytes: counts between cuts, and counts of categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.reference.columns import OTHER

MOST_CUTS = 512
# Of fewer users neither a value nor a category is kept: it could point at somebody, and no test can say anything of it.
LEAST_USERS = 10
MOST_CATEGORIES = 30


@dataclass(frozen=True)
class NumericSketch:
    """Users between the cuts of one column.

    Attributes
    ----------
    cuts
        Ascending, shape (k,): the values of one user in ten at most, and of 512 where there are more. Just below a
        value that as many users share stands a cut of its own.
    counts
        Users at most at each cut and above the one before, and above the last; shape (k + 1,).
    missing
        Users without a value.
    mean
        Of the values present; NaN without any.
    low, high
        Range of the values, rounded outward to one digit, since the ends are single users' values.
    by_cutoff
        The same counts at each cutoff, and last the users without a value; shape (n_cutoffs, k + 2).
    """

    cuts: np.ndarray
    counts: np.ndarray
    missing: int
    mean: float
    low: float
    high: float
    by_cutoff: np.ndarray

    @property
    def error(self) -> float:
        """By how much, 0 to 1, a distance of distribution functions taken at the cuts can be too small.

        Between two cuts the reference rises by the share of users there, and both functions only rise: no
        distance there is larger than at the cuts plus that share. It is never too large.
        """
        total = self.counts.sum()
        if not len(self.cuts):
            return 1.0
        single = np.concatenate([[False], np.nextafter(self.cuts[:-1], np.inf) == self.cuts[1:], [False]])
        return float(self.counts[~single].max() / total)


@dataclass(frozen=True)
class NumericCounts:
    """Another sample, counted on the cuts of a sketch: see there; ``outside`` are users beyond its range."""

    counts: np.ndarray
    missing: int
    mean: float
    outside: int


@dataclass(frozen=True)
class CategorySketch:
    """Users of each category of one column.

    Attributes
    ----------
    names
        Categories with 10 users or more, at most 30, the most frequent first.
    counts
        Users of each, and last of all others; shape (k + 1,).
    known
        Hashes (uint64, ascending) of every category, rare ones too.
    by_cutoff
        The same counts at each cutoff, shape (n_cutoffs, k + 1).
    """

    names: tuple[str, ...]
    counts: np.ndarray
    known: np.ndarray
    by_cutoff: np.ndarray


@dataclass(frozen=True)
class CategoryCounts:
    """Another sample, counted by the categories of a sketch.

    Attributes
    ----------
    new
        Users of a category that the sketch's sample did not have at all.
    largest_other, largest_users
        The largest category among all others, where it has 10 users or more, and its users; else ``"other"`` and 0.
    """

    counts: np.ndarray
    new: int
    largest_other: str
    largest_users: int


Sketch = NumericSketch | CategorySketch
Counts = NumericCounts | CategoryCounts


def sketch_numbers(
    values: np.ndarray, every: np.ndarray | None = None, cutoffs: np.ndarray | None = None
) -> NumericSketch:
    """Sketch numbers, one of each user.

    Parameters
    ----------
    values
        float64, shape (n_users,), NaN where missing.
    every, cutoffs
        Values at every cutoff, and the cutoff of each as a code from 0 on; shape (n_rows,).
    """
    present = np.sort(values[np.isfinite(values)])
    cuts = _cuts(present)
    counts = np.diff(np.searchsorted(present, cuts, side="right"), prepend=0, append=len(present))
    places = [] if every is None or cutoffs is None else [every[cutoffs == n] for n in _codes(cutoffs)]
    at_each = [count_numbers(one, cuts) for one in places]
    return NumericSketch(
        cuts=cuts,
        counts=counts,
        missing=len(values) - len(present),
        mean=float(present.mean()) if len(present) else float("nan"),
        low=-_outward(-present[0]) if len(present) else float("nan"),
        high=_outward(present[-1]) if len(present) else float("nan"),
        by_cutoff=np.array([[*one.counts, one.missing] for one in at_each], np.int64).reshape(
            len(at_each), len(cuts) + 2
        ),
    )


def count_numbers(values: np.ndarray, cuts: np.ndarray, low: float = -np.inf, high: float = np.inf) -> NumericCounts:
    """Count numbers on cuts in one pass: n log k steps, and no copy is sorted."""
    finite = np.isfinite(values)
    present = values if finite.all() else values[finite]
    counts = np.bincount(np.searchsorted(cuts, present, side="left"), minlength=len(cuts) + 1)
    outside = int((present < low).sum() + (present > high).sum())
    mean = float(present.mean()) if len(present) else float("nan")
    return NumericCounts(counts.astype(np.int64), len(values) - len(present), mean, outside)


def sketch_categories(
    values: pd.Series, every: pd.Series | None = None, cutoffs: np.ndarray | None = None
) -> CategorySketch:
    """Sketch categories (plain strings), one of each user; ``every`` and ``cutoffs`` as for numbers."""
    found = values.value_counts()
    names = tuple(map(str, found[found >= LEAST_USERS].index[:MOST_CATEGORIES]))
    known = np.sort(_hashed(found.index))
    counts = count_categories(values, names, known).counts
    places = [] if every is None or cutoffs is None else [every[cutoffs == n] for n in _codes(cutoffs)]
    at_each = [count_categories(one, names, known).counts for one in places]
    return CategorySketch(names, counts, known, np.array(at_each, np.int64).reshape(len(at_each), len(counts)))


def count_categories(values: pd.Series, names: tuple[str, ...], known: np.ndarray) -> CategoryCounts:
    """Count categories by the names of a sketch."""
    found = values.value_counts()
    others = found[~found.index.isin(names)]
    kept = found.reindex(list(names), fill_value=0).to_numpy(np.int64)
    new = others[~np.isin(_hashed(others.index), known)] if len(others) else others
    large = bool(len(others)) and int(others.iloc[0]) >= LEAST_USERS
    return CategoryCounts(
        counts=np.append(kept, int(others.sum())),
        new=int(new.sum()),
        largest_other=str(others.index[0]) if large else OTHER,
        largest_users=int(others.iloc[0]) if large else 0,
    )


def quantiles(sketch: NumericSketch, counts: np.ndarray, missing: int, size: int) -> np.ndarray:
    """``size`` values that are spread as the counts are, float64, in a fixed random order; NaN where missing.

    Between two cuts they lie evenly; beyond the first and the last cut they lie on it.
    """
    total = int(counts.sum())
    gone = round(size * missing / max(total + missing, 1)) if total else size
    wanted = (np.arange(size - gone) + 0.5) / max(size - gone, 1)
    if not len(sketch.cuts):
        made = np.full(size - gone, sketch.mean)
    else:
        # A cut just below a value stands for that value.
        above = np.append(sketch.cuts[1:], np.inf)
        cuts = np.where(np.nextafter(sketch.cuts, np.inf) == above, above, sketch.cuts)
        edges = np.concatenate([cuts[:1], cuts, cuts[-1:]])
        reached = np.concatenate([[0], np.cumsum(counts)]) / max(total, 1)
        place = np.clip(np.searchsorted(reached, wanted, side="left"), 1, len(reached) - 1)
        width = np.maximum(reached[place] - reached[place - 1], np.finfo(float).tiny)
        made = edges[place - 1] + (wanted - reached[place - 1]) / width * (edges[place] - edges[place - 1])
    return np.random.default_rng(0).permutation(np.concatenate([made, np.full(gone, np.nan)]))


def _cuts(ordered: np.ndarray) -> np.ndarray:
    step = max(LEAST_USERS, int(np.ceil(len(ordered) / MOST_CUTS)))
    cuts = np.unique(ordered[step - 1 :: step])
    sizes = np.searchsorted(ordered, cuts, side="right") - np.searchsorted(ordered, cuts, side="left")
    return np.union1d(cuts, np.nextafter(cuts[sizes >= step], -np.inf))


def _codes(cutoffs: np.ndarray) -> range:
    return range(int(cutoffs.max()) + 1 if len(cutoffs) else 0)


def _hashed(names: pd.Index) -> np.ndarray:
    return np.asarray(pd.util.hash_array(np.asarray(names, dtype=object)), np.uint64)


def _outward(value: float) -> float:
    """The number of one digit at or above a value."""
    if not value or not np.isfinite(value):
        return float(value)
    unit = 10.0 ** np.floor(np.log10(abs(value)))
    return float(np.ceil(value / unit - 1e-9) * unit)
