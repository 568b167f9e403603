from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from purchasing_power.errors import DataError
from purchasing_power.model import skops_files
from purchasing_power.snapshot.user_table import documents_array
from purchasing_power.text import store as store_module
from purchasing_power.text.bag import bag
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore
from purchasing_power.text.vectorize import EncodedDocuments, TfidfDocuments
from purchasing_power.text.words import tokens

ITEMS = ["red shirt", "blue shirt", "fresh milk", "红色的衣服 很好", "good 😀", "cheap red wine", "bread"]


def _documents(rows: int = 40, seed: int = 0) -> pd.DataFrame:
    """One-column user table with some empty rows."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 6, rows)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    codes = random.integers(0, len(ITEMS), offsets[-1])
    return documents_array(offsets, codes, ITEMS).to_frame()


def _as_lists(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"documents": [list(row) for row in frame["documents"]]}, index=frame.index)


def _dense(matrix: np.ndarray | sparse.spmatrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix


@pytest.fixture(params=["tfidf", "tfidf sparse", "encoded", "encoded white idf", "encoded mean"])
def transformer(request: pytest.FixtureRequest, tiny_bert: Path) -> TfidfDocuments | EncodedDocuments:
    kinds = {
        "tfidf": TfidfDocuments(components=4),
        "tfidf sparse": TfidfDocuments(components=None),
        "encoded": EncodedDocuments(encoder=str(tiny_bert), components=4),
        "encoded white idf": EncodedDocuments(
            encoder=str(tiny_bert), components=4, reduction="whitening", weighting="idf"
        ),
        "encoded mean": EncodedDocuments(encoder=str(tiny_bert), components=None),
    }
    return kinds[request.param]


def test_transform_of_the_fitted_rows_equals_fit_transform(transformer) -> None:
    frame = _documents()
    fitted = _dense(transformer.fit_transform(frame))
    assert fitted.std() > 0
    np.testing.assert_array_equal(_dense(transformer.transform(frame)), fitted)
    np.testing.assert_array_equal(_dense(clone(transformer).fit(frame).transform(frame)), fitted)


def test_a_row_does_not_depend_on_the_rows_beside_it(transformer) -> None:
    frame = _documents()
    transformer.fit(frame)
    together = _dense(transformer.transform(frame))
    for row in range(0, len(frame), 7):
        np.testing.assert_allclose(_dense(transformer.transform(frame.iloc[[row]]))[0], together[row], atol=1e-5)


def test_arrow_lists_and_a_series_give_the_same(transformer) -> None:
    frame = _documents()
    fitted = _dense(transformer.fit_transform(frame))
    for other in (_as_lists(frame), frame["documents"], _as_lists(frame)["documents"]):
        np.testing.assert_allclose(_dense(transformer.transform(other)), fitted, atol=1e-6)


def test_names_match_columns_and_are_distinct(transformer) -> None:
    width = transformer.fit_transform(_documents()).shape[1]
    names = transformer.get_feature_names_out()
    assert len(names) == len(set(names)) == width


def test_all_documents_empty_gives_finite_columns_that_a_head_can_take(transformer) -> None:
    frame = pd.DataFrame({"documents": [[], [], None, []]})
    fitted = _dense(transformer.fit_transform(frame))
    assert fitted.shape == (4, len(transformer.get_feature_names_out()))
    assert fitted.shape[1] >= 1
    assert (fitted == 0).all()
    seen = _dense(transformer.transform(pd.DataFrame({"documents": [["red shirt"]]})))
    assert seen.shape == (1, fitted.shape[1]) and np.isfinite(seen).all()
    LogisticRegression().fit(fitted, [0, 1, 0, 1])


def test_one_row_can_be_fitted(transformer) -> None:
    fitted = _dense(transformer.fit_transform(pd.DataFrame({"documents": [["red shirt", "bread"]]})))
    assert np.isfinite(fitted).all()
    assert fitted.shape[1] == len(transformer.get_feature_names_out())


def test_chinese_emoji_and_unseen_words_pass(transformer) -> None:
    transformer.fit(_documents())
    frame = pd.DataFrame({"documents": [["质量不错 👍"], ["never seen"], [""], [], ["x " * 5000]]})
    assert np.isfinite(_dense(transformer.transform(frame))).all()


def test_more_than_one_column_is_refused_with_a_remedy(transformer) -> None:
    with pytest.raises(DataError, match="got 2 columns; one column is allowed"):
        transformer.fit(pd.DataFrame({"a": [[]], "b": [[]]}))


def test_sparse_tfidf_equals_scikit_learns_on_joined_documents() -> None:
    """Words alone: sequences over the seam of two documents exist only in the joined text."""
    frame = _documents()
    ours = TfidfDocuments(components=None, ngram_max=1, min_df=2).fit(frame)
    joined = [" ".join(row) for row in frame["documents"]]
    theirs = TfidfVectorizer(analyzer=tokens, sublinear_tf=True, min_df=2).fit(joined)
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
    np.testing.assert_allclose(ours.transform(frame).toarray(), theirs.transform(joined).toarray(), atol=1e-6)


def test_a_words_frequency_counts_users_not_documents() -> None:
    frame = pd.DataFrame({"documents": [["rare word"] * 9, ["bread"], ["bread"]]})
    fitted = TfidfDocuments(components=None, min_df=2).fit(frame)
    assert list(fitted.vocabulary_) == ["bread"]


def test_the_most_frequent_terms_are_kept() -> None:
    frame = pd.DataFrame({"documents": [["milk"] * 3, ["bread"] * 2, ["wine"]]})
    fitted = TfidfDocuments(max_features=2, min_df=1, ngram_max=1, components=None).fit(frame)
    assert list(fitted.vocabulary_) == ["bread", "milk"]


def test_components_shrink_to_what_the_rows_allow(tiny_bert: Path) -> None:
    frame = _documents(rows=8)
    present = int((bag(frame["documents"]).counts.sum(axis=1) > 0).sum())
    width = EncodedDocuments(str(tiny_bert), components=64).fit_transform(frame).shape[1]
    assert 2 <= width <= min(present, len(ITEMS)) - 1
    tfidf = TfidfDocuments(components=64)
    assert tfidf.fit_transform(frame).shape[1] <= min(8, len(tfidf.vocabulary_))


@pytest.mark.parametrize(
    ("weighting", "weights"),
    [
        ("count", [3, 1]),
        ("log_count", np.log([4, 2])),
        ("recency", [1 + 1 / 3 + 1 / 4, 1 / 2]),
        ("idf", np.log([4, 2]) * (np.log([3 / 2, 3 / 3]) + 1)),
    ],
)
def test_a_users_vector_is_the_weighted_mean_of_the_documents(
    weighting: str, weights: Sequence[float], tiny_bert: Path
) -> None:
    frame = pd.DataFrame({"documents": [["bread", "milk", "bread", "bread"], [], ["milk"]]})
    pooled = EncodedDocuments(str(tiny_bert), components=None, weighting=weighting).fit_transform(frame)
    each = Encoder.open(str(tiny_bert)).encode(["bread", "milk"])
    np.testing.assert_allclose(pooled[0], np.average(each, axis=0, weights=weights), atol=1e-6)
    assert (pooled[1] == 0).all()


def test_rows_without_documents_are_zeros_and_do_not_move_the_components(tiny_bert: Path) -> None:
    frame = _documents()
    full = frame[[len(row) > 0 for row in frame["documents"]]]
    assert 0 < len(full) < len(frame)
    with_empty = EncodedDocuments(str(tiny_bert), components=4).fit(frame)
    without = EncodedDocuments(str(tiny_bert), components=4).fit(full)
    np.testing.assert_allclose(with_empty.transform(full), without.transform(full), atol=1e-5)
    assert (with_empty.transform(pd.DataFrame({"documents": [[]]})) == 0).all()


def test_each_distinct_text_is_encoded_once_for_a_whole_study(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    encode = Encoder.encode

    def counting(self: Encoder, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        seen.extend(texts)
        return encode(self, texts, progress)

    monkeypatch.setattr(Encoder, "encode", counting)
    for components in (2, 3, None):
        for rows in (20, 40):
            EncodedDocuments(str(tiny_bert), store=str(tmp_path), components=components).fit(_documents(rows))
    assert sorted(seen) == sorted(ITEMS)


def test_a_warm_store_serves_without_the_models_weights(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = _documents()
    fitted = EncodedDocuments(str(tiny_bert), components=4).fit(frame)
    expected = fitted.transform(frame)
    encoder = Encoder.open(str(tiny_bert))
    encoder.save(tmp_path / "encoder")
    VectorStore(tmp_path / "warm").put(encoder.store_key, ITEMS, encoder.encode(ITEMS))
    monkeypatch.setattr(store_module, "_BACKENDS", {})
    monkeypatch.setattr(Encoder, "encode", lambda *_, **__: pytest.fail("the warm store was not read"))
    fitted.set_params(encoder=str(tmp_path / "encoder"), warm_store=str(tmp_path / "warm"))
    np.testing.assert_allclose(fitted.transform(frame), expected, atol=1e-5)


def test_another_encoder_than_the_fitted_one_is_refused(tiny_bert: Path, tiny_gpt: Path) -> None:
    fitted = EncodedDocuments(str(tiny_bert), components=2).fit(_documents()).set_params(encoder=str(tiny_gpt))
    with pytest.raises(DataError, match="the model was fitted with"):
        fitted.transform(_documents())


def test_an_unknown_weighting_is_refused(tiny_bert: Path) -> None:
    with pytest.raises(DataError, match="allowed are log_count, count, recency, idf"):
        EncodedDocuments(str(tiny_bert), weighting="sum").fit(_documents())


def test_another_precision_than_the_fitted_one_is_refused(tiny_bert: Path) -> None:
    fitted = EncodedDocuments(str(tiny_bert), components=2).fit(_documents())
    fitted.set_params(encoder=f"{tiny_bert}?runtime=onnx-float32")
    with pytest.raises(DataError, match="the model was fitted with"):
        fitted.transform(_documents())


def test_a_text_that_no_fitted_row_has_weighs_most(tiny_bert: Path) -> None:
    frame = pd.DataFrame({"documents": [["bread", "milk"], ["bread"], ["bread"]]})
    fitted = EncodedDocuments(str(tiny_bert), components=None, weighting="idf").fit(frame)
    each = Encoder.open(str(tiny_bert)).encode(["bread", "red wine"])
    pooled = fitted.transform(pd.DataFrame({"documents": [["bread", "red wine"]]}))
    np.testing.assert_allclose(pooled[0], np.average(each, axis=0, weights=[1, 1 + np.log(4)]), atol=1e-6)


def test_terms_are_kept_as_they_are_among_a_hundred_thousand_without_a_dense_matrix() -> None:
    frame = pd.DataFrame({"documents": [[" ".join(f"w{n * 50 + k}" for k in range(50))] for n in range(2000)]})
    fitted = TfidfDocuments(max_features=10**6, ngram_max=1, min_df=1, components=None)
    found = fitted.fit_transform(frame)
    assert sparse.issparse(found) and found.shape == (2000, 100_000) and found.nnz == 100_000


def test_a_pipeline_goes_through_a_file_without_pickle(tiny_bert: Path, tmp_path: Path) -> None:
    model_folder = Path(shutil.copytree(tiny_bert, tmp_path / "elsewhere"))
    frame = _documents().assign(spend=np.arange(40.0))
    columns = ColumnTransformer(
        [
            ("spend", "passthrough", ["spend"]),
            ("tfidf", TfidfDocuments(components=3), ["documents"]),
            ("terms", TfidfDocuments(components=None), "documents"),
            ("encoded", EncodedDocuments(str(tiny_bert), components=3), ["documents"]),
        ]
    )
    pipeline = Pipeline([("columns", columns), ("head", LogisticRegression())]).fit(frame, np.arange(40) % 2)
    assert len(columns.get_feature_names_out()) == pipeline[:-1].transform(frame).shape[1]
    skops_files.dump(pipeline, tmp_path / "pipeline.skops")
    loaded = skops_files.load(tmp_path / "pipeline.skops")
    loaded.set_params(columns__encoded__encoder=str(model_folder))
    np.testing.assert_array_equal(loaded.predict_proba(frame), pipeline.predict_proba(frame))
