"""The stakeholder report: one HTML page that a marketing lead reads in a minute, in English or Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from monitoring.drift.results import ABOVE_ALL, AT_MOST, ColumnDrift, ShareChange
from monitoring.evidence import Evidence
from monitoring.policy.decision import ESTIMATE, TOO_FEW, MonitoringDecision, drifted_columns, score_drifted
from monitoring.policy.policy import Policy
from monitoring.policy.retraining import RetrainingResult
from monitoring.policy.window_history import MonitoredWindow, estimate_error, since
from monitoring.reports.details import COLOURS
from monitoring.reports.stakeholder_words import WORDS
from monitoring.reports.trends import trends
from purchasing_power.actions.campaign_list import LISTED
from purchasing_power.pages.page import GREY, bold, render_page
from purchasing_power.reference.columns import MISSING
from purchasing_power.snapshot.dictionary import chinese_name

LANGUAGES = tuple(WORDS)
MOST_COLUMNS, MOST_WORDS = 5, 6
Words = Mapping[str, str]


@dataclass(frozen=True)
class StakeholderReport:
    """The material of one page. It holds no user id and no text of a user.

    Attributes
    ----------
    language
        ``"en"`` or ``"zh"``.
    model, version
        Whose page it is.
    past
        Windows of the version before this one, oldest first.
    figures
        Metrics of this window.
    retraining
        The result of a retraining; ``None`` where none has ended yet.
    details, evidently
        File names of the reports beside the page.
    """

    language: str
    model: str
    version: str
    evidence: Evidence
    decision: MonitoringDecision
    policy: Policy
    past: tuple[MonitoredWindow, ...]
    figures: dict[str, float]
    details: str
    evidently: str
    retraining: RetrainingResult | None = None


def render(page: StakeholderReport) -> str:
    """One HTML document with its pictures inside; it fetches nothing and runs no script."""
    words, window = WORDS[page.language], page.decision.window
    title, state = words["title"].format(name=page.model), words[page.decision.state]
    links = {
        name: Markup('<a href="{0}">{0}</a>').format(target)
        for name, target in (("details", page.details), ("evidently", page.evidently))
    }
    return render_page(
        "monitoring.reports",
        "stakeholder_report.html.j2",
        f"{title} {state}",
        page.language,
        COLOURS.get(page.decision.state, GREY),
        words=words,
        heading=f"{title} · v{page.version} · {window.moment[:10]}",
        headline=bold(state) + words["colon"] + headline(page.evidence, page.decision, page.policy, words),
        since=since_when(page.past, page.decision, words),
        reasons=reasons(page.evidence, page.decision, page.past, words),
        trends=trends(page.past, window, page.figures, words),
        changes=changes(page.evidence, page.language),
        campaign=campaign(page.evidence, words),
        action=action(page.decision, page.retraining, words),
        details=Markup(words["details"]).format(**links),
    )


def headline(evidence: Evidence, decision: MonitoringDecision, policy: Policy, words: Words) -> str:
    """Why the model is in its state, in one sentence."""
    window, (count, of) = decision.window, decision.poor
    if decision.state == TOO_FEW:
        fewest = min(evidence.users, evidence.reference_users)
        return words["too_few"].format(users=f"{fewest:,}", needed=f"{policy.min_users:,}")
    if window.poor:
        return words["poor" if count > 1 else "poor_once"].format(count=count, of=of)
    if window.dropped and (decision.cause == ESTIMATE or not window.drifted):
        return words["dropped"]
    if window.drifted:
        return words["changed_scores" if score_drifted(evidence) else "changed"]
    return words["healthy" if window.evaluated else "not_evaluated"]


def since_when(past: Sequence[MonitoredWindow], decision: MonitoringDecision, words: Words) -> str:
    """Since when the model has been in its state."""
    windows = [*past, decision.window]
    first = since(windows)
    count = sum(one.moment >= first for one in windows)
    return words["since"].format(since=first[:10], windows=count) if count > 1 else words["first"]


def reasons(
    evidence: Evidence, decision: MonitoringDecision, past: Sequence[MonitoredWindow], words: Words
) -> list[str]:
    """What was measured, what was estimated, and the feature importance of what has changed."""
    if decision.state == TOO_FEW:
        return []
    sentences = _measured(evidence, words)
    if evidence.estimates:
        now = evidence.estimates[0].current
        error = _estimate_error(past, decision.window, evidence, now.metric, words)
        sentences.append(words["estimate_is"].format(name=words[now.metric], value=f"{now.value:.2f}", error=error))
    if evidence.window is not None and evidence.window.drifted:
        sentences.append(words["importance"].format(share=_share(evidence.window.importance)))
    bad = [check.message for check in evidence.quality if check.status == "bad"]
    return sentences + [words["quality"].format(message=one) for one in bad]


def changes(evidence: Evidence, language: str) -> list[tuple[str, str]]:
    """What changed, each with a remark: columns of the largest importance-weighted drift, words and categories."""
    words = WORDS[language]
    sentences = [
        (
            _column(one, language),
            words["feature_importance"].format(share=_share(one.importance)) if one.importance else "",
        )
        for one in drifted_columns(evidence)[:MOST_COLUMNS]
    ]
    terms = evidence.text.words if evidence.text is not None else ()
    for key, rose in (("words_up", True), ("words_down", False)):
        names = [_change(one) for one in (*terms, *evidence.categories) if _rose(one) == rose][:MOST_WORDS]
        if names:
            sentences.append((words[key].format(names=words["comma"].join(names)), ""))
    return sentences


def campaign(evidence: Evidence, words: Words) -> list[str]:
    """How long the campaign list is, how long it should be, and how many users entered and left it."""
    found = evidence.campaign
    if found is None:
        return [words["list_none"]]
    expected = next((one.expected for one in evidence.tiers if one.tier == LISTED), 0.0)
    sentences = [words["list_now"].format(users=f"{found.users:,}", expected=f"{expected * evidence.users:,.0f}")]
    if found.before:
        moves = {"entered": f"{found.entered:,}", "left": f"{found.left:,}"}
        sentences.append(words["list_moves"].format(before=found.before, **moves))
    return sentences


def action(decision: MonitoringDecision, retraining: RetrainingResult | None, words: Words) -> str:
    """What was done about it, with the gate's decision."""
    if retraining is not None:
        failed, promoted = retraining.status == "failed", retraining.gate == "promoted"
        key = "failed" if failed else "promoted" if promoted else "refused"
        return words[key].format(version=retraining.version)
    if decision.retrain:
        return words["started"]
    return words[decision.blocked_by] if decision.blocked_by and decision.cause else words["nothing"]


