"""Tests of the fast path: a few rows get what the full model gives, whatever the head, the texts and the nulls."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pytest
from tables import flat, panel

from purchasing_power.errors import DataError
from purchasing_power.model import bundle, bundle_files, description
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import Member
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.serving.fast import blocks
from purchasing_power.serving.fast.fast_model import FAST_ROWS, FastModel
from purchasing_power.serving.rows import RequestColumns, Rows, rows_of_frame
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTable

SMALL = {"text_components": 4, "trees": 20, "leaf_rows": 10}
TABLE, FLAT = panel(80, 5), flat(classes=3)


def trained(table: UserTable, target: str = "auto", **params: object) -> PurchasingModel:
    parts = split(table)
    return fit(table, parts, fit_target(target, table, parts.train), model_params(**{**SMALL, **params}))


def some_rows(table: UserTable, model: PurchasingModel, start: int, count: int = 5) -> Rows:
    return rows_of_frame(table.frame.iloc[start : start + count], RequestColumns.of(model.meta))


def check_same(model: PurchasingModel, table: UserTable, folder: Path, light: bool = True) -> None:
    """In process and from a bundle, which is read without scikit-learn where ``light`` says so."""
    opened = FastModel.open(bundle.save(model, folder / "bundle"))
    assert (opened.most > len(table.frame)) == light
    for fast in (FastModel.of(model), opened):
        assert fast.fast_path is not None
        for start in range(0, 60, 5):
            rows = some_rows(table, model, start)
            expected = model.outputs(rows.frame)
            scale = max(1.0, np.abs(expected).max())
            np.testing.assert_allclose(fast.outputs(rows), expected, atol=1e-6 * scale, rtol=0)


@pytest.mark.parametrize("head", ["logistic", "svm", "mlp", "lightgbm", "rbf_svm"])
@pytest.mark.parametrize(("table", "target"), [(TABLE, "tier"), (TABLE, "spend"), (FLAT, "auto")])
def test_every_head_and_target_is_predicted_as_the_model_does(
    table: UserTable, target: str, head: str, tmp_path: Path
) -> None:
    model = trained(table, target, head=head, representation="tfidf", epochs=2)
    check_same(model, table, tmp_path, light=head in ("logistic", "svm", "mlp"))


@pytest.mark.parametrize("params", [{"weighting": "idf"}, {"weighting": "recency", "reduction": "whitening"}])
def test_vectors_are_pooled_as_the_model_does(params: dict, tiny_bert: Path, tmp_path: Path) -> None:
    model = trained(TABLE, representation="both", head="logistic", encoder=str(tiny_bert), **params)
    check_same(model, TABLE, tmp_path)


@pytest.mark.parametrize("reduction", ["pca", "whitening"])
def test_many_documents_on_many_components_round_to_the_models_numbers(
    reduction: str, tiny_bert: Path, tmp_path: Path
) -> None:
    """The gate to production compares what is served with the model to 1e-6; a hundred weights add up."""
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(40)]
    texts = [" ".join(rng.choice(words, 6)) for _ in range(300)]
    documents = [list(rng.choice(texts, rng.integers(0, 30))) for _ in range(len(TABLE.frame))]
    table = replace(TABLE, frame=TABLE.frame.assign(documents=documents))
    wide = {"text_components": 200, "reduction": reduction, "encoder": str(tiny_bert)}
    model = trained(table, "tier", representation="both", head="svm", **wide)
    # Both read the same vectors, which depend in their last digit on the texts beside them.
    fast = FastModel.open(bundle.save(model, tmp_path / "bundle", texts))
    assert fast.most > len(table.frame)
    rows = some_rows(table, model, 0, 300)
    np.testing.assert_allclose(fast.outputs(rows), model.outputs(rows.frame), atol=1e-9, rtol=0)


@pytest.mark.parametrize("width", [0, 50])
def test_blends_and_terms_as_they_are_are_predicted_as_the_model_does(width: int, tmp_path: Path) -> None:
    terms = model_params(
        representation="tfidf", head="logistic", tfidf_width=width, table_weight=0.5, text_components=4
    )
    none = model_params(representation="none", head="svm")
    members = (Member(0.7, terms), Member(0.3, none))
    model = trained(TABLE, representation="none", head="blend", members=members)
    check_same(model, TABLE, tmp_path, light=not width)


@pytest.mark.parametrize("kinds", [3, 60])
def test_categories_are_encoded_as_the_model_does(kinds: int, tmp_path: Path) -> None:
    """Frequent, rare and unseen ones; of many a column has more than one-hot columns, which takes the model."""
    table = flat(400)
    rng = np.random.default_rng(0)
    names = np.array([f"kind {number}" for number in range(kinds)] + ["rare", None], object)
    share = np.array([1.0] * kinds + [0.01, 0.2]) / (kinds + 0.21)
    drawn = rng.choice(names, len(table.frame), p=share)
    frame = table.frame.assign(kind=drawn)
    meta = replace(table.meta, categorical=(*table.meta.categorical, "kind"))
    check_same(
        trained(UserTable(frame, meta), representation="none", head="svm"),
        UserTable(frame.assign(kind=np.where(np.arange(len(frame)) % 7, drawn, "unseen")), meta),
        tmp_path,
        light=kinds == 3,
    )


def test_many_rows_take_the_full_model() -> None:
    model = trained(TABLE, representation="none", head="svm")
    rows = some_rows(TABLE, model, 0, FAST_ROWS + 1)
    np.testing.assert_array_equal(FastModel.of(model).outputs(rows), model.outputs(rows.frame))


def test_a_fast_path_that_differs_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = trained(TABLE, representation="none", head="svm")
    folder = bundle.save(model, tmp_path / "bundle")
    monkeypatch.setattr("purchasing_power.serving.fast.blocks.BORDER", 0.2)
    rows = some_rows(TABLE, model, 0)
    for fast in (FastModel.of(model), FastModel.open(folder)):
        assert fast.fast_path is None
        np.testing.assert_array_equal(fast.outputs(rows), model.outputs(rows.frame))


def test_a_bundle_without_outputs_to_compare_with_takes_the_full_model(tmp_path: Path) -> None:
    model = trained(TABLE, representation="none", head="svm")
    folder = bundle.save(model, tmp_path / "bundle")
    expected = json.loads((folder / bundle_files.DESCRIPTION).read_text())
    outputs = expected.pop(description.PROBE_OUTPUTS)
    (folder / bundle_files.DESCRIPTION).write_text(json.dumps(expected))
    assert FastModel.open(folder).most == FAST_ROWS
    # The name that they had in bundles written before.
    (folder / bundle_files.DESCRIPTION).write_text(json.dumps({**expected, "made_up": outputs}))
    assert FastModel.open(folder).most > FAST_ROWS


@pytest.mark.parametrize("damage", ["foreign", "cut", "missing"])
def test_a_damaged_bundle_is_refused_when_it_is_opened(damage: str, tmp_path: Path) -> None:
    from skops import io

    folder = bundle.save(trained(TABLE, representation="none", head="svm"), tmp_path / "bundle")
    file = folder / "scorer" / "features.skops"
    if damage == "foreign":
        io.dump(Path("x"), file)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        file.unlink()
    with pytest.raises((DataError, OSError, ValueError, BadZipFile)):
        FastModel.open(folder)


@pytest.mark.slow
def test_a_linear_model_is_served_without_scikit_learn_until_a_frame_is_sent(tmp_path: Path) -> None:
    model = trained(TABLE, representation="tfidf", head="logistic")
    folder = bundle.save(model, tmp_path / "bundle")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from purchasing_power.model.typical_user import probe_rows\n"
        "from purchasing_power.serving.responder import open_responder\n"
        "from purchasing_power.serving.deployed import Deployed\n"
        "from purchasing_power.serving.rules import Limits\n"
        "from purchasing_power.serving.fast.fast_model import FastModel\n"
        "model = FastModel.open(Path(sys.argv[1]))\n"
        "responder = open_responder(Path(sys.argv[1]), Deployed('1', 'production', 'now'), Limits())\n"
        "frame = probe_rows({}, model.meta)\n"
        "sent = frame.astype(object).where(frame.notna(), None).to_dict('records')\n"
        "scores = [row['score'] for row in responder.records(sent * 20)]\n"
        "print('sklearn' in sys.modules)\n"
        "same = responder.frame(frame)['score'].tolist()\n"
        "print('sklearn' in sys.modules, max(abs(a - b) for a, b in zip(scores, same)) < 1e-6)\n"
    )
    command = [sys.executable, "-c", code, str(folder)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "False\nTrue True\n"


@pytest.mark.slow
def test_no_torch_is_imported_for_texts_whose_vectors_are_at_hand(tiny_bert: Path, tmp_path: Path) -> None:
    model = trained(TABLE, representation="both", head="logistic", encoder=str(tiny_bert))
    texts = sorted({text for texts in TABLE.frame["documents"] for text in texts})
    folder = bundle.save(model, tmp_path / "bundle", texts)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from purchasing_power.model import bundle\n"
        "from purchasing_power.model.typical_user import probe_rows\n"
        "from purchasing_power.serving.fast.fast_model import FastModel\n"
        "from purchasing_power.serving.rows import RequestColumns, rows_of_frame\n"
        "fast = FastModel.of(bundle.load(Path(sys.argv[1])))\n"
        "for text in sys.argv[2:]:\n"
        "    rows = rows_of_frame(probe_rows({}, fast.meta), RequestColumns.of(fast.meta))\n"
        "    rows.documents[0].append(text)\n"
        "    fast.outputs(rows)\n"
        "    print('torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(folder), texts[0], "a text that is not at hand"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "False\nTrue\n"


def test_a_text_of_any_length_is_made_once_and_the_cache_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(new: list[str]) -> list[np.ndarray]:
        made.extend(new)
        return [np.full(4, len(text)) for text in new]

    cache = blocks.TextCache(make)
    texts = ["a", "b" * 5000, "c" * 151]
    for _ in range(2):
        assert [int(array[0]) for array in cache.get(texts)] == [1, 5000, 151]
    assert made == texts
    assert not any(isinstance(key, str) and len(key) > blocks.LONGEST_TEXT for key in cache.arrays)
    monkeypatch.setattr(blocks, "CACHE_BYTES", 10 * blocks.TEXT_BYTES)
    for number in range(100):
        cache.get([f"text {number}"])
    assert len(cache.arrays) <= 10
