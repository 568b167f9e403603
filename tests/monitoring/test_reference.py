"""Laws of the compared rows: each user once, only what the model trained on, and only later rows as current."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tables import changed, flat, panel
from watched import trained

from monitoring import reference
from monitoring.reference import current_rows, one_per_user, reference_rows, score_rows
from purchasing_power.errors import DataError
from purchasing_power.model.purchasing_model import row_keys
from purchasing_power.model.splits import split

PANEL, FLAT = panel(), flat()


@pytest.mark.parametrize("table", [PANEL, FLAT])
def test_each_user_stands_once_and_every_reference_row_was_trained_on(table) -> None:
    model = trained(table)
    rows = reference_rows(model, table, seed=0)
    assert rows.frame["user_id"].is_unique
    assert np.isin(row_keys(rows), model.seen).all()
    assert set(rows.frame["user_id"]) == set(table.frame["user_id"].iloc[split(table).known])


def test_reference_rows_come_from_several_cutoffs_and_never_from_one_with_unfilled_windows() -> None:
    rows = reference_rows(trained(PANEL), PANEL, seed=0)
    training = sorted(PANEL.frame["cutoff"].unique())[:4]
    assert set(rows.frame["cutoff"]) == set(training[1:4])  # the lookback is one step of 28 days


def test_the_same_seed_draws_the_same_rows_and_another_seed_others() -> None:
    model = trained(PANEL)
    first, again, other = (reference_rows(model, PANEL, seed).frame["cutoff"] for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("table", [PANEL, FLAT])
def test_scores_are_compared_with_rows_that_the_model_was_not_fitted_on(table) -> None:
    found = row_keys(score_rows(trained(table), table, seed=0))
    assert not np.isin(found, row_keys(table.rows(split(table).train))).any()


def test_the_current_rows_are_one_cutoff_and_by_default_the_last() -> None:
    model, moments = trained(PANEL), sorted(PANEL.frame["cutoff"].unique())
    assert set(current_rows(model, PANEL, None, 0).frame["cutoff"]) == {moments[-1]}
    chosen = current_rows(model, PANEL, pd.Timestamp(moments[-2]).date(), 0)
    assert set(chosen.frame["cutoff"]) == {moments[-2]}


def test_a_cutoff_that_the_model_trained_on_or_that_is_not_there_is_refused() -> None:
    model, moments = trained(PANEL), sorted(PANEL.frame["cutoff"].unique())
    with pytest.raises(DataError, match="only a later one can"):
        current_rows(model, PANEL, pd.Timestamp(moments[-3]).date(), 0)
    with pytest.raises(DataError, match="the user table holds 2024-01-07"):
        current_rows(model, PANEL, date(2030, 1, 1), 0)
    early = PANEL.rows(np.flatnonzero(PANEL.frame["cutoff"] <= moments[3]))
    with pytest.raises(DataError, match="Take a snapshot with a later last_cutoff"):
        current_rows(model, early, None, 0)


def test_of_a_flat_table_only_rows_that_were_not_trained_on_are_current() -> None:
    model = trained(FLAT)
    assert set(row_keys(current_rows(model, FLAT, None, 0))) == set(row_keys(FLAT.rows(split(FLAT).test)))
    with pytest.raises(DataError, match="new rows are needed"):
        current_rows(model, FLAT.rows(split(FLAT).known), None, 0)
    with pytest.raises(DataError, match="got a panel table"):
        current_rows(model, PANEL, None, 0)


def test_another_table_than_the_one_trained_on_is_refused() -> None:
    with pytest.raises(DataError, match="digest"):
        reference_rows(trained(PANEL), changed(PANEL, noise=0.0), seed=0)


def test_no_more_users_than_the_limit_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "MOST_USERS", 40)
    assert len(one_per_user(PANEL, np.arange(len(PANEL.frame)), 0).frame) == 40
