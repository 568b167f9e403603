"""Tests of the checks of new rows: good rows pass, and each fault is named with its figure."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tables import changed
from watched import next_month, stored

from monitoring.drift.comparison import compare
from monitoring.drift.results import QualityCheck
from monitoring.drift.row_quality import check_rows, schema
from purchasing_power.errors import DataError
from purchasing_power.kinds.purchase import KIND
from purchasing_power.snapshot.user_table import UserTable

TABLE, MODEL, REFERENCE = stored()
NOW = KIND.current_rows(MODEL, next_month(TABLE), None, 0)


def checks(current: UserTable) -> dict[str, QualityCheck]:
    return {check.name: check for check in compare(KIND, MODEL, REFERENCE, current, 0).quality}


def test_good_rows_pass_every_check() -> None:
    found = checks(NOW)
    assert list(found) == ["schema", "nulls", "ranges", "categories", "volume", "freshness"]
    assert {check.status for check in found.values()} == {"good"}
    assert found["volume"].value == 1.0 and "56 days after the last one" not in found["volume"].message


def test_lost_values_strange_values_and_new_categories_are_named_with_their_share() -> None:
    rng = np.random.default_rng(0)
    lost = NOW.frame["noise"].where(rng.random(300) > 0.3)
    strange = NOW.frame["spend_28d"].where(rng.random(300) > 0.1, -500.0)
    region = NOW.frame["region"].astype(object).where(rng.random(300) > 0.6, "mars")
    found = checks(changed(NOW, noise=lost, spend_28d=strange, region=region))
    assert found["nulls"].status == "look" and "noise 2" in found["nulls"].message
    assert found["ranges"].status == "look" and found["ranges"].value == pytest.approx((strange == -500).mean())
    assert found["categories"].status == "bad" and "region" in found["categories"].message
    assert "mars" not in found["categories"].message


def test_a_few_stray_users_raise_nothing() -> None:
    odd = NOW.frame["spend_28d"].where(np.arange(300) > 5, 1e9)
    region = NOW.frame["region"].astype(object).where(np.arange(300) > 5, "mars")
    lost = NOW.frame["noise"].where(np.arange(300) > 5)
    found = checks(changed(NOW, spend_28d=odd, region=region, noise=lost))
    assert {check.status for check in found.values()} == {"good"}


def test_half_the_users_and_old_orders_are_named() -> None:
    found = checks(NOW.rows(np.arange(120)))
    assert found["volume"].status == "look" and "120 users" in found["volume"].message
    old = checks(changed(NOW, days_since_order=NOW.frame["days_since_order"] + 20))
    assert old["freshness"].status == "bad" and "days older" in old["freshness"].message
    counts = compare(KIND, MODEL, REFERENCE, NOW, 0).columns
    late = {check.name: check for check in check_rows(REFERENCE, counts, 300, date(2026, 1, 1))}
    assert late["freshness"].status == "look" and late["freshness"].value > 365


def test_a_missing_column_is_refused_and_a_further_or_changed_one_is_named() -> None:
    lacking = UserTable(NOW.frame.drop(columns="noise"), NOW.meta)
    assert schema(lacking, MODEL.meta).status == "bad"
    with pytest.raises(DataError, match="noise"):
        compare(KIND, MODEL, REFERENCE, lacking, 0)
    meta = vars(NOW.meta)
    further = UserTable(
        NOW.frame.assign(extra=1.0), type(NOW.meta)(**{**meta, "numeric": (*NOW.meta.numeric, "extra")})
    )
    assert schema(further, MODEL.meta).status == "look" and "extra" in schema(further, MODEL.meta).message
    kinds = {"numeric": NOW.meta.numeric[1:], "categorical": (*NOW.meta.categorical, NOW.meta.numeric[0])}
    assert "kind" in schema(UserTable(NOW.frame, type(NOW.meta)(**{**meta, **kinds})), MODEL.meta).message


def test_a_flat_table_has_neither_volume_nor_freshness() -> None:
    counts = compare(KIND, MODEL, REFERENCE, NOW, 0).columns
    assert [check.name for check in check_rows(REFERENCE, counts, 300, None)] == ["nulls", "ranges", "categories"]
    assert isinstance(counts["noise"].counts, np.ndarray) and pd.notna(counts["noise"].mean)
