"""The gate from candidate to staging: whether a version may move up, decided from figures alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from purchasing_power.evaluation.bootstrap import METRIC_NAMES, Comparison, Interval
from purchasing_power.evaluation.slices import SliceComparison
from purchasing_power.gates.calibration import CalibrationEvidence
from purchasing_power.gates.decision import Check, Decision, decided
from purchasing_power.gates.level import corrected_level

ADVANTAGES = {
    "better": (),
    "cheaper": ("cheaper",),
    "newer": ("newer",),
    "cheaper_or_newer": ("cheaper", "newer"),
}


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
        Least level of the intervals at the first try against a version in production.
    min_users
        Fewest users in the evaluation rows for a comparison with production; the first version needs the
        floor alone, whose interval widens by itself where users are few.
    accept
        ``better``; or ``cheaper``, ``newer``, ``cheaper_or_newer``: a challenger with that advantage need not be
        better, but not worse by more than ``tolerance``.
    tolerance
        How much worse an accepted advantage may be, in the metric's unit.
    calibration_error
        Ceiling of the expected calibration error; one that chance explains is let pass.
    slice_margin
        No profile slice may be worse by more than this with an interval wholly below 0.
    """

    margin: float = 0.0
    floor_margin: float = 0.0
    level: float = 0.95
    min_users: int = 100
    accept: str = "better"
    tolerance: float = 0.01
    calibration_error: float = 0.1
    slice_margin: float = 0.05


