"""Tests of the compared columns: no id and no text among them, texts counted right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tables import TEXTS, changed, panel
from watched import as_documents

from purchasing_power.reference.columns import DESCRIPTORS, MISSING, feature_columns, is_numeric, score_columns

TABLE = panel(users=40, cutoffs=1)


def test_neither_ids_nor_texts_nor_outcomes_are_compared() -> None:
    columns = feature_columns(TABLE.frame, TABLE.meta)
    assert list(columns) == [*TABLE.meta.features, *DESCRIPTORS]
    values = {str(value) for column in columns.values() for value in column}
    assert not values & {*TABLE.frame["user_id"], *TEXTS}


def test_texts_are_described_by_their_number_and_mean_length() -> None:
    texts = [["red wine", "organic red apples"], [], ["蓝牙耳机 很好用"]] + [["red wine"]] * 37
    columns = feature_columns(changed(TABLE, documents=as_documents(texts)).frame, TABLE.meta)
    assert columns["documents_per_user"].head(3).tolist() == [2.0, 0.0, 1.0]
    assert columns["words_per_document"].iloc[0] == 2.5
    assert np.isnan(columns["words_per_document"].iloc[1])
    assert columns["words_per_document"].iloc[2] >= 2


def test_a_table_without_documents_has_no_descriptors() -> None:
    without = changed(TABLE)
    without.frame.drop(columns="documents", inplace=True)
    assert set(feature_columns(without.frame, TABLE.meta)) == set(TABLE.meta.features)


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_categories_of_every_dtype_become_plain_strings_and_missing_ones_a_category(dtype: str) -> None:
    values = pd.Series(["north", None, "south", None] * 10, dtype=dtype)
    column = feature_columns(changed(TABLE, region=values).frame, TABLE.meta)["region"]
    assert column.dtype == object
    assert column.tolist()[:4] == ["north", MISSING, "south", MISSING]


def test_booleans_and_infinities_are_numbers_and_missing() -> None:
    odd = changed(TABLE, noise=[True, False] * 20, spend_28d=[np.inf, -np.inf, 1.0, 2.0] * 10)
    columns = feature_columns(odd.frame, TABLE.meta)
    assert is_numeric(columns["noise"]) and columns["noise"].mean() == 0.5
    assert columns["spend_28d"].isna().sum() == 20


def test_scores_are_compared_by_score_and_tier() -> None:
    predictions = pd.DataFrame({"user_id": ["x"], "score": [0.5], "tier": ["low"], "expected_spend": [3.0]})
    assert list(score_columns(predictions)) == ["score", "tier"]
