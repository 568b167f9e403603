"""Tests of stored texts: no text, no rare word, and the same fold for the same user in every sample."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from tables import TEXTS, changed, panel
from watched import as_documents, trained

from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.reference.texts import (
    DIMENSION,
    HASHED,
    Vectors,
    known_terms,
    projected,
    sampled_bag,
    term_shares,
    text_block,
    user_vectors,
)
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTable
from purchasing_power.text.bag import bag

TABLE = panel(users=60, cutoffs=1)


def test_words_of_ten_users_are_kept_with_their_users_and_no_rarer_one() -> None:
    texts = [["red wine", "red wine", "蓝牙耳机 很好用"]] * 6 + [["red wine"]] * 6 + [["my secret"]] * 9 + [[]] * 39
    terms = known_terms(sampled_bag(changed(TABLE, documents=as_documents(texts)).frame, 0))
    assert (terms.names, terms.users.tolist(), terms.total) == (("red", "wine"), [12, 12], 60)
    # Half of the twelve have it in all of their texts, half in two of three.
    np.testing.assert_allclose(terms.median_share, [5 / 6, 5 / 6])
    assert terms.users_above.tolist() == [6, 6]


def test_a_share_is_of_the_users_documents_and_a_word_counts_once_in_each() -> None:
    names, shares = term_shares(bag(as_documents([["wine wine", "milk"], ["milk"], []])))
    assert names == ["milk", "wine"]
    np.testing.assert_allclose(shares.todense(), [[0.5, 0.5], [1, 0], [0, 0]])


def vectors_of(model: PurchasingModel, table: UserTable) -> Vectors:
    return user_vectors(table.frame, "user_id", partial(text_block, model), 0)


def test_a_user_is_in_the_same_fold_in_every_sample_and_users_spread_over_folds() -> None:
    model = trained(panel())
    folds = [vectors_of(model, table).folds for table in (TABLE, TABLE.rows(np.arange(60)))]
    assert (folds[0] == folds[1]).all() and len(set(folds[0])) == 5


@pytest.mark.parametrize("representation", ["none", "tfidf"])
def test_vectors_are_the_models_own_or_hashed_words_and_never_wide(representation: str) -> None:
    table = panel()
    parts = split(table)
    params = model_params(representation=representation, head="logistic")
    model = fit(table, parts, fit_target("auto", table, parts.train), params)
    vectors = vectors_of(model, TABLE)
    assert vectors.values.dtype == np.float16 and vectors.values.shape[1] <= DIMENSION
    assert len(vectors.values) == (np.array([len(texts) for texts in TABLE.frame["documents"]]) > 0).sum()
    assert vectors.values.std() > 0


def test_a_projection_keeps_distances_about_right() -> None:
    values = np.random.default_rng(0).normal(size=(100, HASHED))
    near = projected(values).astype(float)
    true = np.linalg.norm(values[:50] - values[50:], axis=1)
    np.testing.assert_allclose(np.mean(np.linalg.norm(near[:50] - near[50:], axis=1) / true), 1, atol=0.1)


def test_nothing_stored_holds_a_text() -> None:
    terms = known_terms(sampled_bag(panel(users=400, cutoffs=1).frame, 0))
    assert terms.names and not [text for text in TEXTS if text in terms.names]
