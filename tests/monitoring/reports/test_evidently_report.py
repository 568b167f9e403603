"""Tests of Evidently's report: it shows our figures and p-values, and nobody's rows."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
from tables import TEXTS, panel
from watched import reported

import monitoring
from monitoring.evidence import DriftResult
from monitoring.reports import evidently_report
from monitoring.reports.job_report import SIZE, synthetic_samples

MONTH = panel(users=1000, cutoffs=1)


@cache
def made() -> tuple[DriftResult, str, str]:
    found, snapshot = reported()
    return found, evidently_report.html(snapshot), snapshot.json()


def test_its_p_values_are_ours() -> None:
    found, _, json_text = made()
    values = {
        metric["config"]["column"]: metric["value"]
        for metric in json.loads(json_text)["metrics"]
        if metric["config"]["type"].endswith("ValueDrift")
    }
    ours = {one.column: one.p_value for one in (*found.evidence.columns, *found.scores.values())}
    assert values == ours


def test_it_counts_the_columns_that_we_count() -> None:
    found, html, _ = made()
    counted = re.search(r"Drift is detected for [\d.]+% of columns \((\d+) out of (\d+)\)", html)
    assert counted is not None
    window = found.evidence.window
    assert window.columns and (int(counted[1]), int(counted[2])) == (len(window.columns), len(found.evidence.columns))


def test_our_own_figures_stand_in_it_under_names_that_stay() -> None:
    found, html, json_text = made()
    figures = {
        metric["config"]["name"]: metric["value"]
        for metric in json.loads(json_text)["metrics"]
        if metric["config"]["type"].endswith("Figure")
    }
    assert figures["Columns that drifted"] == len(found.evidence.window.columns)
    assert figures["Texts separated from those at training (AUC)"] == found.evidence.text.auc
    assert figures["Share of users in tier high"] == found.evidence.tiers[-1].realised
    assert figures["Feature importance of what drifted"] == found.evidence.window.importance
    assert all(name in html for name in ("Columns that drifted", "Checks of the rows that want a look"))


def test_it_holds_no_user_and_no_text() -> None:
    for report in made()[1:]:
        assert not re.search(r"user-\d{4}", report)
        assert not [text for text in TEXTS if text in report]


def test_what_it_draws_are_quantiles_of_one_length_whatever_the_number_of_users() -> None:
    both = made()[0].comparison
    before, now = synthetic_samples(both.reference.columns, both.columns)
    assert {len(column) for side in (before, now) for column in side.values()} == {SIZE}
    true = MONTH.frame["noise"].iloc[500:].quantile([0.1, 0.5, 0.9]).to_numpy()
    np.testing.assert_allclose(now["noise"].quantile([0.1, 0.5, 0.9]), true, atol=0.15)


def test_one_module_imports_evidently_and_no_other_imports_that_one_before_it_is_needed() -> None:
    folder = Path(monitoring.__file__).parent
    importing = {
        path.name
        for path in folder.rglob("*.py")
        if re.search(r"^\s*(from|import) evidently\b", path.read_text(), re.MULTILINE)
    }
    assert importing == {"evidently_report.py"}
    slow = {"evidently_names", "evidently_report"}
    for path in folder.rglob("*.py"):
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
        names = {one.name for node in top for one in node.names}
        modules = {str(node.module).rpartition(".")[2] for node in top}
        assert path.stem in slow or not slow & (names | modules), path.name