@dataclass(frozen=True)
class Advantage:
    """What a challenger has ahead of production apart from its figure: ``cheaper`` or ``newer``, and how much."""

    kind: str
    text: str


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
        How many of the evaluation rows each compared model was trained on, by the model's name: 0 for all of them,
        or the version is refused.
    left_out
        Held-back rows that are no evaluation rows because one of the models has seen them.
    attempt
        How often the gate was tried against this version in production, this try included.
    advantages
        What the challenger has ahead, where the policy asks for it.
    calibration
        ``None`` for amounts.
    slices
        Every profile group that is large enough; ``None`` where the table has no profile columns.
    """

    challenger: Interval
    floor: Comparison
    production: Comparison | None
    rows: int
    users: int
    overlap: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    attempt: int = 1
    advantages: tuple[Advantage, ...] = ()
    calibration: CalibrationEvidence | None = None
    slices: tuple[SliceComparison, ...] | None = None


def decide(evidence: GateEvidence, policy: GatePolicy) -> Decision:
    """A version passes when every check holds: untouched rows, floor, calibration; and production if there is one."""
    checks = [
        _untouched_rows(evidence),
        _better("the naive baseline", evidence.floor, policy.floor_margin, policy.level),
        _calibrated(evidence.calibration, policy),
    ]
    if evidence.production is not None:
        checks += [
            _enough_users(evidence, policy),
            _against_production(evidence, evidence.production, policy),
            _slices(evidence, policy),
        ]
    else:
        size = f"{evidence.rows:,} evaluation rows of {evidence.users:,} users"
        text = f"{size}. No version is in production yet: the naive baseline alone is the bar."
        checks.append(Check("production", True, text))
    return decided(_summary(evidence.challenger), checks)


def _summary(challenger: Interval) -> str:
    return (
        f"The challenger's {METRIC_NAMES[challenger.metric]} is {challenger.value:.4f} "
        f"({challenger.level:.0%} interval {challenger.low:.4f} to {challenger.high:.4f})."
    )


def _enough_users(evidence: GateEvidence, policy: GatePolicy) -> Check:
    size = f"{evidence.rows:,} evaluation rows of {evidence.users:,} users"
    if evidence.users < policy.min_users:
        text = f"{size}; at least {policy.min_users:,} users are needed to tell two models apart."
        return Check("users", False, text)
    return Check("users", True, f"{size}, at least {policy.min_users:,} users as required.")


def _untouched_rows(evidence: GateEvidence) -> Check:
    seen = {name: count for name, count in evidence.overlap.items() if count}
    if seen:
        counts = " and ".join(
            f"{name} was trained on {count:,} of the {evidence.rows:,} evaluation rows"
            for name, count in seen.items()
        )
        return Check("unseen rows", False, f"{counts}; evaluate on a cutoff that no compared model has seen.")
    left = (
        f" {evidence.left_out:,} held-back rows that one has seen were left out." if evidence.left_out else ""
    )
    text = f"The compared models were trained on 0 of the {evidence.rows:,} evaluation rows.{left}"
    return Check("unseen rows", True, text)


def _calibrated(found: CalibrationEvidence | None, policy: GatePolicy) -> Check:
    if found is None:
        return Check("calibration", True, "Calibration is not measured: no probability was given.")
    said = (
        f"Calibration error {found.error:.4f} on {found.rows:,} rows "
        f"(a perfectly calibrated model stays under {found.by_chance:.4f}), ceiling {policy.calibration_error:g}"
    )
    if found.error <= policy.calibration_error:
        return Check("calibration", True, f"{said}.")
    if found.error <= found.by_chance:
        return Check(
            "calibration", True, f"{said}: above the ceiling, but no more than chance on so few rows."
        )
    return Check("calibration", False, f"{said}: the probabilities do not come true.")


def _against_production(evidence: GateEvidence, against: Comparison, policy: GatePolicy) -> Check:
    level = corrected_level(policy.level, evidence.attempt)
    ahead = [one for one in evidence.advantages if one.kind in ADVANTAGES[policy.accept]]
    tried = (
        f" Try {evidence.attempt} against this version, so at a level of {level:.2%}."
        if evidence.attempt > 1
        else ""
    )
    bar = min(policy.margin, -policy.tolerance) if ahead else policy.margin
    check = _better("production", against, bar, level)
    why = "".join(f" It need not be better, being {one.kind}: {one.text}." for one in ahead)
    return Check(check.name, check.held, check.text + why + tried)


def _slices(evidence: GateEvidence, policy: GatePolicy) -> Check:
    if evidence.slices is None:
        return Check(
            "slices", True, "No slice is compared: the user table has no categorical profile column."
        )
    worse = [
        one
        for one in evidence.slices
        if one.comparison.difference < -policy.slice_margin and one.comparison.high < 0
    ]
    if worse:
        named = "; ".join(
            f"{one.column} {one.value} by {-one.comparison.difference:.4f} (interval {one.comparison.low:+.4f} to "
            f"{one.comparison.high:+.4f}, {one.users:,} users)"
            for one in worse
        )
        text = f"Worse by more than {policy.slice_margin:g} in {len(worse)} of {len(evidence.slices)} slices: {named}."
        return Check("slices", False, text)
    text = f"None of {len(evidence.slices)} profile slices is clearly worse by more than {policy.slice_margin:g}."
    return Check("slices", True, text)


def _better(name: str, comparison: Comparison, margin: float, level: float) -> Check:
    figures = (
        f"{METRIC_NAMES[comparison.metric]} {comparison.challenger:.4f} against {comparison.champion:.4f} of "
        f"{name}: difference {comparison.difference:+.4f}, {_percent(comparison.level)} interval "
        f"{comparison.low:+.4f} to {comparison.high:+.4f}"
    )
    if comparison.level < level:
        return Check(name, False, f"{figures}; an interval of at least {_percent(level)} is required.")
    if not math.isfinite(comparison.low):
        return Check(name, False, f"{figures}; it is not defined on these rows.")
    if comparison.low > margin:
        return Check(name, True, f"{figures}, wholly above {margin:g}.")
    return Check(name, False, f"{figures}, not wholly above {margin:g}, so {name} is not clearly beaten.")


def _percent(level: float) -> str:
    return f"{level:.2%}".replace(".00%", "%")
