"""Synthetic samples: columns that are spread as the counts of either sample are, drawn in reports in place of users."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from purchasing_power.reference.columns import OTHER, ComparedColumns
from purchasing_power.reference.sketch import (
    CategoryCounts,
    CategorySketch,
    Counts,
    NumericCounts,
    NumericSketch,
    Sketch,
    quantiles,
)

# Values of each column in either sample.
SIZE = 1_000


def synthetic_samples(
    sketches: Mapping[str, Sketch], current: Mapping[str, Counts]
) -> tuple[ComparedColumns, ComparedColumns]:
    """1,000 values of each column, spread as the counts of the reference are and as the current ones are.

    They are quantiles and not users: values of one row have nothing to do with each other.
    """
    reference_sample: ComparedColumns = {}
    current_sample: ComparedColumns = {}
    for name, sketch in sketches.items():
        counts = current.get(name)
        if isinstance(sketch, NumericSketch) and isinstance(counts, NumericCounts):
            values = (
                quantiles(sketch, sketch.counts, sketch.missing, SIZE),
                quantiles(sketch, counts.counts, counts.missing, SIZE),
            )
            reference_sample[name], current_sample[name] = (pd.Series(one, name=name) for one in values)
        elif isinstance(sketch, CategorySketch) and isinstance(counts, CategoryCounts):
            stored = dict(zip([*sketch.names, OTHER], sketch.counts, strict=True))
            reference_sample[name] = _repeated(name, stored)
            current_sample[name] = _repeated(name, _by_category(sketch, counts))
    return reference_sample, current_sample


def _by_category(sketch: CategorySketch, counts: CategoryCounts) -> dict[str, int]:
    users = {name: int(count) for name, count in zip(sketch.names, counts.counts, strict=False)}
    others = int(counts.counts[-1]) - counts.largest_users
    large = {counts.largest_other: counts.largest_users} if counts.largest_users else {}
    return users | large | {OTHER: others}


def _repeated(name: str, users: dict[str, int]) -> pd.Series:
    counts = np.array(list(users.values()), np.float64)
    reached = np.cumsum(counts) / max(counts.sum(), 1)
    place = np.searchsorted(reached, (np.arange(SIZE) + 0.5) / SIZE)
    values = np.array(list(users), dtype=object)[np.minimum(place, len(users) - 1)]
    return pd.Series(np.random.default_rng(0).permutation(values), name=name, dtype=object)
