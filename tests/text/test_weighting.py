"""Tests of the weights: rare texts weigh more, unseen ones most, and no text is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.text.bag import bag
from purchasing_power.text.weighting import WEIGHTINGS, document_weights, known_rarity, learn_rarity

ROWS = pd.Series([["milk", "bread", "milk"], [], ["bread"], ["bread", "红酒"], None], dtype=object)


def test_rarity_is_the_smoothed_inverse_share_of_rows_with_documents() -> None:
    digests, rarity = learn_rarity(bag(ROWS))
    found = known_rarity(["bread", "milk", "never seen", "红酒"], digests, rarity)
    np.testing.assert_allclose(found, np.log(4 / np.array([4, 2, 1, 2])) + 1, rtol=1e-6)


def test_what_is_learned_holds_digests_in_order_and_no_text() -> None:
    digests, rarity = learn_rarity(bag(ROWS))
    assert digests.dtype == np.uint64 and (np.diff(digests) > 0).all() and digests[0] == 0
    assert len(digests) == len(rarity) == 4
    reordered = learn_rarity(bag(ROWS.iloc[::-1]))
    assert all(np.array_equal(one, other) for one, other in zip(reordered, (digests, rarity), strict=True))


def test_rows_without_any_text_have_something_to_say_about_unseen_ones() -> None:
    digests, rarity = learn_rarity(bag(pd.Series([[], []])))
    assert known_rarity(["new"], digests, rarity).tolist() == [1.0]
    assert known_rarity([], digests, rarity).shape == (0,)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_weights_lie_where_the_texts_are_and_the_bag_stays_as_it_was(weighting: str) -> None:
    documents = bag(ROWS)
    before = documents.counts.toarray()
    weights = document_weights(documents, weighting, np.full(3, 2.0, np.float32))
    assert ((weights.toarray() > 0) == (before > 0)).all()
    assert (documents.counts.toarray() == before).all()


def test_a_weighting_that_is_not_known_is_refused() -> None:
    with pytest.raises(DataError, match="allowed are log_count, count, recency, idf"):
        document_weights(bag(ROWS), "sum")
