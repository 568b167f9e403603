"""Tests of the rules of a request: features, profiles and the full model read a value alike, or refuse it alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tables import panel

from purchasing_power.model.features import prepare
from purchasing_power.serving.raw_rows import read_tables
from purchasing_power.serving.rows import RequestColumns, read_rows
from purchasing_power.serving.rules import Limits, RequestError

SETTINGS = {"profile_numeric": ["score"], "profile_categorical": ["region"], "dates": ["noise"]}
META = replace(panel().meta, settings=SETTINGS, blocks={"profile": "on"})


def features(**values: object) -> dict[str, Any]:
    return {**dict.fromkeys(META.features), **values}


def feature(**values: object) -> Any:
    """The one value as features of a request."""
    rows = read_rows([features(**values)], RequestColumns.of(META), Limits())
    [name] = values
    return rows.frame[name].iloc[0]


def profile(**values: object) -> Any:
    """The one value as a profile of a raw request."""
    row = {"user_id": "u", "cutoff": "2024-06-02", "profile": values}
    tables, _ = read_tables([row], META, Limits())
    [name] = values
    return tables["users"][name].iloc[0]


def full_model(**values: object) -> Any:
    """The one value in a frame that the full model takes."""
    [name] = values
    return prepare(pd.DataFrame([features(**values)]), META)[name].iloc[0]


@pytest.mark.parametrize("value", [3, 2.5, True, None])
def test_a_number_is_read_alike(value: object) -> None:
    expected = np.nan if value is None else float(value)  # type: ignore[arg-type]
    np.testing.assert_equal(
        [feature(spend_28d=value), profile(score=value), full_model(spend_28d=value)], [expected] * 3
    )


@pytest.mark.parametrize("value", ["12", float("nan"), float("-inf"), 10**400, [1], {}])
def test_what_is_no_number_is_refused_alike(value: object) -> None:
    for read in (lambda: feature(spend_28d=value), lambda: profile(score=value)):
        with pytest.raises(RequestError, match=r"a finite number or null is allowed\. Send null where nothing"):
            read()


@pytest.mark.parametrize("value", ["north", "", None])
def test_a_category_is_read_alike(value: str | None) -> None:
    assert feature(region=value) == value
    assert full_model(region=value) == value
    found = profile(region=value)
    assert (None if pd.isna(found) else found) == value


@pytest.mark.parametrize("value", [7, "x" * 257, ["north"], False])
def test_what_is_no_category_is_refused_alike(value: object) -> None:
    for read in (feature, profile):
        with pytest.raises(RequestError, match="a text of up to 256 characters or null is allowed"):
            read(region=value)


@pytest.mark.parametrize("value", ["2024-06-02", "2024-06-02T12:00:00Z"])
def test_a_date_is_read_alike(value: str) -> None:
    expected = (pd.Timestamp(value).tz_localize(None) - pd.Timestamp(0)) / pd.Timedelta(days=1)
    assert feature(noise=value) == full_model(noise=value) == expected


@pytest.mark.parametrize("cutoff", ["2024-06-02", "2024-06-02T00:00:00.000"])
def test_a_cutoff_is_a_day(cutoff: str) -> None:
    days = read_tables([{"user_id": "u", "cutoff": cutoff}], META, Limits())[1]
    assert f"{days[0]:%Y-%m-%d}" == "2024-06-02"
    for wrong in ("2024-06-02T12:00", "2024-13-01", "", None, 19876):
        with pytest.raises(RequestError, match=r"row 0, cutoff: .*a date .YYYY-MM-DD, its midnight UTC. is needed"):
            read_tables([{"user_id": "u", "cutoff": wrong}], META, Limits())
