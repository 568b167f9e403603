"""The decision in sentences: one for each thing that was looked at, and one that says it all."""

from __future__ import annotations

from monitoring.drift.window import EFFECT_FLOOR, LEVEL
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
    Decision,
    Policy,
    drifted_columns,
    judged_figure,
    score_drifted,
    text_drifted,
)
from monitoring.policy.past_windows import Past
from purchasing_power.evaluation.bootstrap import METRIC_NAMES, Interval


def verdict(evidence: Evidence, decision: Decision, policy: Policy) -> str:
    """The decision in one sentence for people, opening with Healthy, Watch, Act or Too few users."""
    if decision.word == TOO_FEW:
        return f"{too_few(evidence, policy)} No retraining."
    columns, score = len(drifted_columns(evidence)), score_drifted(evidence)
    said = f"{columns} of {len(evidence.columns)} columns drifted"
    said += (" and so did the scores" if score else "; the scores did not") if columns else ""
    said = said if columns else f"no column drifted; the scores did{'' if score else ' not'}"
    said += "; the texts did" if text_drifted(evidence) else ""
    if decision.window.poor:
        count, of = decision.poor
        said += f", and the model performs below its promise (in {count} of the last {of} windows)"
    elif decision.window.dropped:
        said += ", and the estimate without labels has dropped"
    how = {ASKED: " as asked", SCHEDULE: " on schedule"}.get(decision.cause, "")
    return f"{decision.word}: {said}. {f'Retraining{how}' if decision.retrain else 'No retraining'}."


def reasons(evidence: Evidence, decision: Decision, policy: Policy, past: Past) -> tuple[str, ...]:
    """A sentence each for columns, scores and texts, performance, estimate, and retraining."""
    found = (
        _columns(evidence, policy),
        _scores(evidence),
        _performance(evidence, policy),
        _estimate(evidence),
        _retraining(decision, policy, past),
    )
    return tuple(one for one in found if one)


def too_few(evidence: Evidence, policy: Policy) -> str:
    """What is said where too few users were compared."""
    fewest = min(evidence.users, evidence.reference_users)
    side = "now" if evidence.users == fewest else "in the reference"
    return f"Too few users to tell: {fewest:,} {side}, at least {policy.min_users:,} are needed."


def p_text(p_value: float) -> str:
    """A p-value as people read it, with its sign: ``= 0.031`` or ``< 0.001``."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def _columns(evidence: Evidence, policy: Policy) -> str:
    count, columns = len(drifted_columns(evidence)), len(evidence.columns)
    share = count / columns if columns else 0.0
    matter = evidence.window.matter if evidence.window is not None else 0.0
    bound = f"more than {policy.drift_share:.0%} raise" if policy.drift_share else "any raises"
    return (
        f"{count} of {columns} columns ({share:.0%}) drifted; {bound} an alert. A column "
        f"counts when at least {EFFECT_FLOOR:.0%} of users moved and chance is ruled out at {LEVEL:.0%} over all tests "
        f"(Benjamini-Hochberg). What drifted holds {matter:.0%} of the model's attention; it matters from "
        f"{policy.matter:.0%} on."
    )


def _scores(evidence: Evidence) -> str:
    score, text = evidence.score, evidence.text
    said = "The scores drifted" if score_drifted(evidence) else "The scores did not drift"
    said += f": {score.effect:.1%} of users moved, p {p_text(score.p_value)}."
    if text is None:
        return said
    words = "The texts drifted" if text_drifted(evidence) else "The texts did not drift"
    told = f"{text.auc:.2f} ({text.low:.2f} to {text.high:.2f})"
    return f"{said} {words}: told from those at training with an AUC of {told}."


def _performance(evidence: Evidence, policy: Policy) -> str:
    performance = evidence.performance
    if not performance.known:
        return f"Realised performance is not known yet. {performance.why}"
    first = performance.figures[0]
    said = f"Realised {METRIC_NAMES[first.figure.metric]} is {_interval(first.figure)}"
    if first.promised is None:
        return f"{said}; no promised figure is on record."
    if judged_figure(evidence, policy) is None:
        return f"{said} on {performance.users:,} users, too few to hold against the promise."
    said += f", {'below' if first.below_promise else 'not below'} the promised {_interval(first.promised)}"
    if not first.below_promise:
        return f"{said}."
    lead = f"{first.naive.difference:+.3f} ({first.naive.low:+.3f} to {first.naive.high:+.3f})"
    if first.keeps_its_lead:
        return f"{said}. The month was hard: the model is ahead of the naive baseline by {lead}, as promised."
    return f"{said}; it is ahead of the naive baseline on the same rows by {lead}."


def _estimate(evidence: Evidence) -> str:
    if not evidence.estimates:
        return ""
    first = evidence.estimates[0]
    return (
        f"Estimated without labels: {METRIC_NAMES[first.now.metric]} {_interval(first.now)} for the users of now, "
        f"{'below' if first.dropped else 'not below'} {_interval(first.then)} by the same estimate at promotion."
    )


def _retraining(decision: Decision, policy: Policy, past: Past) -> str:
    if decision.held == AT_WORK:
        return "Retraining is called for, but one is at work already."
    if decision.cause == ASKED:
        return "Retraining was asked for whatever is found (retrain=always)."
    asked = f"{policy.poor_windows} of {policy.windows} windows"
    if not decision.cause:
        return (
            f"Nothing calls for retraining: that takes performance below the promise in {asked} and in the latest, "
            f"or an estimated drop with drift that matters in {asked}{_age(policy)}."
        )
    dropped, looked_at = decision.dropped
    why = {
        PERFORMANCE: f"Performance below the promise in {decision.poor[0]} of {decision.poor[1]} windows",
        ESTIMATE: f"An estimated drop with drift that matters in {dropped} of {looked_at} windows",
        SCHEDULE: f"The age of the version ({past.age_days or 0:.0f} days, at most {policy.max_age_days})",
    }[decision.cause]
    if decision.held == NEVER:
        return f"{why} calls for retraining, but it is switched off (retrain=never)."
    if decision.held == COOL_DOWN:
        return (
            f"{why} calls for retraining, but the last one was {past.days_since_retrain or 0:.0f} days ago and the "
            f"cool-down takes {policy.cool_down_days}."
        )
    return f"{why} calls for retraining."


def _age(policy: Policy) -> str:
    return f", or a version older than {policy.max_age_days} days" if policy.max_age_days else ""


def _interval(of: Interval) -> str:
    return f"{of.value:.3f} ({of.low:.3f} to {of.high:.3f})"
