"""Drift of each column, of scores and of tiers: current counts against stored ones, by tests that know both sizes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import numpy as np

from monitoring.drift import sample_tests
from monitoring.drift.results import ABOVE_ALL, AT_MOST, ColumnDrift, ShareChange, TierShare
from purchasing_power.evaluation.metrics import wilson_interval
from purchasing_power.reference.columns import MISSING, OTHER, TIER
from purchasing_power.reference.measure import Reference
from purchasing_power.reference.sketch import (
    LEAST_USERS,
    CategoryCounts,
    CategorySketch,
    Counts,
    NumericCounts,
    NumericSketch,
    Sketch,
)
from purchasing_power.snapshot.target_choice import CLASSES, FOUR_TIERS, THREE_TIERS

# Cutoffs at most so many days from the same day of an earlier year are of the same weeks.
SAME_WEEKS_DAYS = 14
YEAR_DAYS = 365.25
KS, RANKS, CHI_SQUARE = "Kolmogorov-Smirnov", "rank sum", "chi-square"


def columns_drift(
    reference: Reference, now: Mapping[str, Counts], meanings: Mapping[str, str], moment: date | None = None
) -> tuple[ColumnDrift, ...]:
    """Drift of each column of a reference, the largest importance-weighted drift first.

    Parameters
    ----------
    now
        The same columns, counted on the reference's sketches (``measure.count_column``).
    moment
        Cutoff of the current rows: where the reference holds a cutoff in the same weeks of an earlier year, that is
        a second reference, and only what differs from both has drifted.
    """
    season = same_weeks(reference.cutoffs, moment)
    found = []
    for name, sketch in reference.columns.items():
        if name not in now:
            continue
        drift = column_drift(name, sketch, now[name], meanings.get(name, ""), reference.importance.get(name, 0.0))
        found.append(drift if season is None else _beside_season(drift, sketch, now[name], season, reference))
    return tuple(sorted(found, key=lambda column: (-column.weighted_effect, -column.effect, column.column)))


def scores_drift(
    reference: Reference, now: Mapping[str, Counts], meanings: Mapping[str, str]
) -> dict[str, ColumnDrift]:
    """Drift of score and tier, or of the likeliest class, against the calibration rows, by name."""
    return {
        name: column_drift(name, sketch, now[name], meanings.get(name, ""), 0.0)
        for name, sketch in reference.scores.items()
    }


def tier_shares(reference: Reference, now: Mapping[str, Counts]) -> tuple[TierShare, ...]:
    """Shares of the tiers on the calibration rows and now; nothing for a model that gives no tier.

    A campaign list is the users of one tier: its expected length follows from the shares at training.
    """
    sketch, counts = reference.scores.get(TIER), now.get(TIER)
    if not isinstance(sketch, CategorySketch) or not isinstance(counts, CategoryCounts):
        return ()
    before = dict(zip(sketch.names, sketch.counts, strict=False))
    after = dict(zip(sketch.names, counts.counts, strict=False))
    if counts.largest_users:
        after[counts.largest_other] = counts.largest_users
    tiers = tier_order({*before, *after})
    expected = np.array([before.get(tier, 0) for tier in tiers]) / max(int(sketch.counts.sum()), 1)
    users = np.full(len(tiers), max(int(counts.counts.sum()), 1))
    realised = np.array([after.get(tier, 0) for tier in tiers]) / users
    rows = np.column_stack([expected, realised, *wilson_interval(realised, users)]).tolist()
    return tuple(TierShare(tier, *row) for tier, row in zip(tiers, rows, strict=True))


def tier_order(found: Collection[str]) -> tuple[str, ...]:
    """The tiers that a model may give, the lowest first, from those that were found among its predictions."""
    four = CLASSES[FOUR_TIERS]
    return four if four[0] in found else CLASSES[THREE_TIERS]


def column_drift(name: str, sketch: Sketch, now: Counts, meaning: str, importance: float) -> ColumnDrift:
    """Drift of one column against the sketch's own users."""
    if isinstance(sketch, NumericSketch):
        assert isinstance(now, NumericCounts), "a sketch counts its own kind"
        means = {"reference_mean": sketch.mean, "current_mean": now.mean}
        return _drift(name, _numeric(sketch, sketch.counts, sketch.missing, now) | means, meaning, importance)
    assert isinstance(now, CategoryCounts), "a sketch counts its own kind"
    return _drift(name, _categorical(sketch, sketch.counts, now), meaning, importance)


