"""Tests of the checks of new rows: good rows pass, and each fault is named with its figure."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tables import changed
from watched import next_month, stored

from monitoring.drift.comparison import sides
from monitoring.drift.current_rows import current_rows
from monitoring.drift.results import Check
from monitoring.drift.row_quality import check_rows, schema
from purchasing_power.errors import DataError
from purchasing_power.snapshot.user_table import UserTable

TABLE, MODEL, REFERENCE = stored()
NOW = current_rows(MODEL, next_month(TABLE), None, 0)


def checks(current: UserTable) -> dict[str, Check]:
    return {check.name: check for check in sides(MODEL, REFERENCE, current, 0).quality}


def test_good_rows_pass_every_check() -> None:
    found = checks(NOW)
    assert list(found) == ["schema", "nulls", "ranges", "categories", "volume", "freshness"]
    assert {check.verdict for check in found.values()} == {"good"}
    assert found["volume"].value == 1.0 and "56 days after the last one" not in found["volume"].said


def test_lost_values_strange_values_and_new_categories_are_named_with_their_share() -> None:
    rng = np.random.default_rng(0)
    lost = NOW.frame["noise"].where(rng.random(300) > 0.3)
    strange = NOW.frame["spend_28d"].where(rng.random(300) > 0.1, -500.0)
    region = NOW.frame["region"].astype(object).where(rng.random(300) > 0.6, "mars")
    found = checks(changed(NOW, noise=lost, spend_28d=strange, region=region))
    assert found["nulls"].verdict == "look" and "noise 2" in found["nulls"].said
    assert found["ranges"].verdict == "look" and found["ranges"].value == pytest.approx(
        (strange == -500).mean()
    )
    assert found["categories"].verdict == "bad" and "region" in found["categories"].said
    assert "mars" not in found["categories"].said


def test_a_few_stray_users_raise_nothing() -> None:
    odd = NOW.frame["spend_28d"].where(np.arange(300) > 5, 1e9)
    region = NOW.frame["region"].astype(object).where(np.arange(300) > 5, "mars")
    lost = NOW.frame["noise"].where(np.arange(300) > 5)
    found = checks(changed(NOW, spend_28d=odd, region=region, noise=lost))
    assert {check.verdict for check in found.values()} == {"good"}


def test_half_the_users_and_old_orders_are_told() -> None:
    found = checks(NOW.rows(np.arange(120)))
    assert found["volume"].verdict == "look" and "120 users" in found["volume"].said
    old = checks(changed(NOW, days_since_order=NOW.frame["days_since_order"] + 20))
    assert old["freshness"].verdict == "bad" and "days older" in old["freshness"].said
    counts = sides(MODEL, REFERENCE, NOW, 0).columns
    late = {check.name: check for check in check_rows(REFERENCE, counts, 300, date(2026, 1, 1))}
    assert late["freshness"].verdict == "look" and late["freshness"].value > 365


def test_a_missing_column_is_refused_and_a_further_or_changed_one_is_told() -> None:
    lacking = UserTable(NOW.frame.drop(columns="noise"), NOW.meta)
    assert schema(lacking, MODEL.meta).verdict == "bad"
    with pytest.raises(DataError, match="noise"):
        sides(MODEL, REFERENCE, lacking, 0)
    meta = vars(NOW.meta)
    further = UserTable(
        NOW.frame.assign(extra=1.0), type(NOW.meta)(**{**meta, "numeric": (*NOW.meta.numeric, "extra")})
    )
    assert schema(further, MODEL.meta).verdict == "look" and "extra" in schema(further, MODEL.meta).said
    kinds = {"numeric": NOW.meta.numeric[1:], "categorical": (*NOW.meta.categorical, NOW.meta.numeric[0])}
    assert "kind" in schema(UserTable(NOW.frame, type(NOW.meta)(**{**meta, **kinds})), MODEL.meta).said


def test_a_flat_table_has_neither_volume_nor_freshness() -> None:
    counts = sides(MODEL, REFERENCE, NOW, 0).columns
    assert [check.name for check in check_rows(REFERENCE, counts, 300, None)] == [
        "nulls",
        "ranges",
        "categories",
    ]
    assert isinstance(counts["noise"].counts, np.ndarray) and pd.notna(counts["noise"].mean)
