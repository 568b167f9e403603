"""The monitoring policy: evidence in, decision and reasons out; it reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.evidence import ColumnDrift, Evidence, Realised
from purchasing_power.errors import DataError
from purchasing_power.model.comparison import METRIC_NAMES

RETRAIN = ("when_needed", "never", "always")
# Share of columns that are wrongly called drifted among those called so (Benjamini & Hochberg).
LEVEL = 0.05
# Fewer than one user in twenty moved: 10,000 users make that significant, but nobody would act on it.
EFFECT_FLOOR = 0.05
# One score stands for all columns, so that it has to drift more clearly than one of them.
SCORE_LEVEL, SCORE_FLOOR = 0.01, 0.1


@dataclass(frozen=True)
class Policy:
    """What a job is to act on.

    Attributes
    ----------
    drift_share
        The features have drifted when more than this share of the columns has, 0 to 1.
    min_users
        Nothing is concluded from fewer users on either side.
    retrain
        ``"when_needed"``, ``"never"`` or ``"always"`` (for schedules; ``min_users`` holds all the same).
    """

    drift_share: float
    min_users: int
    retrain: str

    def __post_init__(self) -> None:
        if not 0 <= self.drift_share <= 1:
            raise DataError(
                f"drift_share: got {self.drift_share:g}; a share from 0 to 1 is allowed. Set one of them."
            )
        if self.retrain not in RETRAIN:
            raise DataError(
                f"retrain: got {self.retrain!r}; allowed are {', '.join(RETRAIN)}. Set one of them."
            )


@dataclass(frozen=True)
class Decision:
    """Whether there is drift, whether to retrain, and a sentence for each thing that was looked at."""

    drifted: bool
    retrain: bool
    reasons: tuple[str, ...]


def decide(evidence: Evidence, policy: Policy) -> Decision:
    """Decide from the evidence alone.

    Drift: more than ``drift_share`` of the columns, or the score clearly. Retraining: columns *and* score
    drifted, or realised performance lies below the promise. Drift of columns alone may not touch what the
    model looks at, and drift of the score alone may be what the model is for: both only alert.
    """
    if min(evidence.users, evidence.reference_users) < policy.min_users:
        return Decision(False, False, (_too_few(evidence, policy),))
    columns = len(drifted_columns(evidence.columns)) > policy.drift_share * len(evidence.columns)
    score = score_drifted(evidence.score)
    poor = below_promise(evidence, policy) is not None
    needed = (columns and score) or poor
    retrain = policy.retrain == "always" or (policy.retrain == "when_needed" and needed)
    reasons = (
        _columns_reason(evidence.columns, policy, columns),
        _score_reason(evidence.score, score),
        _performance_reason(evidence, policy),
        _retrain_reason(columns, score, poor, policy),
    )
    return Decision(columns or score, retrain, reasons)


def verdict(evidence: Evidence, decision: Decision, policy: Policy) -> str:
    """The decision in one sentence for people, opening with Healthy, Watch, Act or Too few users."""
    if min(evidence.users, evidence.reference_users) < policy.min_users:
        return f"{_too_few(evidence, policy)} No retraining."
    poor = below_promise(evidence, policy) is not None
    alarm = (decision.retrain and policy.retrain == "when_needed") or poor
    word = "Act" if alarm else "Watch" if decision.drifted else "Healthy"
    columns, score = len(drifted_columns(evidence.columns)), score_drifted(evidence.score)
    said = f"{columns} of {len(evidence.columns)} columns drifted"
    said += (" and so did the scores" if score else "; the scores did not") if columns else ""
    said = said if columns else f"no column drifted; the scores did{'' if score else ' not'}"
    said += ", and the model performs below its promise" if poor else ""
    asked = " as asked" if decision.retrain and policy.retrain == "always" else ""
    return f"{word}: {said}. {'Retraining' if decision.retrain else 'No retraining'}{asked}."


def drifted_columns(columns: tuple[ColumnDrift, ...]) -> tuple[ColumnDrift, ...]:
    """Columns whose drift is significant after correction for their number and larger than the floor."""
    cut = significance_cut(np.array([column.p_value for column in columns]))
    return tuple(column for column in columns if column.p_value <= cut and column.effect >= EFFECT_FLOOR)


def significance_cut(p_values: np.ndarray, level: float = LEVEL) -> float:
    """The largest p-value that counts after correction for their number; -1 where none does.

    Source: Benjamini & Hochberg (1995), Controlling the false discovery rate, JRSS B 57(1).
    """
    ordered = np.sort(p_values)
    held = ordered <= level * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    return float(ordered[held][-1]) if held.any() else -1.0


def score_drifted(score: ColumnDrift) -> bool:
    """Whether the score's drift is clear in both its p-value and its size."""
    return score.p_value < SCORE_LEVEL and score.effect >= SCORE_FLOOR


