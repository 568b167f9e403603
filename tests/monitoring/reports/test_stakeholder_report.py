"""Tests of the stakeholder report: why, since when, the trend, what changed, what was done, in two languages."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree

import pytest
from tables import panel
from watched import next_month, trained

from monitoring.drift.results import ColumnDrift, QualityCheck, ShareChange, TextDrift, TierShare
from monitoring.drift.window_drift import window_drift
from monitoring.evidence import Evidence
from monitoring.performance.results import EstimatedFigure, Performance, RealisedFigure, ReferencePerformance
from monitoring.policy.decision import decide
from monitoring.policy.policy import Policy
from monitoring.policy.retraining import RetrainingResult
from monitoring.policy.window_history import MonitoredWindow, WindowHistory
from monitoring.reports import stakeholder_report
from monitoring.reports.stakeholder_report import LANGUAGES, StakeholderReport, render
from monitoring.reports.stakeholder_words import WORDS
from monitoring.reports.trends import Line, picture
from purchasing_power.actions.campaign_list import CampaignList
from purchasing_power.evaluation.bootstrap import Comparison, Interval
from purchasing_power.kinds.purchase import KIND

POLICY = Policy(0.0, 100, "when_needed")
UNKNOWN = Performance((), "No label has matured.", 0)
MOMENTS = ["2024-03-31", "2024-04-28", "2024-05-26"]


def around(middle: float) -> Interval:
    return Interval("average_precision", middle, middle - 0.03, middle + 0.03, 1000, 0.95)


def column(name: str, p_value: float, meaning: str = "", effect: float = 0.3) -> ColumnDrift:
    return ColumnDrift(
        name, "numeric", "KS", p_value, effect, "at most 3", 0.2, 0.5, 34.0, 51.0, meaning, importance=0.25
    )


def poor(moment: str) -> Performance:
    naive = Comparison("average_precision", 0.5, 0.49, 0.01, -0.01, 0.03, 1000, 0.95)
    return Performance(
        (RealisedFigure(around(0.5), naive, ReferencePerformance(around(0.8), None)),), "Evaluated.", 300, moment
    )


def evidence(drifted: bool = True, performance: Performance = UNKNOWN, users: int = 300) -> Evidence:
    columns = (
        column("spend_28d", 1e-9 if drifted else 0.9, "Spend of the last 28 days.", 0.3 if drifted else 0.01),
        column("noise", 0.8, effect=0.01),
    )
    word = ShareChange("蓝牙耳机", 0.1, 0.3, 1e-9)
    text = TextDrift(300, 300, 0.5, 0.45, 0.55, 0.0, 0.9, 0.9, 0.0, (word,) if drifted else ())
    return Evidence(
        users,
        300,
        columns,
        column("score", 0.9, effect=0.01),
        performance,
        quality=(QualityCheck("nulls", "bad", "income: 40 % are missing.", 0.4),),
        text=text,
        tiers=(TierShare("high", 0.2, 0.3, 0.25, 0.35),),
        categories=(ShareChange("region = north", 0.6, 0.4, 1e-9),) if drifted else (),
        window=window_drift(columns, column("score", 0.9, effect=0.01), None),
        estimates=(EstimatedFigure(around(0.78), around(0.8), 0.79),),
        campaign=CampaignList(90, MOMENTS[1], 80, 25, 15),
    )


def past(poor_at: tuple[str, ...] = (), state: str = "Healthy") -> tuple[MonitoredWindow, ...]:
    made = []
    for at, moment in enumerate(MOMENTS[:2]):
        evaluated = "" if not at else MOMENTS[0]
        figures = {"estimated.average_precision": 0.79, "drift.matter": 0.0, "campaign.users": 80.0}
        figures |= {"realised.average_precision": 0.77} if evaluated else {}
        made.append(
            MonitoredWindow(moment, state, False, False, False, evaluated, evaluated in poor_at, figures=figures)
        )
    return tuple(made)


def page(
    language: str, given: Evidence, before: tuple[MonitoredWindow, ...] = (), retraining: RetrainingResult | None = None
) -> str:
    decision = decide(given, POLICY, WindowHistory(before), MOMENTS[2])
    figures = {"estimated.average_precision": 0.78, "drift.matter": 0.25, "campaign.users": 90.0}
    made = StakeholderReport(
        language, "shop", "3", given, decision, POLICY, before, figures, "details.html", "evidently.html", retraining
    )
    html = render(made)
    assert len(html.encode()) < 100_000 and not re.search(r"https?:|<script|<link|url\((?!#)|@import", html)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.DOTALL)))


def test_both_languages_have_the_same_sentences_with_the_same_figures() -> None:
    english, chinese = WORDS["en"], WORDS["zh"]
    assert english.keys() == chinese.keys() and LANGUAGES == ("en", "zh")
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", chinese[key])), key


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            [
                "Watch: customers have changed, but the scores that the model gives them have not.",
                "Spend of the last 28 days: 34 → 51 on average · 25 % of feature importance",
                "Words and categories that rose: 蓝牙耳机 (10 % → 30 %).",
                "Words and categories that fell: region = north (60 % → 40 %).",
                "It holds 90 customers now; 60 were to be expected",
                "25 came onto it and 15 left it",
                "Estimate, no measurement: average precision 0.78",
                "Look at the data: income: 40 % are missing.",
                "Nothing: no retraining was called for.",
            ],
        ),
        ("zh", ["关注：客户发生了变化", "近 28 天消费金额：平均值 34 → 51", "25 位进入名单", "估计值（并非实测）"]),
    ],
)
def test_the_page_tells_what_changed_and_what_it_means_for_the_list(language: str, sentences: list[str]) -> None:
    text = page(language, evidence())
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_the_page_says_since_when_and_how_right_its_estimates_were() -> None:
    before = past((MOMENTS[0],), "Act")
    text = page("en", evidence(False, poor(MOMENTS[1])), before)
    assert "Act: the model finds the best customers worse than at its promotion, in 2 of the last 2 windows." in text
    assert f"So since {MOMENTS[0]} (3 windows)." in text
    assert "In 1 past windows such estimates were wrong by 0.290 on average" in text
    assert "“same as last month” was by 0.270" in text
    assert "Retraining was started." in text and "Nothing that chance does not explain." in text


@pytest.mark.parametrize(
    ("retraining", "sentence"),
    [
        (RetrainingResult("r", "finished", "promoted", "4"), "Version 4 passed the gate and is in use now."),
        (RetrainingResult("r", "finished", "refused", "4"), "The gate refused version 4"),
        (RetrainingResult("r", "failed", "unknown", "unknown"), "Training the model again failed"),
    ],
)
def test_the_decision_of_the_gate_comes_back_to_the_page(retraining: RetrainingResult, sentence: str) -> None:
    assert sentence in page("en", evidence(False, poor(MOMENTS[1])), past((MOMENTS[0],)), retraining)


def test_too_few_users_and_a_healthy_model_are_named_as_such() -> None:
    assert "Too few users: only 50 users can be compared, and 100 are needed" in page("en", evidence(users=50))
    assert "Healthy: customers are as they were when the model was trained." in page("en", evidence(False))


def test_a_trend_is_a_picture_with_the_last_value_of_each_line() -> None:
    points = (("2024-01-01", 0.5), ("2024-02-01", float("nan")), ("2024-03-01", 0.75))
    svg = picture([Line("a <b>", "#123456", points), Line("none", "#111", ())], "{:.2f}".format, "what & how")
    root = ElementTree.fromstring(svg)
    texts = [node.text for node in root.iter("text")]
    assert texts == ["2024-01-01", "2024-03-01", "0.75", "a <b>"] and root.get("aria-label") == "what & how"
    # Two points, and the one of the legend.
    assert len([use for use in root.iter("use") if "fill: #123456" in use.get("style", "")]) == 3
    assert picture([Line("none", "#111", ())], "{:.2f}".format, "") == ""


def test_the_campaign_list_counts_who_came_and_who_left() -> None:
    table = panel(users=300)
    model, later = trained(table), next_month(table)
    now = KIND.current_rows(model, later, None, 0)
    found = KIND.campaign(model, later, now)
    assert found is not None
    listed = [
        set(rows.loc[(model.predict(rows)["tier"] == "high").to_numpy(), "user_id"])
        for rows in (later.frame[later.frame["cutoff"] == at] for at in sorted(later.frame["cutoff"].unique())[-2:])
    ]
    assert (found.users_before, found.users) == (len(listed[0]), len(listed[1]))
    assert (found.entered, found.left) == (len(listed[1] - listed[0]), len(listed[0] - listed[1])) and found.entered
    only = replace(later, frame=now.frame)
    alone = KIND.campaign(model, only, now)
    assert alone is not None and alone.before == "" and alone.users == found.users


@pytest.mark.parametrize(
    ("place", "english", "chinese"),
    [
        ("at most 5.99", "(at most 5.99)", "（不超过 5.99）"),
        ("above all cuts", "(above all cuts of training)", "（高于训练时的所有分界）"),
        ("missing", "(not known)", "（缺失）"),
    ],
)
def test_the_place_of_a_drift_is_named_in_the_language_of_the_page(place: str, english: str, chinese: str) -> None:
    drifted = replace(
        column("days_since_order", 1e-9, "Days since the last order."),
        place=place,
        reference_mean=5.0,
        current_mean=5.0,
    )
    sentences = [stakeholder_report._column(drifted, language) for language in ("en", "zh")]
    assert sentences[0].endswith(english) and sentences[1].endswith(chinese)
