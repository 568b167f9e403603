"""The promotion gate: whether a version may move up, decided from figures alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from purchasing_power.model.comparison import METRIC_NAMES, Comparison, Interval


@dataclass(frozen=True)
class GatePolicy:
    """What a version must show before it moves up.

    Attributes
    ----------
    margin
        The lower bound of challenger minus production must lie above this, so a tie keeps production.
    floor_margin
        The same for challenger minus naive baseline.
    level
        Least level of the intervals.
    min_users
        Fewest users in the evaluation rows for a comparison with production; the first version needs the
        floor alone, whose interval widens by itself where users are few.
    """

    margin: float = 0.0
    floor_margin: float = 0.0
    level: float = 0.95
    min_users: int = 100


@dataclass(frozen=True)
class GateEvidence:
    """The figures a decision rests on, all on the same evaluation rows.

    Attributes
    ----------
    challenger
        The challenger's figure with its interval.
    floor
        Challenger against the naive baseline.
    production
        Challenger against the version in production; ``None`` for the first version.
    rows, users
        Size of the evaluation rows.
    overlap
        Names of the models that were trained on some of the evaluation rows; empty when none was.
    """

    challenger: Interval
    floor: Comparison
    production: Comparison | None
    rows: int
    users: int
    overlap: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Whether the version moves up, and one sentence with figures for each check."""

    passed: bool
    reasons: tuple[str, ...]


def decide(evidence: GateEvidence, policy: GatePolicy) -> Decision:
    """A version passes when every check holds: untouched rows, floor; size and production if there is one."""
    checks = [
        _untouched_rows(evidence),
        _better("the naive baseline", evidence.floor, policy.floor_margin, policy.level),
    ]
    if evidence.production is not None:
        checks.append(_enough_users(evidence, policy))
        checks.append(_better("production", evidence.production, policy.margin, policy.level))
    else:
        size = f"{evidence.rows:,} evaluation rows of {evidence.users:,} users"
        checks.append(
            (True, f"{size}. No version is in production yet: the naive baseline alone is the bar.")
        )
    passed = all(held for held, _ in checks)
    reasons = tuple(text if held else f"Refused: {text}" for held, text in checks)
    return Decision(passed, (_summary(evidence.challenger), *reasons))


def _summary(challenger: Interval) -> str:
    return (
        f"The challenger's {METRIC_NAMES[challenger.metric]} is {challenger.value:.4f} "
        f"({challenger.level:.0%} interval {challenger.low:.4f} to {challenger.high:.4f})."
    )


def _enough_users(evidence: GateEvidence, policy: GatePolicy) -> tuple[bool, str]:
    size = f"{evidence.rows:,} evaluation rows of {evidence.users:,} users"
    if evidence.users < policy.min_users:
        return False, f"{size}; at least {policy.min_users:,} users are needed to tell two models apart."
    return True, f"{size}, at least {policy.min_users:,} users as required."


def _untouched_rows(evidence: GateEvidence) -> tuple[bool, str]:
    if evidence.overlap:
        return False, (
            f"{' and '.join(evidence.overlap)} trained on some of the evaluation rows; "
            "evaluate on a cutoff that neither model has seen."
        )
    return True, "No model was trained on the evaluation rows."


def _better(name: str, comparison: Comparison, margin: float, level: float) -> tuple[bool, str]:
    figures = (
        f"{METRIC_NAMES[comparison.metric]} {comparison.challenger:.4f} against {comparison.champion:.4f} of "
        f"{name}: difference {comparison.difference:+.4f}, {comparison.level:.0%} interval "
        f"{comparison.low:+.4f} to {comparison.high:+.4f}"
    )
    if comparison.level < level:
        return False, f"{figures}; an interval of at least {level:.0%} is required."
    if not math.isfinite(comparison.low):
        return False, f"{figures}; it is not defined on these rows."
    if comparison.low > margin:
        return True, f"{figures}, wholly above {margin:g}."
    return False, f"{figures}, not wholly above {margin:g}, so {name} is not clearly beaten."
