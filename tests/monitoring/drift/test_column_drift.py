"""Tests of drift: what did not change is not called changed, what did is, and what a season explains is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from tables import changed, panel
from watched import drift_of, of_sample, stored, trained

from monitoring.drift.column_drift import same_weeks
from monitoring.drift.results import ColumnDrift
from monitoring.evidence import DriftResult
from purchasing_power.reference.columns import feature_columns
from purchasing_power.reference.measure import sketches
from purchasing_power.snapshot.user_table import UserTable

WHOLE = panel(users=3000, cutoffs=1)
# Texts have tests of their own.
MONTH = replace(WHOLE, frame=WHOLE.frame.drop(columns="documents"))
MODEL = trained(panel())


def halves(users: int, seed: int) -> tuple[UserTable, UserTable]:
    chosen = np.random.default_rng(seed).permutation(3000)[: 2 * users]
    return MONTH.rows(chosen[:users]), MONTH.rows(chosen[users:])


def drift(reference: UserTable, current: UserTable) -> DriftResult:
    return drift_of(MODEL, of_sample(MODEL, reference), current)


def by_name(found: DriftResult) -> dict[str, ColumnDrift]:
    return {column.column: column for column in found.evidence.columns}


@pytest.mark.parametrize(("users", "seed"), [(200, 0), (200, 1), (200, 2), (1000, 0), (1000, 1)])
def test_two_halves_of_one_population_have_not_drifted(users: int, seed: int) -> None:
    assert not drift(*halves(users, seed)).evidence.window.drifted


def test_a_planted_shift_is_found_in_its_column_alone_and_in_the_score() -> None:
    before, now = halves(1000, 3)
    shifted = changed(now, spend_28d=now.frame["spend_28d"] * 2, orders_28d=now.frame["orders_28d"] * 2)
    found = drift(before, shifted)
    assert set(found.evidence.window.columns) == {"spend_28d", "orders_28d"}
    assert found.evidence.window.score
    spend = by_name(found)["spend_28d"]
    assert spend.current_mean > 1.5 * spend.reference_mean
    assert abs(spend.current_share - spend.reference_share) == pytest.approx(spend.effect)


def test_a_category_that_grew_and_values_that_went_missing_are_found_and_named() -> None:
    before, now = halves(1000, 4)
    rng = np.random.default_rng(0)
    region = now.frame["region"].astype(object).where(rng.random(1000) > 0.3, "overseas")
    gone = now.frame["noise"].where(rng.random(1000) > 0.2)
    found = drift(before, changed(now, region=region, noise=gone))
    assert set(found.evidence.window.columns) == {"region", "noise"}
    region, noise = by_name(found)["region"], by_name(found)["noise"]
    assert (region.place, region.reference_share) == ("overseas", 0.0)
    assert region.current_share == pytest.approx(0.3, abs=0.05)
    assert (noise.place, noise.reference_share) == ("missing", 0.0)
    assert {change.name for change in found.evidence.categories} == {"region = north", "region = south"}


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


def test_importance_weighted_drift_orders_the_columns() -> None:
    table, model, reference = stored()
    last = table.rows(np.flatnonzero(table.frame["cutoff"] == table.frame["cutoff"].max()))
    moved = changed(last, spend_28d=last.frame["spend_28d"] * 1.5, noise=last.frame["noise"] + 3)
    columns = drift_of(model, reference, moved).evidence.columns
    assert columns[0].column in ("spend_28d", "orders_28d")
    noise = next(column for column in columns if column.column == "noise")
    assert noise.effect > 0.8 and noise.weighted_effect < columns[0].weighted_effect


def test_the_same_weeks_are_those_of_the_newest_earlier_year_within_two_weeks() -> None:
    cutoffs = ("2022-12-20", "2023-11-20", "2023-12-15", "2024-11-20")
    assert same_weeks(cutoffs, date(2024, 12, 18)) == 2
    assert same_weeks(cutoffs[:2], date(2024, 12, 18)) == 0
    assert same_weeks(cutoffs, date(2024, 7, 1)) is None
    assert same_weeks(cutoffs, None) is None and same_weeks((), date(2024, 7, 1)) is None


def test_what_was_so_in_the_same_weeks_of_last_year_is_no_drift_and_what_was_not_is() -> None:
    before, now = halves(1000, 6)
    usual, christmas = (feature_columns(rows.frame, MODEL.meta) for rows in (before, changed(before)))
    christmas["spend_28d"] = christmas["spend_28d"] * 2
    every = {name: pd.concat([usual[name], christmas[name]], ignore_index=True) for name in usual}
    reference = replace(
        of_sample(MODEL, before),
        columns=sketches(usual, every, np.repeat([0, 1], 1000)),
        cutoffs=("2023-06-04", "2023-01-08"),
        cutoff_users=(1000, 1000),
    )
    moved = changed(now, spend_28d=now.frame["spend_28d"] * 2, noise=now.frame["noise"] + 1)
    found = drift_of(MODEL, reference, moved)
    assert set(found.evidence.window.columns) == {"noise"}
    spend = by_name(found)["spend_28d"]
    assert spend.season == "2023-01-08" and spend.training_effect > 0.1 > spend.season_effect
    assert spend.effect == spend.season_effect


def test_a_table_without_documents_is_compared_by_its_other_columns() -> None:
    before, now = WHOLE.rows(np.arange(300)), MONTH.rows(np.arange(300, 600))
    found = drift(before, now)
    assert set(by_name(found)) == set(MODEL.meta.features) and found.evidence.text is None
