"""Tests of explanations: they add up, they find what was planted, and they show no text of a user."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tables import TEXTS, changed, flat, panel

from purchasing_power.evaluation.target_metrics import primary_score
from purchasing_power.explain import score_path
from purchasing_power.explain.explanation import explain
from purchasing_power.explain.heads import mixed_margins, sampled_shapley, votes
from purchasing_power.explain.model_explanation import explain_model
from purchasing_power.explain.permutation_importance import permutation_importance
from purchasing_power.explain.texts import read_texts, without_word
from purchasing_power.explain.words import document_parts, spread, word_parts
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.heads.textcnn import TextCnn
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.scorer import Scorer
from purchasing_power.model.splits import split
from purchasing_power.model.table_scorer import TableScorer
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTable

SMALL = {"representation": "tfidf", "text_components": 4, "trees": 20, "leaf_rows": 10, "epochs": 2}
TABLES = {"panel": panel(users=60), "two": flat(), "three": flat(classes=3), "amount": flat(classes=0)}
TASKS = [
    ("panel", "tier"),
    ("panel", "intent"),
    ("panel", "spend"),
    ("two", "auto"),
    ("three", "auto"),
    ("amount", "auto"),
]
MODELS: dict[str, dict[str, object]] = {
    "logistic": {**SMALL, "head": "logistic"},
    "wide": {**SMALL, "head": "logistic", "tfidf_width": 50},
    "svm": {**SMALL, "head": "svm"},
    "lightgbm": {**SMALL, "head": "lightgbm"},
    "rbf_svm": {**SMALL, "head": "rbf_svm"},
    "mlp": {**SMALL, "head": "mlp"},
}
MODELS["blend"] = {
    "representation": "none",
    "head": "blend",
    "members": [{"weight": 0.6, "params": MODELS["lightgbm"]}, {"weight": 0.4, "params": MODELS["wide"]}],
}


@lru_cache
def trained(kind: str, name: str, target: str, more: str = "{}") -> PurchasingModel:
    table = TABLES[name]
    parts = split(table)
    params = model_params({**MODELS[kind], **json.loads(more)})
    return fit(table, parts, fit_target(target, table, parts.train), params)


def rows(name: str, most: int = 60) -> pd.DataFrame:
    return TABLES[name].frame.iloc[-most:].reset_index(drop=True)


@pytest.mark.parametrize(
    ("kind", "name", "target"), [(kind, *task) for kind in MODELS for task in (TASKS if kind != "mlp" else TASKS[-2:])]
)
def test_parts_and_base_add_up_to_the_score(kind: str, name: str, target: str) -> None:
    model, frame = trained(kind, name, target), rows(name)
    found = explain(model, frame)
    score = model.score(model.outputs(frame))
    assert found.score == pytest.approx(score, abs=1e-9 * max(1.0, np.abs(score).max()))
    assert np.ptp(score) > 0 and found.parts.abs().to_numpy().max() > 0


@pytest.mark.parametrize("kind", ["lightgbm", "blend"])
def test_the_way_from_base_to_score_is_fine_enough(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, frame = trained(kind, "panel", "tier"), rows("panel")
    coarse = explain(model, frame).parts
    monkeypatch.setattr(score_path, "SEGMENTS", 64)
    fine = explain(model, frame).parts
    assert coarse.to_numpy() == pytest.approx(fine.to_numpy(), abs=1e-4)


@pytest.mark.parametrize("kind", ["lightgbm", "logistic"])
def test_parts_of_a_logarithmic_amount_add_up_too(kind: str) -> None:
    model, frame = trained(kind, "panel", "spend", '{"loss": "tweedie"}'), rows("panel")
    assert explain(model, frame).score == pytest.approx(model.score(model.outputs(frame)), rel=1e-9)


@pytest.mark.parametrize("kind", ["logistic", "wide", "lightgbm", "blend"])
@pytest.mark.parametrize(("name", "target"), [("panel", "tier"), ("three", "auto"), ("amount", "auto")])
def test_words_and_documents_of_a_row_add_up_to_what_its_texts_add(kind: str, name: str, target: str) -> None:
    model, frame = trained(kind, name, target), rows(name)
    found, texts = explain(model, frame), read_texts(frame[DOCUMENTS])
    words = word_parts(model, frame, found, texts, np.arange(len(frame)))
    sums = words.groupby("row")["part"].sum()
    assert sums.index.tolist() == list(range(len(frame)))
    assert sums.to_numpy() == pytest.approx(found.parts[DOCUMENTS].to_numpy(), abs=1e-9)
    row = int(np.argmax([len(codes) for codes in texts.codes]))
    documents = document_parts(model, frame, found, texts, row)
    assert documents["part"].sum() == pytest.approx(found.parts[DOCUMENTS].iloc[row], abs=1e-9)


@dataclass(frozen=True)
class Opaque:
    """A scorer of which nothing is known but its scores, as a network that reads texts."""

    scorer: Scorer

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        return self.scorer.raw(frame)

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        self.scorer.save(folder, warm_texts, store)


@pytest.mark.parametrize(("name", "target"), [("panel", "tier"), ("amount", "auto")])
def test_a_scorer_of_which_only_scores_are_known_is_explained_too(name: str, target: str) -> None:
    known, frame = trained("lightgbm", name, target), rows(name)
    # The way of a head that reads texts needs nothing but scores.
    model = replace(known, scorer=Opaque(known.scorer), params=replace(known.params, head=TextCnn()))
    found, texts = explain(model, frame), read_texts(frame[DOCUMENTS])
    assert found.score == pytest.approx(model.score(model.outputs(frame)), abs=1e-9)
    words = word_parts(model, frame, found, texts, np.arange(len(frame)))
    sums = words.groupby("row")["part"].sum().to_numpy()
    assert sums == pytest.approx(found.parts[DOCUMENTS].to_numpy(), abs=1e-9)
    told = TABLES[name].frame.dropna(subset=model.target.column).iloc[-60:]
    shuffled = [permutation_importance(one, told, repeats=2) for one in (model, known)]
    pd.testing.assert_frame_equal(*shuffled)


def test_a_column_that_a_linear_model_does_not_see_adds_nothing_and_the_typical_value_neither() -> None:
    model = trained("logistic", "panel", "tier")
    typical = rows("panel", 1).assign(spend_28d=model.typical["spend_28d"], region=model.typical["region"])
    parts = explain(model, typical).parts.iloc[0]
    assert parts["spend_28d"] == pytest.approx(0, abs=1e-12) and parts["region"] == pytest.approx(0, abs=1e-12)
    assert abs(parts["days_since_order"]) > 1e-6


def test_sampled_values_of_an_additive_score_are_exact_and_of_any_score_add_up() -> None:
    weights, pair = np.array([1.0, -2.0, 3.0, 0.5]), np.array([1.0, 1.0, 0.0, 0.0])

    def additive(on: np.ndarray) -> np.ndarray:
        return np.full((2, 1), float(on @ weights))

    def curved(on: np.ndarray) -> np.ndarray:
        return np.exp([[on @ weights], [on @ pair]])

    assert sampled_shapley(additive, 4, seed=0, draws=1)[0][0, :, 0] == pytest.approx(weights)
    values, base = sampled_shapley(curved, 4, seed=1)
    whole = curved(np.ones(4, bool))[:, 0] - base[0]
    assert values[:, :, 0].sum(axis=1) == pytest.approx(whole)


@pytest.mark.parametrize(("name", "target"), [("two", "auto"), ("three", "auto"), ("amount", "auto")])
def test_a_kernel_machine_by_matrix_products_is_the_machine(name: str, target: str) -> None:
    model = trained("rbf_svm", name, target)
    assert isinstance(model.scorer, TableScorer)
    scorer, X = model.scorer, np.asarray(model.scorer.matrix(model.prepared(rows(name))), np.float64)
    found, link = mixed_margins(scorer, X), votes(scorer.fitted)
    assert (link is not None) == (name == "three")
    assert (found if link is None else link(found)) == pytest.approx(scorer.margins(X), abs=1e-6)


@pytest.mark.parametrize("kind", ["lightgbm", "logistic"])
def test_what_was_planted_is_found_whatever_the_seed(kind: str) -> None:
    model, frame = trained(kind, "amount", "auto"), TABLES["amount"].frame
    shuffled = [permutation_importance(model, frame, repeats=3, seed=seed).mean(axis=1) for seed in range(3)]
    looked_at = [explain_model(model, frame, seed) for seed in range(3)]
    for drops, overall in zip(shuffled, looked_at, strict=True):
        assert set(drops.nlargest(2).index) == {"income", DOCUMENTS} and drops["income"] > 0.05
        assert {driver.feature for driver in overall.drivers[:2]} == {"income", DOCUMENTS}
        assert all(driver.low <= driver.importance <= driver.high for driver in overall.drivers)
        assert overall.directions["income"] > 0
        raising, lowering = overall.words[0], overall.words[-1]
        assert raising.name in {"red", "wine"} and raising.low > 0
        assert lowering.name in {"cheap", "noodles"} and lowering.high < 0
    assert looked_at[0].words == explain_model(model, frame, 0).words


@pytest.mark.parametrize("name", ["three", "amount"])
def test_sampled_parts_agree_over_seeds(name: str) -> None:
    model, frame = trained("rbf_svm", name, "auto"), rows(name)
    one, two = (explain(model, frame, seed).parts.to_numpy().ravel() for seed in (0, 1))
    assert np.corrcoef(one, two)[0, 1] > 0.98


def test_shuffling_cells_is_shuffling_the_columns_made_of_them() -> None:
    model, frame = trained("wide", "two", "auto"), TABLES["two"].frame
    drops = permutation_importance(model, frame, repeats=1, seed=3)
    order = np.random.default_rng(3).permutation(len(frame))
    moved = frame.assign(**{DOCUMENTS: frame[DOCUMENTS].iloc[order].set_axis(frame.index)})
    y = model.target.labels(frame)
    whole, after = (primary_score(model.target, y, model.outputs(one)) for one in (frame, moved))
    assert drops.loc[DOCUMENTS, 0] == pytest.approx(whole - after, abs=1e-12)


def test_only_words_that_several_rows_share_and_no_long_numbers_are_named() -> None:
    documents = pd.Series([["red wine 13800138000", "Smith"], ["red wine 13800138000"], ["wine 13800138000"]])
    assert read_texts(documents).words == ["wine"]
    assert read_texts(documents, shared=2).words == ["red", "wine"]


def test_a_word_is_taken_out_whole_whatever_its_case_and_script() -> None:
    assert without_word("Red wine, redder WINE", "wine").split() == ["Red", ",", "redder"]
    assert without_word("蓝牙耳机很好用", "耳机") == "蓝牙 很好用"


def test_changes_are_moved_to_their_sum_and_shared_alike_where_there_are_none() -> None:
    assert spread(np.array([1.0, -1.0]), 0.5) == pytest.approx([1.25, -0.75])
    assert spread(np.zeros(2), 0.5) == pytest.approx([0.25, 0.25])


def test_a_row_without_texts_and_a_table_without_texts_are_explained() -> None:
    table: UserTable = changed(TABLES["two"], **{DOCUMENTS: pd.Series([[]] * 240)})
    for kind in ("logistic", "lightgbm"):
        model = trained(kind, "two", "auto")
        frame = table.frame.drop(columns=DOCUMENTS)
        assert explain(model, frame).score == pytest.approx(model.score(model.outputs(frame)))
        assert explain_model(model, table.frame).words == ()


def test_what_is_said_of_a_model_holds_words_and_no_text() -> None:
    overall = explain_model(trained("lightgbm", "panel", "tier"), TABLES["panel"].frame)
    names = [effect.name for effect in overall.words]
    assert names and not any(text in names for text in TEXTS if " " in text)
