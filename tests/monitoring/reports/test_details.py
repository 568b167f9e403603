"""Tests of the details page and the records: they open with the decision, fetch nothing, and show nobody."""

from __future__ import annotations

import json
import re
from functools import cache
from html import unescape

import numpy as np
import pytest
from tables import TEXTS, flat, panel
from watched import drift_of, next_month, trained

from monitoring.drift.results import ColumnDrift
from monitoring.drift.window_drift import window_drift
from monitoring.evidence import DriftResult, Evidence
from monitoring.performance.realised import realised_performance
from monitoring.performance.results import Performance
from monitoring.policy.decision import NOTHING_BEFORE, decide
from monitoring.policy.policy import Policy
from monitoring.policy.reasons import reasons, verdict
from monitoring.reports import record
from monitoring.reports.details import DetailsPage, most_drifted, render
from monitoring.reports.job_report import scores_then_and_now, synthetic_samples
from purchasing_power.kinds.purchase import KIND
from purchasing_power.reference.held_out import measure_held_out
from purchasing_power.reference.measure import measure

POLICY = Policy(0.3, 100, "when_needed")


@cache
def watched(factor: float) -> tuple[DetailsPage, DriftResult, Evidence]:
    table = panel(users=300)
    model, later = trained(table), next_month(table, factor=factor)
    now = KIND.current_rows(model, later, None, 0)
    performance = realised_performance(
        KIND, model, measure_held_out(KIND, model, table), later, now.frame["cutoff"].iloc[0], 0
    )
    found = drift_of(model, measure(KIND, model, table, 0), now, performance)
    both, evidence = found.comparison, found.evidence
    decision = decide(evidence, POLICY)
    picture = scores_then_and_now(*synthetic_samples(both.reference.scores, both.scores))
    page = DetailsPage(
        title="shop, version 3",
        verdict=verdict(evidence, decision, POLICY),
        reasons=reasons(evidence, decision, POLICY, NOTHING_BEFORE),
        evidence=evidence,
        compared=both.described,
        picture=picture,
        action="Nothing.",
        evidently="evidently.html",
    )
    return page, found, evidence


def decision_record(page: DetailsPage) -> dict[str, object]:
    decision = decide(page.evidence, POLICY)
    return record.decision_record(page.evidence, decision, POLICY, page.verdict, page.reasons)


def of(columns: tuple[ColumnDrift, ...]) -> Evidence:
    unknown = Performance((), "", 0)
    return Evidence(100, 100, columns, columns[0], unknown, window=window_drift(columns, columns[0], None))


@pytest.fixture(scope="module", params=[1.0, 3.0])
def made(request: pytest.FixtureRequest) -> tuple[DetailsPage, DriftResult, Evidence]:
    return watched(request.param)


def test_the_page_opens_with_the_verdict_and_gives_every_reason(
    made: tuple[DetailsPage, DriftResult, Evidence],
) -> None:
    page, _, evidence = made
    text = unescape(re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", "", render(page), flags=re.DOTALL)))
    assert text.index(page.verdict) < text.index("Why")
    assert all(reason in text for reason in page.reasons)
    assert "evidently.html" in text and f"{evidence.users:,}" in text
    assert f"{evidence.performance.figures[0].figure.value:.3f}" in text


def test_the_page_fetches_nothing_and_runs_no_script(made: tuple[DetailsPage, DriftResult, Evidence]) -> None:
    html = render(made[0])
    assert not re.search(r"https?:|<script|<link|src=|url\((?!#)|@import", html)
    assert html.count("<svg ") == 1


def test_page_and_records_hold_no_user_id_and_no_text(made: tuple[DetailsPage, DriftResult, Evidence]) -> None:
    page, _, _ = made
    for text in (render(page), record.as_json(decision_record(page))):
        assert not re.search(r"user-\d{4}", text)
        assert not [known for known in TEXTS if known in text]


def test_a_record_is_json_that_every_reader_takes() -> None:
    page, _, _ = watched(1.0)
    read = json.loads(record.as_json({**decision_record(page), "odd": [np.nan, np.inf]}), parse_constant=pytest.fail)
    assert read["odd"] == [None, None]
    assert read["figures"]["users"] == 300 and read["policy"]["min_users"] == 100


def test_drifted_columns_come_first_and_some_are_always_shown() -> None:
    columns = tuple(
        ColumnDrift(f"c{n:02}", "numeric", "", p, effect, "", 0.0, 0.0, 0.0, 0.0)
        for n, (p, effect) in enumerate([(0.9, 0.5), (1e-9, 0.1), (1e-9, 0.4), *[(0.8, 0.01)] * 20])
    )
    assert [column.column for column in most_drifted(of(columns))] == ["c02", "c01", "c00", "c03", "c04"]
    many = tuple(ColumnDrift(f"c{n:02}", "numeric", "", 0.0, 0.2, "", 0.0, 0.0, 0.0, 0.0) for n in range(40))
    assert len(most_drifted(of(many))) == 15


def test_markup_in_a_name_stays_text() -> None:
    page, _, _ = watched(1.0)
    odd = ColumnDrift("<b>x</b>", "categorical", "", 0.0, 0.9, "<i>y</i>", 0.1, 0.9, np.nan, np.nan, "<u>z</u>")
    html = render(DetailsPage(**{**vars(page), "evidence": of((odd,))}))
    assert "&lt;b&gt;x" in html and "<b>x" not in html and "<i>y" not in html and "<u>z" not in html


@pytest.mark.parametrize("classes", [2, 3, 0])
def test_a_flat_table_is_monitored_without_cutoffs(classes: int) -> None:
    table = flat(classes=classes)
    model, new = trained(table), flat(rows=200, classes=classes, seed=3)
    found = drift_of(model, measure(KIND, model, table, 0), KIND.current_rows(model, new, None, 0))
    both, evidence = found.comparison, found.evidence
    assert (both.users, both.moment) == (200, None)
    picture = scores_then_and_now(*synthetic_samples(both.reference.scores, both.scores))
    assert picture.startswith("<svg ")
    assert {column.column for column in evidence.columns} >= {"income", "city", "documents_per_user"}
    # A label of several classes has no score: what the model says is then its likeliest class.
    assert evidence.score.column == ("predicted" if classes == 3 else "score")
    assert len(evidence.tiers) == (0 if classes == 3 else 3)
