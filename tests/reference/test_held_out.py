"""Tests of what is kept of the held-back rows: enough for the reference performance, and nobody's row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tables import flat, panel
from watched import next_month, stored, trained

from purchasing_power.evaluation.holdout import held_out
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.purchasing_model import row_keys
from purchasing_power.model.splits import known_outcomes
from purchasing_power.reference import files
from purchasing_power.reference.held_out import HeldOut, later_rows, measure_held_out
from purchasing_power.snapshot.user_table import CUTOFF, UserTable


def test_users_are_codes_and_the_naive_baseline_is_a_rank() -> None:
    table, model, reference = stored()
    predictions = reference.held_out.predictions
    rows = held_out(KIND, table, [model]).frame
    assert predictions is not None and predictions.users.tolist() == list(range(len(rows)))
    np.testing.assert_array_equal(predictions.y, model.target.labels(rows))
    np.testing.assert_array_equal(predictions.outputs, model.outputs(rows))
    np.testing.assert_array_equal(
        predictions.baselines["naive"], rows["spend_28d"].fillna(0.0).rank(method="dense") - 1
    )


def test_amounts_are_kept_where_spend_itself_is_predicted() -> None:
    table = panel()
    model = trained(table, "spend")
    predictions = measure_held_out(KIND, model, table).predictions
    assert predictions is not None
    np.testing.assert_array_equal(predictions.baselines["naive"], held_out(KIND, table, [model]).frame["spend_28d"])


def test_of_a_panel_a_date_tells_the_rows_whose_outcome_was_not_known_and_no_row_is_kept() -> None:
    table, _, reference = stored()
    known = table.frame.loc[table.frame["spend_next_28d"].notna(), CUTOFF]
    held, later = reference.held_out, next_month(table)
    assert held.until == f"{known.max():%Y-%m-%d}" and held.keys is None
    by_key = ~np.isin(row_keys(later), row_keys(table.rows(known_outcomes(table))))
    np.testing.assert_array_equal(later_rows(KIND, held, later), np.flatnonzero(by_key))


def test_of_a_flat_table_keys_tell_the_rows_whose_label_was_not_known() -> None:
    table = flat()
    model = trained(table)
    held = measure_held_out(KIND, model, table)
    both = UserTable(pd.concat([table.frame, flat(rows=60, seed=5).frame], ignore_index=True), table.meta)
    fresh = np.intersect1d(later_rows(KIND, held, both), model.unseen(both))
    assert fresh.tolist() == list(range(240, 300)) and not np.isin(held.keys, model.seen).any()


def test_a_version_that_has_seen_every_row_keeps_its_prior_alone() -> None:
    table = flat()
    model = trained(table)
    found = measure_held_out(KIND, replace(model, seen=np.sort(row_keys(table))), table)
    assert found.predictions is None and found.keys is not None and not len(found.keys)
    shares = (table.frame["label"].astype(str) == model.target.classes[1]).mean()
    assert found.constants["prior"][0, 1] == pytest.approx(shares)


@pytest.mark.parametrize("table", [panel(), flat(classes=0)], ids=["panel", "flat"])
def test_what_is_read_back_is_what_was_kept(table: UserTable, tmp_path: Path) -> None:
    held = measure_held_out(KIND, trained(table), table)
    nothing = replace(held, predictions=None)
    for place, kept in enumerate((held, nothing)):
        again = _through_files(kept, tmp_path / str(place))
        assert again.until == kept.until and (again.predictions is None) == (kept.predictions is None)
        np.testing.assert_equal((again.constants, again.keys), (kept.constants, kept.keys))
        if kept.predictions is not None:
            np.testing.assert_equal(vars(again.predictions), vars(kept.predictions))


def _through_files(held: HeldOut, folder: Path) -> HeldOut:
    return files.load(files.save(replace(stored()[2], held_out=held), folder)).held_out
