"""The decision of a monitoring job, from evidence, policy and the windows before; it reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitoring.drift.results import ColumnDrift
from monitoring.evidence import Evidence
from monitoring.performance.results import RealisedFigure
from monitoring.policy.policy import Policy
from monitoring.policy.window_history import MonitoredWindow, WindowHistory, dropped_among, poor_among

HEALTHY, WATCH, ACT, TOO_FEW = "Healthy", "Watch", "Act", "Too few users"
PERFORMANCE, ESTIMATE, SCHEDULE, ASKED = "performance", "estimate", "schedule", "asked"
NEVER, COOL_DOWN, AT_WORK = "never", "cool_down", "at_work"
NOTHING_BEFORE = WindowHistory()


@dataclass(frozen=True)
class MonitoringDecision:
    """Whether there is drift, whether to retrain, and why.

    Attributes
    ----------
    state
        ``"Healthy"``, ``"Watch"``, ``"Act"`` or ``"Too few users"``.
    cause
        What calls for retraining: ``"performance"``, ``"estimate"``, ``"schedule"``, ``"asked"``, or empty.
    blocked_by
        Why a retraining that is called for is not started: ``"never"``, ``"cool_down"``, ``"at_work"``, or empty.
    poor, dropped
        Poor windows among the newest, and how many those are; the same of estimated drops with important drift.
    window
        The window as later jobs count it.
    """

    drifted: bool
    retrain: bool
    state: str
    cause: str
    blocked_by: str
    poor: tuple[int, int]
    dropped: tuple[int, int]
    window: MonitoredWindow


def decide(
    evidence: Evidence, policy: Policy, history: WindowHistory = NOTHING_BEFORE, moment: str = "9999-12-31"
) -> MonitoringDecision:
    """Decide from the evidence and the windows before it alone.

    Drift of data alone alerts: it may not touch what the model is for. Retraining is called for by realised
    performance that the model is to blame for, in m of the newest n windows and in the latest one; or by an estimated
    drop together with important drift, in m of n; or by the age of the version. After a retraining all of them
    wait for the cool-down.

    Parameters
    ----------
    history
        Windows before this one, and when the last retraining was.
    moment
        ISO date of this window.
    """
    window = window_of(evidence, policy, moment)
    if window.state == TOO_FEW:
        return MonitoringDecision(False, False, TOO_FEW, "", "", (0, 0), (0, 0), window)
    windows = (*history.windows, window)
    poor, dropped = poor_among(windows, policy.windows), dropped_among(windows, policy.windows)
    cause = _cause(window, poor, dropped, policy, history)
    blocked_by = _blocked_by(cause, policy, history)
    acts = cause in (PERFORMANCE, ESTIMATE)
    state = ACT if acts else WATCH if window.drifted or window.poor or window.dropped else HEALTHY
    return MonitoringDecision(
        drifted=window.drifted,
        retrain=(policy.retrain == "always" or cause != "") and blocked_by == "",
        state=state,
        cause=ASKED if policy.retrain == "always" else cause,
        blocked_by=blocked_by,
        poor=poor,
        dropped=dropped,
        window=replace(window, state=state),
    )


def window_of(evidence: Evidence, policy: Policy, moment: str) -> MonitoredWindow:
    """A window as the policy sees it by itself, without those before it."""
    if min(evidence.users, evidence.reference_users) < policy.min_users:
        return MonitoredWindow(moment, TOO_FEW, False, False, False, "", False)
    window, realised = evidence.window, evaluated_figure(evidence, policy)
    drifted = features_drifted(evidence, policy) or score_drifted(evidence) or text_drifted(evidence)
    important = window is not None and (window.importance >= policy.drift_importance or window.score)
    return MonitoredWindow(
        moment=moment,
        state="",
        drifted=drifted,
        important=drifted and important,
        dropped=bool(evidence.estimates) and evidence.estimates[0].dropped,
        evaluated="" if realised is None else evidence.performance.moment or moment,
        poor=realised is not None and realised.poor,
    )


def drifted_columns(evidence: Evidence) -> tuple[ColumnDrift, ...]:
    """Columns that drifted in the window, that of the largest importance-weighted drift first."""
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


def evaluated_figure(evidence: Evidence, policy: Policy) -> RealisedFigure | None:
    """The figure that the model was chosen by, where it is known on enough users."""
    performance = evidence.performance
    if not performance.known or performance.users < policy.min_users:
        return None
    return performance.figures[0]


def _cause(
    window: MonitoredWindow, poor: tuple[int, int], dropped: tuple[int, int], policy: Policy, history: WindowHistory
) -> str:
    if window.poor and poor[0] >= policy.poor_windows:
        return PERFORMANCE
    if window.dropped and window.important and dropped[0] >= policy.poor_windows:
        return ESTIMATE
    old = history.age_days is not None and 0 < policy.max_age_days <= history.age_days
    return SCHEDULE if old else ""


def _blocked_by(cause: str, policy: Policy, history: WindowHistory) -> str:
    if history.at_work and (cause or policy.retrain == "always"):
        return AT_WORK
    if not cause or policy.retrain == "always":
        return ""
    if policy.retrain == "never":
        return NEVER
    days = history.days_since_retrain
    return COOL_DOWN if days is not None and days < policy.cool_down_days else ""
