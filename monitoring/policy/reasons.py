"""The decision in sentences: the verdict as a whole, and a reason for each kind of evidence."""

from __future__ import annotations

from monitoring.drift.window_drift import EFFECT_FLOOR, LEVEL
from monitoring.evidence import Evidence
from monitoring.policy.decision import (
    ASKED,
    AT_WORK,
    COOL_DOWN,
    ESTIMATE,
    NEVER,
    PERFORMANCE,
    SCHEDULE,
    TOO_FEW,
    MonitoringDecision,
    drifted_columns,
    evaluated_figure,
    score_drifted,
    text_drifted,
)
from monitoring.policy.policy import Policy
from monitoring.policy.window_history import WindowHistory
from purchasing_power.evaluation.bootstrap import METRIC_NAMES, Interval


def verdict(evidence: Evidence, decision: MonitoringDecision, policy: Policy) -> str:
    """The decision in one sentence for people, opening with its state: Healthy, Watch, Act or Too few users."""
    if decision.state == TOO_FEW:
        return f"{_too_few(evidence, policy)} No retraining."
    columns, score = len(drifted_columns(evidence)), score_drifted(evidence)
    text = f"{columns} of {len(evidence.columns)} columns drifted"
    text += (" and so did the scores" if score else "; the scores did not") if columns else ""
    text = text if columns else f"no column drifted; the scores did{'' if score else ' not'}"
    text += "; the texts did" if text_drifted(evidence) else ""
    if decision.window.poor:
        count, of = decision.poor
        text += f", and the model performs below its reference (in {count} of the last {of} windows)"
    elif decision.window.dropped:
        text += ", and the estimate without labels has dropped"
    how = {ASKED: " as asked", SCHEDULE: " on schedule"}.get(decision.cause, "")
    return f"{decision.state}: {text}. {f'Retraining{how}' if decision.retrain else 'No retraining'}."


def reasons(
    evidence: Evidence, decision: MonitoringDecision, policy: Policy, history: WindowHistory
) -> tuple[str, ...]:
    """A sentence each for columns, scores and texts, performance, estimate, and retraining."""
    if decision.state == TOO_FEW:
        return (_too_few(evidence, policy),)
    found = (
        _columns(evidence, policy),
        _scores(evidence),
        _performance(evidence, policy),
        _estimate(evidence),
        _retraining(decision, policy, history),
    )
    return tuple(one for one in found if one)


def p_text(p_value: float) -> str:
    """A p-value as people read it, with its sign: ``= 0.031`` or ``< 0.001``."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def _too_few(evidence: Evidence, policy: Policy) -> str:
    fewest = min(evidence.users, evidence.reference_users)
    where = "now" if evidence.users == fewest else "in the reference"
    return f"Too few users to tell: {fewest:,} {where}, at least {policy.min_users:,} are needed."


def _columns(evidence: Evidence, policy: Policy) -> str:
    count, columns = len(drifted_columns(evidence)), len(evidence.columns)
    share = count / columns if columns else 0.0
    importance = evidence.window.importance if evidence.window is not None else 0.0
    bound = f"more than {policy.drift_share:.0%} raise" if policy.drift_share else "any raises"
    return (
        f"{count} of {columns} columns ({share:.0%}) drifted; {bound} an alert. A column "
        f"counts when at least {EFFECT_FLOOR:.0%} of users moved and chance is ruled out at {LEVEL:.0%} over all tests "
        f"(Benjamini-Hochberg). What drifted holds {importance:.0%} of the feature importance; drift is important from "
        f"{policy.drift_importance:.0%} on."
    )


def _scores(evidence: Evidence) -> str:
    score, text = evidence.score, evidence.text
    scores = "The scores drifted" if score_drifted(evidence) else "The scores did not drift"
    scores += f": {score.effect:.1%} of users moved, p {p_text(score.p_value)}."
    if text is None:
        return scores
    texts = "The texts drifted" if text_drifted(evidence) else "The texts did not drift"
    auc = f"{text.auc:.2f} ({text.low:.2f} to {text.high:.2f})"
    return f"{scores} {texts}: a classifier separates them from those at training with an AUC of {auc}."


def _performance(evidence: Evidence, policy: Policy) -> str:
    performance = evidence.performance
    if not performance.known:
        return f"Realised performance is not known yet. {performance.why}"
    first = performance.figures[0]
    text = f"Realised {METRIC_NAMES[first.figure.metric]} is {_interval(first.figure)}"
    if first.reference is None:
        return f"{text}; no reference performance is on record."
    if evaluated_figure(evidence, policy) is None:
        return f"{text} on {performance.users:,} users, too few to compare with the reference performance."
    below = "below" if first.below_reference else "not below"
    text += f", {below} the reference performance of {_interval(first.reference.figure)}"
    if not first.below_reference:
        return f"{text}."
    lead = f"{first.naive.difference:+.3f} ({first.naive.low:+.3f} to {first.naive.high:+.3f})"
    if first.keeps_its_lead:
        return f"{text}. The month was hard: the model is ahead of the naive baseline by {lead}, as in the reference."
    return f"{text}; it is ahead of the naive baseline on the same rows by {lead}."


def _estimate(evidence: Evidence) -> str:
    if not evidence.estimates:
        return ""
    first = evidence.estimates[0]
    below = "below" if first.dropped else "not below"
    return (
        f"Estimated without labels: {METRIC_NAMES[first.current.metric]} {_interval(first.current)} for the current "
        f"users, {below} {_interval(first.reference)} by the same estimate at promotion."
    )


def _retraining(decision: MonitoringDecision, policy: Policy, history: WindowHistory) -> str:
    if decision.blocked_by == AT_WORK:
        return "Retraining is called for, but one is at work already."
    if decision.cause == ASKED:
        return "Retraining was asked for whatever is found (retrain=always)."
    if not decision.cause:
        windows = f"{policy.poor_windows} of {policy.windows} windows"
        return (
            f"Nothing calls for retraining: that takes performance below the reference in {windows} and in the latest, "
            f"or an estimated drop with important drift in {windows}{_age(policy)}."
        )
    cause = _cause(decision, policy, history)
    if decision.blocked_by == NEVER:
        return f"{cause} calls for retraining, but it is switched off (retrain=never)."
    if decision.blocked_by == COOL_DOWN:
        return (
            f"{cause} calls for retraining, but the last one was {history.days_since_retrain or 0:.0f} days ago and "
            f"the cool-down takes {policy.cool_down_days}."
        )
    return f"{cause} calls for retraining."


def _cause(decision: MonitoringDecision, policy: Policy, history: WindowHistory) -> str:
    poor, evaluated = decision.poor
    dropped, windows = decision.dropped
    return {
        PERFORMANCE: f"Performance below the reference in {poor} of {evaluated} windows",
        ESTIMATE: f"An estimated drop with important drift in {dropped} of {windows} windows",
        SCHEDULE: f"The age of the version ({history.age_days or 0:.0f} days, at most {policy.max_age_days})",
    }[decision.cause]


def _age(policy: Policy) -> str:
    return f", or a version older than {policy.max_age_days} days" if policy.max_age_days else ""


def _interval(of: Interval) -> str:
    return f"{of.value:.3f} ({of.low:.3f} to {of.high:.3f})"
