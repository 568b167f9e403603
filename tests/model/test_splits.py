"""Tests of splits: forward in time for panels, stratified and grouped for flat tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tables import HORIZON, changed, flat, panel

from purchasing_power.errors import DataError
from purchasing_power.model.splits import folds, split


def test_a_panel_label_window_ends_before_the_next_part_begins() -> None:
    table = panel()
    parts = split(table)
    moments = table.frame["cutoff"]
    horizon = pd.Timedelta(days=HORIZON)
    assert moments.iloc[parts.train].max() + horizon <= moments.iloc[parts.calibrate].min()
    assert moments.iloc[parts.calibrate].max() + horizon <= moments.iloc[parts.test].min()


def test_rows_without_a_known_outcome_are_in_no_part() -> None:
    table = panel()
    parts = split(table)
    used = np.concatenate([parts.train, parts.calibrate, parts.test])
    assert table.frame["spend_next_28d"].iloc[used].notna().all()
    assert len(np.unique(used)) == len(used)


def test_panel_folds_fit_on_outcomes_known_at_the_scored_cutoff() -> None:
    table = panel()
    known = split(table).known
    moments = table.frame["cutoff"]
    found = folds(table, known, 3)
    scored = [moments.iloc[later].unique() for _, later in found]
    assert all(len(one) == 1 for one in scored)
    assert [one[0] for one in scored] == sorted(one[0] for one in scored)
    for fitted, later in found:
        assert moments.iloc[fitted].max() + pd.Timedelta(days=HORIZON) <= moments.iloc[later].min()
        assert set(fitted) | set(later) <= set(known)


def test_a_flat_split_holds_out_a_fifth_of_each_class() -> None:
    table = flat(400)
    parts = split(table)
    shares = table.frame["label"].iloc[parts.test].value_counts(normalize=True)
    assert len(parts.test) == pytest.approx(80, abs=4)
    assert shares.to_numpy() == pytest.approx([0.5, 0.5], abs=0.05)
    assert sorted(np.concatenate([parts.train, parts.calibrate, parts.test])) == list(range(400))


def test_rows_of_one_user_stay_together_in_a_flat_split() -> None:
    table = changed(flat(400), user_id=[f"user-{n % 90}" for n in range(400)])
    parts = split(table)
    users = table.frame["user_id"]
    sets = [set(users.iloc[part]) for part in (parts.train, parts.calibrate, parts.test)]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    for fitted, later in folds(table, parts.known, 3):
        assert not set(users.iloc[fitted]) & set(users.iloc[later])


def test_too_few_cutoffs_are_refused_with_a_remedy() -> None:
    with pytest.raises(DataError, match=r"2 cutoffs have a known outcome.*-P horizon=14 -P step=14"):
        split(panel(cutoffs=3))


def test_a_rare_class_is_refused_with_its_count() -> None:
    table = flat(100)
    label = ["rare"] * 4 + list(table.frame["label"][4:])
    with pytest.raises(DataError, match="4 of the rarest class"):
        split(changed(table, label=label))
