"""What a policy is told and what it answers, and what both are made from."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.drift.results import ColumnDrift
from monitoring.evidence import Evidence
from monitoring.performance.results import Realised
from monitoring.policy.past_windows import PastWindow
from purchasing_power.errors import DataError

RETRAIN = ("when_needed", "never", "always")
HEALTHY, WATCH, ACT, TOO_FEW = "Healthy", "Watch", "Act", "Too few users"
PERFORMANCE, ESTIMATE, SCHEDULE, ASKED = "performance", "estimate", "schedule", "asked"
NEVER, COOL_DOWN, AT_WORK = "never", "cool_down", "at_work"


@dataclass(frozen=True)
class Policy:
    """What a job is to act on.

    Attributes
    ----------
    drift_share
        The features have drifted when more than this share of the columns has, 0 to 1.
    min_users
        Nothing is concluded from fewer users on either side, and performance is not judged on fewer.
    retrain
        ``"when_needed"``, ``"never"`` or ``"always"`` (for schedules; ``min_users`` holds all the same).
    matter
        Drift matters from this share of the model's attention on, 0 to 1, or when the scores drifted.
    poor_windows, windows
        Retraining is called for when ``poor_windows`` of the newest ``windows`` are poor, the latest among them.
    cool_down_days
        So many days after a window that was retrained for, nothing but ``retrain=always`` starts another.
    max_age_days
        A version whose outcomes ended so many days ago is retrained on schedule; 0 for never.
    """

    drift_share: float
    min_users: int
    retrain: str
    matter: float = 0.2
    poor_windows: int = 2
    windows: int = 3
    cool_down_days: int = 28
    max_age_days: int = 180

    def __post_init__(self) -> None:
        for name in ("drift_share", "matter"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(
                    f"{name}: got {getattr(self, name):g}; a share from 0 to 1 is allowed. Set one of them."
                )
        if self.retrain not in RETRAIN:
            raise DataError(
                f"retrain: got {self.retrain!r}; allowed are {', '.join(RETRAIN)}. Set one of them."
            )
        if not 1 <= self.poor_windows <= self.windows:
            raise DataError(
                f"poor_windows: got {self.poor_windows} of {self.windows} windows; allowed are 1 to windows. "
                "Set poor_windows lower or windows higher."
            )


@dataclass(frozen=True)
class Decision:
    """Whether there is drift, whether to retrain, and a sentence for each thing that was looked at.

    Attributes
    ----------
    word
        ``"Healthy"``, ``"Watch"``, ``"Act"`` or ``"Too few users"``.
    cause
        What calls for retraining: ``"performance"``, ``"estimate"``, ``"schedule"``, ``"asked"``, or empty.
    held
        Why a retraining that is called for is not started: ``"never"``, ``"cool_down"``, ``"at_work"``, or empty.
    poor, dropped
        Poor windows among the newest, and how many those are; the same of estimated drops with drift that matters.
    window
        The window as later jobs count it.
    """

    drifted: bool
    retrain: bool
    reasons: tuple[str, ...]
    word: str
    cause: str
    held: str
    poor: tuple[int, int]
    dropped: tuple[int, int]
    window: PastWindow


def drifted_columns(evidence: Evidence) -> tuple[ColumnDrift, ...]:
    """Columns that drifted by the verdict on the window, the one that matters most first."""
    if evidence.window is None:
        return ()
    by_name = {column.column: column for column in evidence.columns}
    return tuple(by_name[name] for name in evidence.window.columns if name in by_name)


def features_drifted(evidence: Evidence, policy: Policy) -> bool:
    """Whether more than ``drift_share`` of the columns drifted."""
    return len(drifted_columns(evidence)) > policy.drift_share * len(evidence.columns)


def score_drifted(evidence: Evidence) -> bool:
    """Whether the scores drifted."""
    return evidence.window is not None and evidence.window.score


def text_drifted(evidence: Evidence) -> bool:
    """Whether the texts drifted."""
    return evidence.window is not None and evidence.window.text


def judged_figure(evidence: Evidence, policy: Policy) -> Realised | None:
    """The figure that the model was chosen by, where it is known on enough users."""
    performance = evidence.performance
    if not performance.known or performance.users < policy.min_users:
        return None
    return performance.figures[0]
