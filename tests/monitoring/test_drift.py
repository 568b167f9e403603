"""Laws of drift: what did not change is not called changed, what did is, and Evidently says the same."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from tables import TEXTS, changed, panel
from watched import trained

import monitoring
from monitoring import statistics
from monitoring.columns import comparable, feature_columns, meanings, score_columns
from monitoring.drift import Drift, compare
from monitoring.evidence import ColumnDrift
from monitoring.policy import drifted_columns, score_drifted
from purchasing_power.snapshot.user_table import UserTable

MONTH = panel(users=3000, cutoffs=1)
MODEL = trained(panel())


def halves(users: int, seed: int) -> tuple[UserTable, UserTable]:
    chosen = np.random.default_rng(seed).permutation(3000)[: 2 * users]
    return MONTH.rows(chosen[:users]), MONTH.rows(chosen[users:])


def drift(reference: UserTable, current: UserTable) -> Drift:
    sides = [
        {**feature_columns(t, MODEL.meta), **score_columns(MODEL.predict(t.frame))}
        for t in (reference, current)
    ]
    return compare(sides[0], sides[1], meanings(MODEL.meta), 0.3)


def by_name(found: Drift) -> dict[str, ColumnDrift]:
    return {column.column: column for column in found.columns}


@pytest.mark.parametrize(("users", "seed"), [(200, 0), (200, 1), (200, 2), (1000, 0), (1000, 1)])
def test_two_halves_of_one_population_have_not_drifted(users: int, seed: int) -> None:
    found = drift(*halves(users, seed))
    assert not drifted_columns(found.columns)
    assert not score_drifted(found.scores["score"])


def test_a_planted_shift_is_found_in_its_column_alone_and_in_the_score() -> None:
    before, now = halves(1000, 3)
    shifted = changed(now, spend_28d=now.frame["spend_28d"] * 2, orders_28d=now.frame["orders_28d"] * 2)
    found = drift(before, shifted)
    assert {column.column for column in drifted_columns(found.columns)} == {"spend_28d", "orders_28d"}
    assert score_drifted(found.scores["score"])
    spend = by_name(found)["spend_28d"]
    assert spend.current_mean > 1.5 * spend.reference_mean
    assert abs(spend.current_share - spend.reference_share) == pytest.approx(spend.effect)


def test_a_category_that_grew_and_values_that_went_missing_are_found_and_named() -> None:
    before, now = halves(1000, 4)
    rng = np.random.default_rng(0)
    region = now.frame["region"].astype(object).where(rng.random(1000) > 0.3, "overseas")
    gone = now.frame["noise"].where(rng.random(1000) > 0.2)
    found = drift(before, changed(now, region=region, noise=gone))
    assert {column.column for column in drifted_columns(found.columns)} == {"region", "noise"}
    region, noise = by_name(found)["region"], by_name(found)["noise"]
    assert (region.place, region.reference_share) == ("overseas", 0.0)
    assert region.current_share == pytest.approx(0.3, abs=0.05)
    assert (noise.place, noise.reference_share) == ("missing", 0.0)


def test_empty_constant_boolean_and_unseen_columns_survive() -> None:
    before, now = halves(300, 5)
    odd = {"days_since_order": np.nan, "noise": 1.0, "age": None}
    found = drift(
        changed(before, **odd, region="north"),
        changed(now, **odd, region=pd.Series(["mars"] * 300, dtype="str"), orders_28d=[True, False] * 150),
    )
    columns = by_name(found)
    for name in ("days_since_order", "noise", "age"):
        assert (columns[name].p_value, columns[name].effect) == (1.0, 0.0)
    assert columns["region"].effect == 1.0
    assert columns["orders_28d"].p_value < 1e-9
    emptied = by_name(drift(before, changed(now, noise=np.nan)))["noise"]
    assert (emptied.place, emptied.effect) == ("missing", 1.0)
    assert emptied.p_value < 1e-9 and np.isnan(emptied.current_mean)


def test_the_p_values_decided_on_are_those_of_evidently_and_equal_scipys() -> None:
    before, now = halves(400, 6)
    found = drift(before, changed(now, noise=now.frame["noise"] + 0.4))
    said = evidently_values(found)
    columns = by_name(found)
    for name in ("spend_28d", "orders_28d", "noise"):
        expected = ks_2samp(before.frame[name], now.frame[name] + (0.4 if name == "noise" else 0)).pvalue
        assert columns[name].p_value == said[name] == pytest.approx(expected)
    for name in ("region", "age"):
        sides = comparable(feature_columns(before, MODEL.meta), feature_columns(now, MODEL.meta))
        expected = statistics.homogeneity(sides[0][name], sides[1][name])[0]
        assert columns[name].p_value == said[name] == pytest.approx(expected)
    assert found.scores["score"].p_value == said["score"]
    assert set(said) == {*columns, "score", "tier"}


def test_evidently_counts_the_same_columns_as_the_policy() -> None:
    before, now = halves(1000, 7)
    gone = now.frame["days_since_order"].where(np.random.default_rng(0).random(1000) > 0.3)
    # Significant, but fewer than one user in twenty moved.
    tiny = now.frame["noise"].where(np.random.default_rng(1).random(1000) > 0.04, 9.0)
    found = drift(before, changed(now, days_since_order=gone, noise=tiny, spend_28d=0.0))
    counted = re.search(r"Drift is detected for [\d.]+% of columns \((\d+) out of (\d+)\)", found.html)
    assert counted is not None
    assert (int(counted[1]), int(counted[2])) == (len(drifted_columns(found.columns)), len(found.columns))


def test_reports_hold_no_user_id_and_no_text() -> None:
    found = drift(*halves(200, 8))
    for report in (found.html, found.json, str(found.columns)):
        assert not re.search(r"user-\d{4}", report)
        assert not [text for text in TEXTS if text in report]


def test_one_module_imports_evidently_and_only_when_it_is_used() -> None:
    folder = Path(monitoring.__file__).parent
    pattern = re.compile(r"^\s*(from|import) evidently", re.MULTILINE)
    importing = {path.name for path in folder.glob("*.py") if pattern.search(path.read_text())}
    assert importing == {"drift.py"}
    top = ast.parse((folder / "drift.py").read_text()).body
    modules = [node.module for node in top if isinstance(node, ast.ImportFrom)]
    assert not [name for name in modules if name and name.startswith("evidently")]


def evidently_values(found: Drift) -> dict[str, float]:
    """P-values by column in the JSON of Evidently's own report."""
    metrics = json.loads(found.json)["metrics"]
    return {m["config"]["column"]: m["value"] for m in metrics if m["config"]["type"].endswith("ValueDrift")}
