from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from purchasing_power.snapshot.user_table import documents_array
from purchasing_power.text.bag import bag

LISTS = [["milk", "bread", "milk"], [], ["bread"]]


def test_counts_are_times_a_row_has_a_text() -> None:
    found = bag(pd.Series(LISTS))
    assert found.texts == ["bread", "milk"]
    assert found.counts.toarray().tolist() == [[1, 2], [0, 0], [1, 0]]


def test_the_newest_document_counts_as_one_and_each_older_one_less() -> None:
    expected = [[1 / 2, 1 + 1 / 3], [0, 0], [1, 0]]
    np.testing.assert_allclose(bag(pd.Series(LISTS)).recency.toarray(), expected, rtol=1e-6)
    # A missing text takes no place.
    found = bag(pd.Series([["milk", None, "bread"]], dtype=object)).recency
    np.testing.assert_allclose(found.toarray(), [[1 / 2, 1]], rtol=1e-6)


def test_arrow_and_lists_give_the_same_bag() -> None:
    arrow = documents_array(np.array([0, 3, 3, 4]), np.array([0, 1, 0, 1]), ["milk", "bread"])
    one, other = bag(arrow), bag(pd.Series(LISTS))
    assert one.texts == other.texts
    assert (one.counts != other.counts).nnz == 0
    assert (one.recency != other.recency).nnz == 0


def test_the_order_of_texts_does_not_depend_on_the_rows_beside_them() -> None:
    rows = [["milk", "bread", "eggs"], ["eggs", "milk"], ["bread"]]
    assert bag(pd.Series(rows)).texts == bag(pd.Series(rows[::-1])).texts == ["bread", "eggs", "milk"]


def test_only_texts_that_occur_are_in_the_bag() -> None:
    arrow = documents_array(np.array([0, 1, 3]), np.array([0, 2, 2]), ["milk", "never", "bread"])
    found = bag(arrow.iloc[[1]])
    assert found.texts == ["bread"]
    assert found.counts.toarray().tolist() == [[2]]


def test_missing_lists_and_missing_texts_count_as_nothing() -> None:
    lists = [["milk", None], None, [None, "milk"]]
    arrow = pd.Series(lists, dtype=pd.ArrowDtype(pa.list_(pa.string())))
    for documents in (arrow, pd.Series(lists)):
        found = bag(documents)
        assert found.texts == ["milk"]
        assert found.counts.toarray().tolist() == [[1], [0], [1]]


def test_no_rows_and_no_documents_make_an_empty_bag() -> None:
    assert bag(pd.Series([], dtype=object)).counts.shape == (0, 0)
    assert bag(pd.Series([[], []])).counts.shape == (2, 0)
