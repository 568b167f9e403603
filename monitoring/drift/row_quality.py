"""Quality of the current rows: what must be looked at before any drift is believed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from monitoring.drift.results import QualityCheck
from monitoring.drift.sample_tests import homogeneity
from purchasing_power.model.protocol import Table, TableMeta
from purchasing_power.reference.measure import Reference
from purchasing_power.reference.sketch import CategoryCounts, CategorySketch, Counts, NumericCounts, NumericSketch

GOOD, LOOK, BAD = "good", "look", "bad"
# Shares of users from which a column is named, and from which it is bad.
NAMED, SERIOUS = 0.05, 0.5
# A column is named only where chance is ruled out at this level, divided by the number of columns.
LEVEL = 0.05
FEWEST, MOST = 0.5, 2.0
STALE_DAYS, OLD_DAYS = 7.0, 365
RECENCY = "days_since_order"
MOST_NAMED = 3
# Fewer users are strays, and could be pointed at.
LEAST = 10


def check_rows(
    reference: Reference, now: Mapping[str, Counts], users: int, moment: date | None
) -> tuple[QualityCheck, ...]:
    """Nulls, ranges, new categories, volume and freshness of the current rows; ``schema`` checks the columns.

    Parameters
    ----------
    now
        The columns of the reference, counted on its sketches.
    users
        Current users.
    moment
        Their cutoff; ``None`` for a flat table, which has neither volume nor freshness.
    """
    checks = [_nulls(reference, now), _ranges(reference, now), _categories(reference, now)]
    if moment is not None and reference.cutoffs:
        checks += [_volume(reference, users), _freshness(reference, now, moment)]
    return tuple(checks)


def schema(table: Table, meta: TableMeta) -> QualityCheck:
    """Whether the columns are the model's: missing ones cannot be scored, further ones are not looked at."""
    features = {*table.meta.features}
    lacking = [name for name in meta.features if name not in table.frame]
    further = sorted(features - {*meta.features})
    kinds = [name for name in meta.numeric if name in table.meta.categorical]
    kinds += [name for name in meta.categorical if name in table.meta.numeric]
    if lacking:
        return QualityCheck("schema", BAD, f"{len(lacking)} columns are missing{_names(lacking)}.", float(len(lacking)))
    if kinds:
        return QualityCheck(
            "schema", BAD, f"{len(kinds)} columns changed their kind{_names(kinds)}.", float(len(kinds))
        )
    message = f"All {len(meta.features)} columns are there"
    if further:
        return QualityCheck(
            "schema", LOOK, f"{message}; {len(further)} further ones are not used{_names(further)}.", 0.0
        )
    return QualityCheck("schema", GOOD, f"{message}.", 0.0)


def _nulls(reference: Reference, now: Mapping[str, Counts]) -> QualityCheck:
    found: list[tuple[str, float]] = []
    for name, sketch in reference.columns.items():
        counts = now.get(name)
        if not isinstance(sketch, NumericSketch) or not isinstance(counts, NumericCounts):
            continue
        before = np.array([int(sketch.counts.sum()), sketch.missing])
        after = np.array([int(counts.counts.sum()), counts.missing])
        rise = after[1] / max(after.sum(), 1) - before[1] / max(before.sum(), 1)
        if rise >= NAMED and homogeneity(before, after)[0] <= LEVEL / len(reference.columns):
            found.append((name, float(rise)))
    return _shares("nulls", "miss more values than at training", "No column misses more values than it used to", found)


def _ranges(reference: Reference, now: Mapping[str, Counts]) -> QualityCheck:
    found = []
    for name, sketch in reference.columns.items():
        counts = now.get(name)
        if isinstance(sketch, NumericSketch) and isinstance(counts, NumericCounts):
            share = counts.outside / max(int(counts.counts.sum()), 1)
            # The range is rounded outward and holds every training user: more than a stray user is worth a look.
            if counts.outside >= LEAST and share >= NAMED / 5:
                found.append((name, share))
    return _shares("ranges", "hold values beyond the range at training", "No column leaves its range", found)


def _categories(reference: Reference, now: Mapping[str, Counts]) -> QualityCheck:
    found = []
    for name, sketch in reference.columns.items():
        counts = now.get(name)
        if isinstance(sketch, CategorySketch) and isinstance(counts, CategoryCounts):
            share = counts.new / max(int(counts.counts.sum()), 1)
            if counts.new >= LEAST and share >= NAMED / 5:
                found.append((name, share))
    return _shares(
        "categories", "hold categories that training never saw", "No column holds many new categories", found
    )


def _volume(reference: Reference, users: int) -> QualityCheck:
    usual = float(np.median(reference.cutoff_users))
    ratio = users / max(usual, 1.0)
    status = GOOD if FEWEST <= ratio <= MOST else LOOK
    return QualityCheck(
        "volume", status, f"{users:,} users; a cutoff at training had {usual:,.0f} (the median).", ratio
    )


def _freshness(reference: Reference, now: Mapping[str, Counts], moment: date) -> QualityCheck:
    age = (moment - date.fromisoformat(reference.cutoffs[-1])).days
    message = f"The cutoff lies {age} days after the last one trained on"
    later = 0.0
    sketch, counts = reference.columns.get(RECENCY), now.get(RECENCY)
    if isinstance(sketch, NumericSketch) and isinstance(counts, NumericCounts) and len(sketch.cuts):
        newest = _tenth(sketch.cuts, counts.counts)
        later = newest - float(sketch.cuts[0])
        if later > STALE_DAYS:
            message += f"; the newest orders are {later:.0f} days older than they were then"
            message += ". Check that the export reaches to the cutoff"
    status = BAD if later > STALE_DAYS else LOOK if age > OLD_DAYS else GOOD
    return QualityCheck("freshness", status, f"{message}.", float(age))


def _tenth(cuts: np.ndarray, counts: np.ndarray) -> float:
    """The cut up to which ten users lie, or a twentieth of fewer than 200: no single user's value."""
    wanted = min(10, max(int(counts.sum()) // 20, 1))
    reached = np.cumsum(counts) >= wanted
    return float(cuts[min(int(np.argmax(reached)), len(cuts) - 1)]) if reached.any() else float(cuts[-1])


def _shares(name: str, what: str, nothing: str, found: list[tuple[str, float]]) -> QualityCheck:
    if not found:
        return QualityCheck(name, GOOD, f"{nothing}.", 0.0)
    ordered = sorted(found, key=lambda one: -one[1])
    largest = ", ".join(f"{column} {share:.0%}" for column, share in ordered[:MOST_NAMED])
    further = f" and {len(ordered) - MOST_NAMED} more" if len(ordered) > MOST_NAMED else ""
    status = BAD if ordered[0][1] >= SERIOUS else LOOK
    return QualityCheck(name, status, f"{len(ordered)} columns {what}: {largest} of users{further}.", ordered[0][1])


def _names(names: list[str]) -> str:
    return f" ({', '.join(names[:MOST_NAMED])}{', …' if len(names) > MOST_NAMED else ''})"
