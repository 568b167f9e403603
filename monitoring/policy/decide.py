"""The monitoring policy: evidence in, decision and reasons out; it reads and writes nothing."""

from __future__ import annotations

from dataclasses import replace

from monitoring.evidence import Evidence
from monitoring.policy.decision import (
    ACT,
    ASKED,
    AT_WORK,
    COOL_DOWN,
    ESTIMATE,
    HEALTHY,
    NEVER,
    PERFORMANCE,
    SCHEDULE,
    TOO_FEW,
    WATCH,
    Decision,
    Policy,
    features_drifted,
    judged_figure,
    score_drifted,
    text_drifted,
)
from monitoring.policy.past_windows import Past, PastWindow, dropped_among, poor_among
from monitoring.policy.reasons import reasons, too_few

NOTHING_BEFORE = Past()


def decide(
    evidence: Evidence, policy: Policy, past: Past = NOTHING_BEFORE, moment: str = "9999-12-31"
) -> Decision:
    """Decide from the evidence and the windows before it alone.

    Drift of data alone alerts: it may not touch what the model is for. Retraining is called for by realised
    performance that the model is to blame for, in m of the newest n windows and in the latest one; or by an estimated
    drop together with drift that matters, in m of n; or by the age of the version. After a retraining all of them
    wait for the cool-down.

    Parameters
    ----------
    past
        Windows before this one, and when the last retraining was.
    moment
        ISO date of this window.
    """
    here = window_of(evidence, policy, moment)
    if here.word == TOO_FEW:
        return Decision(False, False, (too_few(evidence, policy),), TOO_FEW, "", "", (0, 0), (0, 0), here)
    windows = (*past.windows, here)
    poor, dropped = poor_among(windows, policy.windows), dropped_among(windows, policy.windows)
    cause = _cause(here, poor, dropped, policy, past)
    held = _held(cause, policy, past)
    acts = cause in (PERFORMANCE, ESTIMATE)
    word = ACT if acts else WATCH if here.drifted or here.poor or here.dropped else HEALTHY
    asked = ASKED if policy.retrain == "always" else cause
    retrain = (policy.retrain == "always" or cause != "") and held == ""
    told = Decision(here.drifted, retrain, (), word, asked, held, poor, dropped, replace(here, word=word))
    return replace(told, reasons=reasons(evidence, told, policy, past))


def window_of(evidence: Evidence, policy: Policy, moment: str) -> PastWindow:
    """A window as the policy sees it by itself, without those before it."""
    if min(evidence.users, evidence.reference_users) < policy.min_users:
        return PastWindow(moment, TOO_FEW, False, False, False, "", False)
    window, judged = evidence.window, judged_figure(evidence, policy)
    drifted = features_drifted(evidence, policy) or score_drifted(evidence) or text_drifted(evidence)
    matters = drifted and window is not None and (window.matter >= policy.matter or window.score)
    return PastWindow(
        moment=moment,
        word="",
        drifted=drifted,
        matters=matters,
        dropped=bool(evidence.estimates) and evidence.estimates[0].dropped,
        judged="" if judged is None else evidence.performance.moment or moment,
        poor=judged is not None and judged.poor,
    )


def _cause(
    here: PastWindow, poor: tuple[int, int], dropped: tuple[int, int], policy: Policy, past: Past
) -> str:
    if here.poor and poor[0] >= policy.poor_windows:
        return PERFORMANCE
    if here.dropped and here.matters and dropped[0] >= policy.poor_windows:
        return ESTIMATE
    old = past.age_days is not None and 0 < policy.max_age_days <= past.age_days
    return SCHEDULE if old else ""


def _held(cause: str, policy: Policy, past: Past) -> str:
    if past.at_work and (cause or policy.retrain == "always"):
        return AT_WORK
    if not cause or policy.retrain == "always":
        return ""
    if policy.retrain == "never":
        return NEVER
    days = past.days_since_retrain
    return COOL_DOWN if days is not None and days < policy.cool_down_days else ""
