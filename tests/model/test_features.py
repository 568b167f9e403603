"""Tests of the feature blocks: what a trial may take from another, and which form the matrix has."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matrix_heads import MATRIX_HEADS, fit_head
from scipy import sparse
from tables import panel

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.features import block_key, blocks, column_groups, prepare, transformer, wide
from purchasing_power.model.flat_params import model_params

VARIED = [
    {"head": "lightgbm"},
    {"head": "logistic"},
    {"head": "rbf_svm"},
    {"head": "lightgbm", "imbalance": "smote"},
    {"head": "mlp"},
    {"tfidf_width": 50},
    {"tfidf_width": 60},
    {"tfidf_width": 50, "text_components": 8},
    {"text_components": 8},
    {"ngram_max": 2},
    {"min_df": 5},
    {"stop_words": "keep"},
    {"head": "svm", "table_weight": 0.3},
    {"encoder": "elsewhere"},
    {"weighting": "recency"},
    {"weighting": "idf"},
    {"reduction": "whitening"},
    {"C": 3.0, "trees": 7, "imbalance": "weights"},
]


def test_blocks_have_equal_keys_exactly_where_they_are_made_alike() -> None:
    meta = panel(users=5).meta
    made = []
    for values in VARIED:
        params = model_params({"representation": "both", **values})
        made.append({name: (block_key(name, params), repr(one)) for name, one, _ in blocks(params, meta, 0)})
    for one, other in combinations(made, 2):
        for name in ("numeric", "categorical", "tfidf", "encoder"):
            assert (one[name][0] == other[name][0]) == (one[name][1] == other[name][1])


@pytest.mark.parametrize("head", MATRIX_HEADS)
def test_terms_enter_as_they_are_sparse_and_the_rest_of_the_matrix_stays_the_same(head: str) -> None:
    table = panel()
    frame, values = (prepare(table.frame, table.meta), {"head": head, "representation": "tfidf", "ngram_max": 2})
    plain, terms = (model_params({**values, "text_components": 3, "tfidf_width": width}) for width in (0, 9))
    fitted = {params: transformer(params, table.meta, 0) for params in (plain, terms)}
    matrices = {params: one.fit_transform(frame, np.arange(len(frame)) % 2) for params, one in fitted.items()}
    assert not sparse.issparse(matrices[plain])
    assert sparse.issparse(matrices[terms]) and wide(terms) and not wide(plain)
    groups = column_groups(fitted[terms], table.meta)
    assert len(groups["text (tfidf)"]) == 9
    dense = matrices[terms].toarray()
    tabular = [at for name in table.meta.features for at in groups[name]]
    np.testing.assert_allclose(dense[:, tabular], matrices[plain][:, tabular], equal_nan=True)
    text = dense[:, groups["text (tfidf)"]]
    lengths = np.linalg.norm(text, axis=1)
    assert (text >= 0).all() and lengths[lengths > 0] == pytest.approx(1)


@pytest.mark.parametrize("representation", ["tfidf", "both"])
def test_the_tabular_columns_of_a_linear_head_are_weighed_against_the_texts(
    representation: str, tmp_path: Path
) -> None:
    table = panel()
    frame, y = prepare(table.frame, table.meta), np.arange(len(table.frame)) % 2
    made = {}
    for head, weight in (("logistic", 1.0), ("logistic", 0.25), ("lightgbm", 1.0), ("lightgbm", 0.25)):
        params = model_params(head=head, representation=representation, table_weight=weight, text_components=3)
        fitted = transformer(params, table.meta, 0, str(tmp_path))
        made[head, weight] = fitted.fit_transform(frame, y)
        groups = column_groups(fitted, table.meta)
        if head == "logistic":
            tabular = np.zeros(made[head, weight].shape[1], bool)
            tabular[[at for name in table.meta.features for at in groups[name]]] = True
    whole, light = made["logistic", 1.0], made["logistic", 0.25]
    np.testing.assert_allclose(light[:, tabular], whole[:, tabular] / 4)
    np.testing.assert_allclose(light[:, ~tabular], whole[:, ~tabular])
    np.testing.assert_allclose(made["lightgbm", 1.0], made["lightgbm", 0.25])


def test_a_study_judges_a_weighted_table_as_the_model_that_is_trained_reads_it() -> None:
    table = panel()
    params = model_params(head="logistic", representation="tfidf", table_weight=0.05, C=0.01, text_components=3)
    before, later = np.arange(300), np.arange(300, 600)
    judged = CrossValidation(table, [(before, later)], "intent", seed=0)
    y = judged.target(0).labels(table.frame.iloc[before])
    frame = prepare(table.frame, table.meta)
    fitted = transformer(params, table.meta, 0)
    head = fit_head(params, fitted.fit_transform(frame.iloc[before], y), y, "binary", 2, 0)
    raw = head.scores(fitted.transform(frame.iloc[later]))
    np.testing.assert_allclose(judged.outputs(0, params), calibrated(None, raw, "binary"), atol=1e-9)
