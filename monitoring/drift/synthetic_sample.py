"""Columns that look like a sample does: what reports draw, without a row of a user."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from purchasing_power.reference.columns import OTHER, Columns
from purchasing_power.reference.sketch import (
    CategoryCounts,
    CategorySketch,
    Counts,
    NumericCounts,
    NumericSketch,
    Sketch,
    quantiles,
)

# Values drawn of each column on either side.
SIZE = 1_000


def shown(sketches: Mapping[str, Sketch], now: Mapping[str, Counts]) -> tuple[Columns, Columns]:
    """1,000 values of each column on either side, spread as its counts are: then and now.

    They are quantiles and not users: values of one row have nothing to do with each other.
    """
    before: Columns = {}
    after: Columns = {}
    for name, sketch in sketches.items():
        counts = now.get(name)
        if isinstance(sketch, NumericSketch) and isinstance(counts, NumericCounts):
            before[name] = pd.Series(quantiles(sketch, sketch.counts, sketch.missing, SIZE), name=name)
            after[name] = pd.Series(quantiles(sketch, counts.counts, counts.missing, SIZE), name=name)
        elif isinstance(sketch, CategorySketch) and isinstance(counts, CategoryCounts):
            before[name] = _repeated(name, dict(zip([*sketch.names, OTHER], sketch.counts, strict=True)))
            after[name] = _repeated(name, _named(sketch, counts))
    return before, after


def _named(sketch: CategorySketch, counts: CategoryCounts) -> dict[str, int]:
    found = {name: int(count) for name, count in zip(sketch.names, counts.counts, strict=False)}
    others = int(counts.counts[-1]) - counts.largest_users
    large = {counts.largest_other: counts.largest_users} if counts.largest_users else {}
    return found | large | {OTHER: others}


def _repeated(name: str, users: dict[str, int]) -> pd.Series:
    counts = np.array(list(users.values()), np.float64)
    reached = np.cumsum(counts) / max(counts.sum(), 1)
    place = np.searchsorted(reached, (np.arange(SIZE) + 0.5) / SIZE)
    values = np.array(list(users), dtype=object)[np.minimum(place, len(users) - 1)]
    return pd.Series(np.random.default_rng(0).permutation(values), name=name, dtype=object)
