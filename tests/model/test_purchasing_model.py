"""Tests of the model: same twice, robust to what it has not seen, and the same from its bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matrix_heads import heads_for
from tables import flat, panel, sparse, without_amounts

from purchasing_power.errors import DataError
from purchasing_power.model import bundle, bundle_files
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.scorer import RunSettings
from purchasing_power.model.splits import split
from purchasing_power.model.table_scorer import FEATURES
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTable

SMALL = {"text_components": 4, "trees": 30, "leaf_rows": 10, "epochs": 5}


def trained(table: UserTable, target: str = "auto", threads: int = 0, **params: object) -> PurchasingModel:
    parts = split(table)
    settings = {"representation": "tfidf", **SMALL, **params}
    chosen = fit_target(target, table, parts.train)
    return fit(table, parts, chosen, model_params(settings), RunSettings(threads=threads))


def test_training_twice_gives_the_same_predictions_with_any_number_of_threads() -> None:
    table = panel()
    first, second = trained(table), trained(table, threads=1)
    pd.testing.assert_frame_equal(first.predict(table.frame), second.predict(table.frame), check_exact=True)


def test_a_predicted_spend_of_a_slow_shop_is_not_high_for_all() -> None:
    table = sparse(600)
    model = trained(table, "spend", representation="none", head="logistic")
    assert model.target.thresholds == ()
    later = table.frame.iloc[split(table).test]
    assert (model.predict(later)["tier"] == "high").mean() < 0.4


def test_the_four_tiers_are_the_same_whichever_class_is_scored() -> None:
    table = sparse(600)
    parts, params = split(table), model_params(representation="none", head="logistic")
    high, none = (
        fit(table, parts, fit_target("tier", table, parts.train, positive), params).predict(table.frame)
        for positive in ("auto", "none")
    )
    assert (high["tier"] == none["tier"]).all()
    assert (none["score"] == none["probability_none"]).all()


CASES = [
    (panel(), "tier", "multiclass"),
    (panel(), "intent", "binary"),
    (panel(), "spend", "regression"),
    (panel(), "orders", "regression"),
    (sparse(600), "tier", "multiclass"),
    (without_amounts(panel()), "intent", "binary"),
    (flat(), "auto", "binary"),
    (flat(classes=3), "auto", "multiclass"),
    (flat(classes=0), "auto", "regression"),
]


@pytest.mark.parametrize(
    ("table", "target", "head"), [(table, target, head) for table, target, task in CASES for head in heads_for(task)]
)
def test_a_saved_bundle_predicts_as_the_model_did(table: UserTable, target: str, head: str, tmp_path: Path) -> None:
    model = trained(table, target, head=head)
    loaded = bundle.load(bundle.save(model, tmp_path / "bundle"))
    pd.testing.assert_frame_equal(model.predict(table.frame), loaded.predict(table.frame))
    files = {path.suffix for path in (tmp_path / "bundle").rglob("*") if path.is_file()}
    assert files <= {".json", ".skops", ".safetensors", ".txt"}


@pytest.mark.parametrize("head", heads_for("multiclass"))
def test_probabilities_of_a_row_add_up_to_one_and_spend_lies_between_the_tier_means(head: str) -> None:
    table = panel()
    model = trained(table, "tier", head=head)
    said = model.predict(table.frame)
    total = said[["probability_low", "probability_middle", "probability_high"]].sum(axis=1)
    assert total.to_numpy() == pytest.approx(1.0)
    assert said["expected_spend"].between(model.target.class_spend[0], model.target.class_spend[2]).all()
    assert (said["score"] == said["probability_high"]).all()


@pytest.mark.parametrize("head", heads_for("multiclass"))
def test_nulls_infinities_and_unseen_categories_pass(head: str) -> None:
    table = panel()
    model = trained(table, head=head)
    odd = table.frame.iloc[:4].assign(
        spend_28d=[np.nan, np.inf, -np.inf, 1e12], region=["mars", None, "", "北京"], age=None
    )
    odd["documents"] = pd.Series([None, [], ["😀" * 5000], ["red wine", None]], dtype=object)
    assert np.isfinite(model.predict(odd)["score"]).all()


def test_a_label_of_many_classes_has_a_score_only_when_a_class_is_named_positive() -> None:
    table = flat(classes=3)
    parts = split(table)
    params = model_params({"representation": "none", **SMALL})
    said = [
        fit(table, parts, fit_target("auto", table, parts.train, positive), params).predict(table.frame)
        for positive in ("auto", "class 2")
    ]
    assert "score" not in said[0] and "tier" not in said[0]
    assert (said[1]["score"] == said[1]["probability_class 2"]).all()


def test_a_missing_feature_is_named() -> None:
    table = panel()
    with pytest.raises(DataError, match=r"1 columns are missing \(spend_28d\)"):
        trained(table).predict(table.frame.drop(columns="spend_28d"))


def test_the_model_ranks_better_than_chance_on_later_rows() -> None:
    table = panel(users=400)
    later = table.rows(split(table).test)
    for head in heads_for("regression"):
        model = trained(table, "spend", head=head)
        assert np.corrcoef(model.predict(later.frame)["score"], later.frame["spend_next_28d"])[0, 1] > 0.5


def test_calibrated_probabilities_match_frequencies() -> None:
    table = panel(users=2000, signal=0.5)
    later = table.rows(split(table).test)
    model = trained(table, "tier")
    said = model.predict(later.frame)["score"].mean()
    assert said == pytest.approx((model.target.labels(later.frame) == 2).mean(), abs=0.02)


def test_rows_that_a_model_trained_on_are_not_unseen() -> None:
    for table in (panel(), flat()):
        model, parts = trained(table), split(table)
        found = model.unseen(table)
        assert not set(found) & set(parts.known)
        assert set(parts.test) <= set(found)


def test_the_real_encoder_travels_in_the_bundle(tmp_path: Path) -> None:
    table = panel(users=60)
    model = trained(table, representation="encoder")
    saved = bundle.save(model, tmp_path / "bundle", ["red wine"])
    loaded = bundle.load(saved)
    new = table.frame.iloc[:3].copy()
    new["documents"] = pd.Series([["red wine"], ["never seen before"], []], dtype=object)
    pd.testing.assert_frame_equal(model.predict(new), loaded.predict(new))
    text = b"".join(path.read_bytes() for path in saved.rglob("*.safetensors") if "vectors" in str(path))
    assert b"red wine" not in text


def test_a_bundle_with_a_foreign_class_is_refused(tmp_path: Path) -> None:
    from skops import io

    saved = bundle.save(trained(panel()), tmp_path / "bundle")
    io.dump(Path("x"), saved / bundle.SCORER / FEATURES)
    with pytest.raises(DataError, match=r"features.skops holds .*Path"):
        bundle.load(saved)


def test_a_bundle_of_another_format_is_refused(tmp_path: Path) -> None:
    saved = bundle.save(trained(panel()), tmp_path / "bundle")
    told = json.loads((saved / bundle_files.DESCRIPTION).read_text())
    (saved / bundle_files.DESCRIPTION).write_text(json.dumps({**told, "format": 99}))
    with pytest.raises(DataError, match="format 99"):
        bundle.load(saved)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"head": "forest"}, "allowed are logistic"),
        ({"tree": 3}, "unknown tree"),
        ({"C": -1}, "above 0"),
        ({"trees": "many"}, "numbers"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        model_params(wrong)
