"""Tests of the current rows: only later ones, of one cutoff, each user once."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tables import flat, panel
from watched import trained

from purchasing_power.errors import DataError
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.purchasing_model import row_keys
from purchasing_power.model.splits import split

PANEL, FLAT = panel(), flat()


def test_the_current_rows_are_one_cutoff_and_by_default_the_last() -> None:
    model, moments = trained(PANEL), sorted(PANEL.frame["cutoff"].unique())
    assert set(KIND.current_rows(model, PANEL, None, 0).frame["cutoff"]) == {moments[-1]}
    chosen = KIND.current_rows(model, PANEL, pd.Timestamp(moments[-2]).date(), 0)
    assert set(chosen.frame["cutoff"]) == {moments[-2]}


def test_a_cutoff_that_the_model_trained_on_or_that_is_not_there_is_refused() -> None:
    model, moments = trained(PANEL), sorted(PANEL.frame["cutoff"].unique())
    with pytest.raises(DataError, match="only a later one can"):
        KIND.current_rows(model, PANEL, pd.Timestamp(moments[-3]).date(), 0)
    with pytest.raises(DataError, match="the user table holds 2024-01-07"):
        KIND.current_rows(model, PANEL, date(2030, 1, 1), 0)
    with pytest.raises(DataError, match="it has no rows"):
        KIND.current_rows(model, PANEL.rows(np.zeros(0, np.int64)), None, 0)
    early = PANEL.rows(np.flatnonzero(PANEL.frame["cutoff"] <= moments[3]))
    with pytest.raises(DataError, match="Take a snapshot with a later last_cutoff"):
        KIND.current_rows(model, early, None, 0)


def test_of_a_flat_table_only_rows_that_were_not_trained_on_are_current() -> None:
    model = trained(FLAT)
    assert set(row_keys(KIND.current_rows(model, FLAT, None, 0))) == set(row_keys(FLAT.rows(split(FLAT).test)))
    with pytest.raises(DataError, match="new rows are needed"):
        KIND.current_rows(model, FLAT.rows(split(FLAT).known), None, 0)
    with pytest.raises(DataError, match="got a panel table"):
        KIND.current_rows(model, PANEL, None, 0)
