"""Laws of quick predictions: a few rows get what the model gives, whatever the head, the texts and the nulls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tables import flat, panel

from purchasing_power.model import bundle
from purchasing_power.model.params import Member, ModelParams
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.serving import quick_texts
from purchasing_power.serving.quick import FEW_ROWS, QuickModel
from purchasing_power.serving.rows import Columns, Rows
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTable

SMALL = {"text_components": 4, "trees": 20, "leaf_rows": 10}
TABLE, FLAT = panel(80, 5), flat(classes=3)


def trained(table: UserTable, target: str = "auto", **params: object) -> PurchasingModel:
    parts = split(table)
    return fit(table, parts, fit_target(target, table, parts.train), ModelParams(**{**SMALL, **params}))


def some_rows(table: UserTable, model: PurchasingModel, start: int, count: int = 5) -> Rows:
    columns = Columns.of(model.meta)
    frame = table.frame.iloc[start : start + count]
    categories = frame[list(columns.categorical)].astype(object)
    return Rows(
        columns,
        users=[None] * count,
        cutoffs=[None] * count,
        numeric=frame[list(columns.numeric)].to_numpy(np.float64),
        categorical=list(categories.where(categories.notna(), None).itertuples(index=False, name=None)),
        documents=[list(texts) for texts in frame["documents"]],
    )


def check_same(model: PurchasingModel, table: UserTable) -> None:
    quick = QuickModel(model)
    assert quick.quick
    for start in range(0, 60, 5):
        rows = some_rows(table, model, start)
        np.testing.assert_allclose(quick.outputs(rows), model.outputs(rows.frame), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("head", ["logistic", "svm", "lightgbm"])
@pytest.mark.parametrize(("table", "target"), [(TABLE, "tier"), (TABLE, "spend"), (FLAT, "auto")])
def test_every_head_and_target_is_predicted_as_the_model_does(
    table: UserTable, target: str, head: str
) -> None:
    check_same(trained(table, target, head=head, representation="tfidf"), table)


@pytest.mark.parametrize("params", [{"weighting": "idf"}, {"weighting": "recency", "reduction": "whitening"}])
def test_vectors_are_pooled_as_the_model_does(params: dict, tiny_bert: Path) -> None:
    model = trained(TABLE, representation="both", head="logistic", encoder=str(tiny_bert), **params)
    check_same(model, TABLE)


def test_terms_as_they_are_and_blends_are_predicted_as_the_model_does() -> None:
    wide = ModelParams(representation="tfidf", head="logistic", tfidf_width=50, table_weight=0.5)
    none = ModelParams(representation="none", head="svm")
    check_same(
        trained(TABLE, representation="none", head="blend", members=(Member(0.7, wide), Member(0.3, none))),
        TABLE,
    )


def test_many_rows_take_the_models_own_way() -> None:
    model = trained(TABLE, representation="none", head="svm")
    rows = some_rows(TABLE, model, 0, FEW_ROWS + 1)
    np.testing.assert_array_equal(QuickModel(model).outputs(rows), model.outputs(rows.frame))


def test_a_quick_way_that_differs_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained(TABLE, representation="none", head="svm")
    monkeypatch.setattr("purchasing_power.serving.quick_blocks.BORDER", 0.2)
    quick = QuickModel(model)
    assert not quick.quick
    rows = some_rows(TABLE, model, 0)
    np.testing.assert_array_equal(quick.outputs(rows), model.outputs(rows.frame))


@pytest.mark.slow
def test_no_torch_is_imported_for_texts_whose_vectors_are_at_hand(tiny_bert: Path, tmp_path: Path) -> None:
    model = trained(TABLE, representation="both", head="logistic", encoder=str(tiny_bert))
    texts = sorted({text for texts in TABLE.frame["documents"] for text in texts})
    folder = bundle.save(model, tmp_path / "bundle", texts)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from purchasing_power.model import bundle\n"
        "from purchasing_power.serving.quick import QuickModel, made_up\n"
        "quick = QuickModel(bundle.load(Path(sys.argv[1])))\n"
        "for text in sys.argv[2:]:\n"
        "    rows = made_up(quick.model, quick.columns)\n"
        "    rows.documents[0].append(text)\n"
        "    quick.outputs(rows)\n"
        "    print('torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(folder), texts[0], "a text that is not at hand"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "False\nTrue\n"


def test_a_text_of_any_length_is_made_once_and_what_is_remembered_stays_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def make(new: list[str]) -> list[np.ndarray]:
        made.extend(new)
        return [np.full(4, len(text)) for text in new]

    remembered = quick_texts.Remembered(make)
    texts = ["a", "b" * 5000, "c" * 151]
    for _ in range(2):
        assert [int(array[0]) for array in remembered.get(texts)] == [1, 5000, 151]
    assert made == texts
    assert not any(isinstance(key, str) and len(key) > quick_texts.LONGEST_TEXT for key in remembered.known)
    monkeypatch.setattr(quick_texts, "MOST_BYTES", 10 * quick_texts.OF_A_TEXT)
    for number in range(100):
        remembered.get([f"text {number}"])
    assert len(remembered.known) <= 10