def _measured(evidence: Evidence, words: Words) -> list[str]:
    if not evidence.performance.known:
        return []
    first = evidence.performance.figures[0]
    values = {
        "name": words[first.figure.metric],
        "value": f"{first.figure.value:.2f}",
        "reference": "–" if first.reference is None else f"{first.reference.figure.value:.2f}",
        "naive": f"{first.naive.champion:.2f}",
    }
    hard_month = [words["hard_month"]] if first.below_reference and first.keeps_its_lead else []
    return [words["realised_is"].format(**values), *hard_month]


def _estimate_error(
    past: Sequence[MonitoredWindow], window: MonitoredWindow, evidence: Evidence, metric: str, words: Words
) -> str:
    values = [one.figure.value for one in evidence.performance.figures if one.figure.metric == metric]
    found = estimate_error(past, metric, dict.fromkeys([window.evaluated], values[0]) if values else {})
    if found is None:
        return ""
    return words["estimate_error"].format(
        months=found.windows, estimate=f"{found.estimate:.3f}", last=f"{found.same_as_last:.3f}"
    )


def _column(column: ColumnDrift, language: str) -> str:
    words = WORDS[language]
    name = chinese_name(column.column) if language == "zh" else column.meaning.rstrip(".")
    name = name or column.column
    if column.kind == "numeric" and column.place != MISSING:
        then, now = _number(column.reference_mean), _number(column.current_mean)
        if then != now:
            return words["mean"].format(name=name, then=then, now=now)
    shares = {"then": _share(column.reference_share), "now": _share(column.current_share)}
    return words["share"].format(name=name, place=_place(column, words), **shares)


def _place(column: ColumnDrift, words: Mapping[str, str]) -> str:
    if column.place == MISSING:
        return words["place_missing"]
    if column.kind != "numeric":
        return column.place
    if column.place == ABOVE_ALL:
        return words["place_above"]
    return words["place_most"].format(value=column.place.removeprefix(AT_MOST))


def _change(one: ShareChange) -> str:
    return f"{one.name} ({_share(one.reference_share)} → {_share(one.current_share)})"


def _rose(one: ShareChange) -> bool:
    return one.current_share > one.reference_share


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
