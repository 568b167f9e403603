"""Sentences of the stakeholder's page, in the words of one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitoring.drift.results import ABOVE_ALL, AT_MOST, ColumnDrift, Moved
from monitoring.evidence import Evidence
from monitoring.policy.decision import (
    ESTIMATE,
    TOO_FEW,
    Decision,
    Policy,
    drifted_columns,
    score_drifted,
)
from monitoring.policy.estimate_error import past_error
from monitoring.policy.past_windows import PastWindow, since
from monitoring.policy.retraining import Retrained
from monitoring.reports.stakeholder_words import WORDS
from purchasing_power.actions.campaign_list import LISTED
from purchasing_power.reference.columns import MISSING
from purchasing_power.snapshot.dictionary import chinese_name

MOST_COLUMNS, MOST_WORDS = 5, 6
Words = Mapping[str, str]


def headline(evidence: Evidence, decision: Decision, policy: Policy, words: Words) -> str:
    """Why the page says what it says, in one sentence."""
    here, (count, of) = decision.window, decision.poor
    if decision.word == TOO_FEW:
        fewest = min(evidence.users, evidence.reference_users)
        return words["few"].format(users=f"{fewest:,}", needed=f"{policy.min_users:,}")
    if here.poor:
        return words["poor" if count > 1 else "poor_once"].format(count=count, of=of)
    if here.dropped and (decision.cause == ESTIMATE or not here.drifted):
        return words["dropped"]
    if here.drifted:
        return words["changed_scores" if score_drifted(evidence) else "changed"]
    return words["kept" if here.judged else "quiet"]


def since_said(past: Sequence[PastWindow], decision: Decision, words: Words) -> str:
    """Since when it has been so."""
    row = [*past, decision.window]
    first = since(row)
    count = sum(one.moment >= first for one in row)
    return words["since"].format(since=first[:10], windows=count) if count > 1 else words["first"]


def whys(evidence: Evidence, decision: Decision, past: Sequence[PastWindow], words: Words) -> list[str]:
    """What was measured, what was estimated, and how much of what the model looks at has changed."""
    if decision.word == TOO_FEW:
        return []
    said = []
    if evidence.performance.known:
        first = evidence.performance.figures[0]
        promised = "–" if first.promised is None else f"{first.promised.value:.2f}"
        name, naive = words[first.figure.metric], f"{first.naive.champion:.2f}"
        said.append(
            words["right"].format(
                name=name, value=f"{first.figure.value:.2f}", promised=promised, naive=naive
            )
        )
        if first.below_promise and first.keeps_its_lead:
            said.append(words["hard"])
    if evidence.estimates:
        now = evidence.estimates[0].now
        error = _error(past, decision.window, evidence, now.metric, words)
        said.append(words["estimate"].format(name=words[now.metric], value=f"{now.value:.2f}", error=error))
    if evidence.window is not None and evidence.window.drifted:
        said.append(words["attention"].format(matter=_share(evidence.window.matter)))
    bad = [check.said for check in evidence.quality if check.verdict == "bad"]
    return said + [words["quality"].format(said=one) for one in bad]


def changes(evidence: Evidence, language: str) -> list[tuple[str, str]]:
    """What changed, each with a remark: the drifted columns that matter most, then words and categories."""
    words = WORDS[language]
    said = [
        (_column(one, language), words["use"].format(use=_share(one.use)) if one.use else "")
        for one in drifted_columns(evidence)[:MOST_COLUMNS]
    ]
    terms = evidence.text.words if evidence.text is not None else ()
    for key, rose in (("words_up", True), ("words_down", False)):
        names = [_moved(one) for one in (*terms, *evidence.categories) if _rose(one) == rose][:MOST_WORDS]
        if names:
            said.append((words[key].format(names=words["comma"].join(names)), ""))
    return said


def campaign_said(evidence: Evidence, words: Words) -> list[str]:
    """How long the campaign list is, how long it should be, and who moves onto it and off it."""
    campaign = evidence.campaign
    if campaign is None:
        return [words["list_none"]]
    expected = next((one.expected for one in evidence.tiers if one.tier == LISTED), 0.0)
    said = [
        words["list_now"].format(users=f"{campaign.users:,}", expected=f"{expected * evidence.users:,.0f}")
    ]
    if campaign.before:
        moves = {"entered": f"{campaign.entered:,}", "left": f"{campaign.left:,}"}
        said.append(words["list_moves"].format(before=campaign.before, **moves))
    return said


def done_said(decision: Decision, done: Retrained | None, words: Words) -> str:
    """What was done about it, with what the gate said."""
    if done is not None:
        key = "failed" if done.status == "failed" else "promoted" if done.gate == "promoted" else "refused"
        return words[key].format(version=done.version)
    if decision.retrain:
        return words["started"]
    return words[decision.held] if decision.held and decision.cause else words["nothing"]


def _error(
    past: Sequence[PastWindow], here: PastWindow, evidence: Evidence, metric: str, words: Words
) -> str:
    values = [one.figure.value for one in evidence.performance.figures if one.figure.metric == metric]
    found = past_error(past, metric, dict.fromkeys([here.judged], values[0]) if values else {})
    if found is None:
        return ""
    return words["error"].format(
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


def _moved(one: Moved) -> str:
    return f"{one.name} ({_share(one.reference_share)} → {_share(one.current_share)})"


def _rose(one: Moved) -> bool:
    return one.current_share > one.reference_share


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
