"""The gate from candidate to staging: whether a version may move up, decided from figures alone."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from purchasing_power.evaluation.bootstrap import Comparison, Interval, metric_name
from purchasing_power.gates.decision import Check, Decision, corrected_level, decided

REFUSE, ACCEPTED = "refuse", "accepted"
ADVANTAGES = {"better": (), "cheaper": ("cheaper",), "newer": ("newer",), "cheaper_or_newer": ("cheaper", "newer")}


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
    leak
        ``refuse`` refuses a version that was trained on columns which alone give the outcome away; ``accepted`` lets
        it pass, where they are known before the outcome is.
    """

    margin: float = 0.0
    floor_margin: float = 0.0
    level: float = 0.95
    min_users: int = 100
    accept: str = "better"
    tolerance: float = 0.01
    calibration_error: float = 0.1
    slice_margin: float = 0.05
    leak: str = REFUSE


@dataclass(frozen=True)
class Advantage:
    """What a challenger has ahead of production apart from its figure: ``cheaper`` or ``newer``, and how much."""

    kind: str
    text: str


@dataclass(frozen=True)
class OwnEvidence:
    """What a kind of model looks at besides its figure, such as calibration or slices.

    Attributes
    ----------
    checks
        The kind's own requirements.
    figures
        Numbers that are logged as metrics, by name.
    comparisons
        Further comparisons with production that the report shows, each with whom it is about.
    details
        What the checks rest on, for the ledger.
    """

    checks: tuple[Check, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    comparisons: tuple[tuple[str, Comparison], ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GateEvidence:
    """The figures a decision rests on, all on the same evaluation rows.

    Attributes
    ----------
    challenger
        The challenger's figure with its interval; ``None`` for a kind without labels, which its own checks decide on.
    baseline, baseline_name
        Challenger against the baseline that a model must beat, and what that is; ``None`` without labels.
    production
        Challenger against the version in production; ``None`` for the first version.
    rows, users
        Size of the evaluation rows.
    overlap
        How many of the evaluation rows each compared model was trained on, by the model's name: 0 for all of them,
        or the version is refused.
    left_out
        Held-out rows that are no evaluation rows because one of the models has seen them.
    attempt
        How often the gate was tried against this version in production, this try included.
    advantages
        What the challenger has ahead, where the policy asks for it.
    own
        What its kind looks at besides.
    leaks
        What was found of columns that alone give the outcome away, a sentence each.
    """

    challenger: Interval | None
    baseline: Comparison | None
    production: Comparison | None
    rows: int
    users: int
    overlap: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    attempt: int = 1
    advantages: tuple[Advantage, ...] = ()
    own: OwnEvidence = OwnEvidence()
    baseline_name: str = "the naive baseline"
    leaks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What the ledger keeps of it."""
        common = {key: value for key, value in asdict(self).items() if key != "own"}
        return {**common, **self.own.details}


def decide(evidence: GateEvidence, policy: GatePolicy) -> Decision:
    """A version passes when every check holds: unseen rows, baseline, production if there is one, its kind's own."""
    checks = [_untouched_rows(evidence)]
    if evidence.baseline is not None:
        checks.append(_better(evidence.baseline_name, evidence.baseline, policy.floor_margin, policy.level))
    if evidence.production is not None:
        checks += [_enough_users(evidence, policy), _against_production(evidence, evidence.production, policy)]
    elif evidence.baseline is not None:
        size = f"{evidence.rows:,} evaluation rows of {evidence.users:,} users"
        text = f"{size}. No version is in production yet: {evidence.baseline_name} alone is the bar."
        checks.append(Check("production", True, text))
    if evidence.leaks:
        checks.append(_leaks(evidence.leaks, policy.leak == ACCEPTED))
    return decided(_summary(evidence.challenger), [*checks, *evidence.own.checks])


def _summary(challenger: Interval | None) -> str:
    if challenger is None:
        return "The challenger learns without labels: the decision rests on the checks of its kind."
    return (
        f"The challenger's {metric_name(challenger.metric)} is {challenger.value:.4f} "
        f"({challenger.level:.0%} interval {challenger.low:.4f} to {challenger.high:.4f})."
    )


def _leaks(leaks: tuple[str, ...], accepted: bool) -> Check:
    found = f"Columns of the user table give the outcome away: {' '.join(leaks)}"
    if accepted:
        return Check("leaks", True, f"{found} That was accepted (leak={ACCEPTED}).")
    return Check(
        "leaks",
        False,
        f"{found} Leave out what is known only after the outcome and train again, or, if they are known before it, "
        f"promote with -P leak={ACCEPTED}.",
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
            f"{name} was trained on {count:,} of the {evidence.rows:,} evaluation rows" for name, count in seen.items()
        )
        return Check("unseen rows", False, f"{counts}; evaluate on a cutoff that no compared model has seen.")
    left = f" {evidence.left_out:,} held-back rows that one has seen were left out." if evidence.left_out else ""
    text = f"The compared models were trained on 0 of the {evidence.rows:,} evaluation rows.{left}"
    return Check("unseen rows", True, text)


def _against_production(evidence: GateEvidence, against: Comparison, policy: GatePolicy) -> Check:
    level = corrected_level(policy.level, evidence.attempt)
    ahead = [one for one in evidence.advantages if one.kind in ADVANTAGES[policy.accept]]
    tried = (
        f" Try {evidence.attempt} against this version, so at a level of {level:.2%}." if evidence.attempt > 1 else ""
    )
    bar = min(policy.margin, -policy.tolerance) if ahead else policy.margin
    check = _better("production", against, bar, level)
    why = "".join(f" It need not be better, being {one.kind}: {one.text}." for one in ahead)
    return Check(check.name, check.held, check.text + why + tried)


def _better(name: str, comparison: Comparison, margin: float, level: float) -> Check:
    figures = (
        f"{metric_name(comparison.metric)} {comparison.challenger:.4f} against {comparison.champion:.4f} of "
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