def same_weeks(cutoffs: tuple[str, ...], moment: date | None) -> int | None:
    """Position of the newest cutoff that lies in the same weeks of an earlier year; ``None`` where none does."""
    if moment is None:
        return None
    for place in reversed(range(len(cutoffs))):
        apart = (moment - date.fromisoformat(cutoffs[place])).days
        years = round(apart / YEAR_DAYS)
        if years >= 1 and abs(apart - years * YEAR_DAYS) <= SAME_WEEKS_DAYS:
            return place
    return None


def category_changes(reference: Reference, now: Mapping[str, Counts], level: float) -> tuple[ShareChange, ...]:
    """Categories that rose or fell at a false discovery rate, those that changed most first; 10 users have each."""
    found = []
    for name, sketch in reference.columns.items():
        counts = now.get(name)
        if isinstance(sketch, CategorySketch) and isinstance(counts, CategoryCounts):
            first, second = int(sketch.counts.sum()), int(counts.counts.sum())
            if first and second:
                values = sample_tests.exact(sketch.counts[:-1], first, counts.counts[:-1], second)
                found += [
                    ShareChange(f"{name} = {category}", float(had / first), float(has / second), float(p))
                    for category, had, has, p in zip(
                        sketch.names, sketch.counts[:-1], counts.counts[:-1], values, strict=True
                    )
                ]
    threshold = sample_tests.significance_threshold(np.array([one.p_value for one in found]), level)
    kept = [one for one in found if one.p_value <= threshold]
    return tuple(sorted(kept, key=lambda one: -abs(one.current_share - one.reference_share)))


def _drift(name: str, found: dict[str, Any], meaning: str, importance: float) -> ColumnDrift:
    return ColumnDrift(column=name, meaning=meaning, importance=importance, training_effect=found["effect"], **found)


def _beside_season(drift: ColumnDrift, sketch: Sketch, now: Counts, season: int, reference: Reference) -> ColumnDrift:
    at = sketch.by_cutoff[season]
    if isinstance(sketch, NumericSketch):
        assert isinstance(now, NumericCounts), "a sketch counts its own kind"
        found = _numeric(sketch, at[:-1], int(at[-1]), now)
    else:
        assert isinstance(now, CategoryCounts), "a sketch counts its own kind"
        found = _categorical(sketch, at, now)
    values = vars(drift) | {
        "p_value": max(drift.p_value, found["p_value"]),
        "effect": min(drift.effect, found["effect"]),
        "season": reference.cutoffs[season],
        "season_effect": found["effect"],
    }
    return ColumnDrift(**values)


def _numeric(sketch: NumericSketch, counts: np.ndarray, missing: int, now: NumericCounts) -> dict[str, Any]:
    p_ks, effect = sample_tests.ks(counts, now.counts)
    p_values, test = [p_ks, sample_tests.rank_sum(counts, now.counts)], f"{KS} and {RANKS}"
    at, first, second = sample_tests.largest_gap(counts, now.counts)
    place = f"{AT_MOST}{_number(sketch.cuts[at])}" if at < len(sketch.cuts) else ABOVE_ALL
    if missing or now.missing:
        with_and_without = [
            np.array([int(values.sum()), gone]) for values, gone in ((counts, missing), (now.counts, now.missing))
        ]
        p_missing, moved = sample_tests.homogeneity(*with_and_without)
        p_values, test = [*p_values, p_missing], f"{test}, and {CHI_SQUARE} of the missing share"
        if moved > effect or not counts.sum() or not now.counts.sum():
            effect, place = moved, MISSING
            first, second = (float(users[1] / max(users.sum(), 1)) for users in with_and_without)
    return {
        "kind": "numeric",
        "test": test,
        # The smallest of several p-values counts as often as there are (Bonferroni).
        "p_value": min(1.0, len(p_values) * min(p_values)),
        "effect": effect,
        "place": place,
        "reference_share": first,
        "current_share": second,
    }


def _categorical(sketch: CategorySketch, counts: np.ndarray, now: CategoryCounts) -> dict[str, Any]:
    p_value, effect = sample_tests.homogeneity(counts, now.counts)
    shares = [users / max(users.sum(), 1) for users in (counts, now.counts)]
    at = int(np.argmax(np.abs(shares[0] - shares[1])))
    names = [*sketch.names, OTHER]
    place, first, second = names[at], float(shares[0][at]), float(shares[1][at])
    if names[at] == OTHER and now.largest_users >= LEAST_USERS and second > first:
        # A category that the training rows had too rarely to be counted by itself, or not at all.
        place, second = now.largest_other, now.largest_users / int(now.counts.sum())
    return {
        "kind": "categorical",
        "test": CHI_SQUARE,
        "p_value": p_value,
        "effect": effect,
        "place": place,
        "reference_share": first,
        "current_share": second,
        "reference_mean": math.nan,
        "current_mean": math.nan,
    }


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
