"""Tests of the reference rows: each user once, and only what the model was trained on."""

from __future__ import annotations

import numpy as np
import pytest
from tables import changed, flat, panel
from watched import trained

from purchasing_power.errors import DataError
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.purchasing_model import row_keys
from purchasing_power.model.splits import split
from purchasing_power.reference import rows as rows_module
from purchasing_power.reference.measure import measure
from purchasing_power.reference.rows import one_per_group, usable_rows

PANEL, FLAT = panel(), flat()


@pytest.mark.parametrize("table", [PANEL, FLAT])
def test_each_user_stands_once_and_every_reference_row_was_trained_on(table) -> None:
    model = trained(table)
    rows = one_per_group(table, usable_rows(model, table), "user_id", 0)
    assert rows.frame["user_id"].is_unique
    assert np.isin(row_keys(rows), model.seen).all()
    assert set(rows.frame["user_id"]) == set(table.frame["user_id"].iloc[split(table).known])


def test_reference_rows_come_from_several_cutoffs_and_never_from_one_with_unfilled_windows() -> None:
    rows = one_per_group(PANEL, usable_rows(trained(PANEL), PANEL), "user_id", 0)
    training = sorted(PANEL.frame["cutoff"].unique())[:4]
    assert set(rows.frame["cutoff"]) == set(training[1:4])  # the lookback is one step of 28 days


def test_the_same_seed_draws_the_same_rows_and_another_seed_others() -> None:
    model = trained(PANEL)
    first, again, other = (
        one_per_group(PANEL, usable_rows(model, PANEL), "user_id", seed).frame["cutoff"] for seed in (0, 0, 1)
    )
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("table", [PANEL, FLAT])
def test_scores_are_compared_with_rows_that_the_model_was_not_fitted_on(table) -> None:
    found = row_keys(table.rows(KIND.score_rows(trained(table), table)))
    assert not np.isin(found, row_keys(table.rows(split(table).train))).any()


def test_another_table_than_the_one_trained_on_is_refused() -> None:
    with pytest.raises(DataError, match="digest"):
        measure(KIND, trained(PANEL), changed(PANEL, noise=0.0), 0)


def test_no_more_users_than_the_limit_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MOST_USERS", 40)
    assert len(one_per_group(PANEL, np.arange(len(PANEL.frame)), "user_id", 0).frame) == 40