def below_promise(evidence: Evidence, policy: Policy) -> Realised | None:
    """The figure the model was chosen by, where it is known on enough users and lies below the promise."""
    performance = evidence.performance
    if not performance.known or performance.users < policy.min_users:
        return None
    first = performance.figures[0]
    return first if first.below_promise else None


def p_text(p_value: float) -> str:
    """A p-value as people read it, with its sign: ``= 0.031`` or ``< 0.001``."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def _too_few(evidence: Evidence, policy: Policy) -> str:
    fewest = min(evidence.users, evidence.reference_users)
    side = "now" if evidence.users == fewest else "in the reference"
    return f"Too few users to tell: {fewest:,} {side}, at least {policy.min_users:,} are needed."


def _columns_reason(columns: tuple[ColumnDrift, ...], policy: Policy, drifted: bool) -> str:
    count = len(drifted_columns(columns))
    share = count / len(columns) if columns else 0.0
    return (
        f"{count} of {len(columns)} columns ({share:.0%}) drifted, {'above' if drifted else 'not above'} the "
        f"{policy.drift_share:.0%} that raise an alert. A column counts when at least {EFFECT_FLOOR:.0%} of users "
        f"moved and chance is ruled out at {LEVEL:.0%} over all columns (Benjamini-Hochberg)."
    )


def _score_reason(score: ColumnDrift, drifted: bool) -> str:
    said = "The scores drifted" if drifted else "The scores did not drift clearly"
    return (
        f"{said}: {score.effect:.1%} of users moved (alert from {SCORE_FLOOR:.0%} on), p {p_text(score.p_value)} "
        f"(alert below {SCORE_LEVEL:g})."
    )


def _performance_reason(evidence: Evidence, policy: Policy) -> str:
    performance = evidence.performance
    if not performance.known:
        return f"Realised performance is not known yet. {performance.why}"
    first = performance.figures[0]
    figure, promised = first.figure, first.promised
    said = f"Realised {METRIC_NAMES[figure.metric]} is {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
    if promised is None:
        return f"{said}; no promised figure is on record."
    if performance.users < policy.min_users:
        return f"{said} on {performance.users:,} users, too few to hold against the promise."
    side = "below" if first.below_promise else "not below"
    return f"{said}, {side} the promised {promised.value:.3f} ({promised.low:.3f} to {promised.high:.3f})."


def _retrain_reason(columns: bool, score: bool, poor: bool, policy: Policy) -> str:
    if policy.retrain == "always":
        return "Retraining was asked for whatever is found (retrain=always)."
    if poor:
        why = "Performance below the promise calls for retraining"
    elif columns and score:
        why = "Drift of both columns and scores calls for retraining"
    else:
        return (
            f"Nothing calls for retraining: that takes drift of more than {policy.drift_share:.0%} of the columns "
            "and of the scores, or performance below the promise."
        )
    return f"{why}, but it is switched off (retrain=never)." if policy.retrain == "never" else f"{why}."
