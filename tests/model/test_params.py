"""Tests of a model's parameters: what is written is read again, and what is not allowed is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from purchasing_power.errors import DataError
from purchasing_power.model.flat_params import RENAMED, model_params, read_params
from purchasing_power.model.heads.registry import HEADS
from purchasing_power.model.params import MATRIX, TEXTS, Member, ModelParams

TREES = model_params(representation="both", head="lightgbm", trees=20)
LINEAR = model_params(representation="tfidf", head="logistic", tfidf_width=500)
TUNED = model_params(representation="finetuned", head="finetuned")
BLEND = model_params(representation="none", head="blend", members=(Member(0.75, TREES), Member(0.25, TUNED)))


@pytest.mark.parametrize("params", [TREES, LINEAR, TUNED, BLEND], ids=lambda params: params.head.name)
def test_what_is_written_as_json_is_read_again(params: ModelParams, tmp_path: Path) -> None:
    path = tmp_path / "params.json"
    path.write_text(json.dumps(params.to_dict()))
    assert read_params(path) == params


def test_an_unknown_parameter_is_named_with_the_allowed_ones() -> None:
    with pytest.raises(DataError, match=r"unknown tree;.*trees"):
        model_params({"tree": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [("head", "forest"), ("imbalance", "balanced"), ("trees", 0), ("gamma", -1.0), ("tweedie_power", 2.0)],
)
def test_a_value_that_is_not_allowed_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(DataError) as told:
        model_params({name: value})
    assert str(told.value).startswith(f"model {name}: got {value!r}")
    assert "allowed" in str(told.value) or "must" in str(told.value)


def test_the_finetuned_head_and_representation_go_together() -> None:
    for other in ("none", "both"):
        with pytest.raises(DataError, match="go together"):
            model_params(representation=other, head="finetuned")
    with pytest.raises(DataError, match="go together"):
        model_params(representation="finetuned", head="logistic")


def test_a_blend_needs_members_that_weigh_something_and_are_no_blends() -> None:
    with pytest.raises(DataError, match="a blend needs members"):
        model_params(representation="none", head="blend")
    with pytest.raises(DataError, match="no other head has any"):
        model_params(members=(Member(1.0, TREES),))
    with pytest.raises(DataError, match="a weight"):
        model_params(representation="none", head="blend", members=[{"params": {}}])
    for wrong in (Member(0.0, TREES), Member(1.0, BLEND)):
        with pytest.raises(DataError, match="weight above 0"):
            model_params(representation="none", head="blend", members=(wrong,))


def test_only_heads_on_the_matrix_have_text_blocks() -> None:
    blocks = {
        reads: {
            model_params(representation="both", head=name).text_blocks
            for name, head in HEADS.items()
            if head.reads == reads and head.representation is None
        }
        for reads in (MATRIX, TEXTS)
    }
    assert blocks == {MATRIX: {("tfidf", "encoder")}, TEXTS: {()}}


def test_a_blend_names_each_frozen_encoder_of_its_members_once() -> None:
    other = model_params(representation="encoder", head="logistic", encoder="elsewhere")
    members = tuple(Member(1.0, one) for one in (TREES, LINEAR, other, TREES, TUNED))
    blend = model_params(representation="none", head="blend", members=members)
    assert blend.encoders == ("minilm", "elsewhere")
    assert LINEAR.encoders == () and TUNED.encoders == ()


def before(params: ModelParams) -> dict[str, object]:
    """The flat form as it was written while it held the settings of all heads, by their names of then."""
    old = {new: name for name, new in RENAMED.items()}
    every = {name: value for head in HEADS.values() for name, value in head().values().items()}
    values = {**every, **params.to_dict()}
    members = [{"weight": one.weight, "params": before(one.params)} for one in params.members]
    return {**{old.get(name, name): value for name, value in values.items()}, "members": members}


@pytest.mark.parametrize("params", [TREES, TUNED, BLEND], ids=lambda params: params.head.name)
def test_parameters_written_before_settings_were_renamed_are_read(params: ModelParams) -> None:
    assert set(RENAMED) <= set(before(params))
    assert model_params(before(params)) == params


@pytest.mark.parametrize("name", RENAMED)
def test_a_renamed_parameter_that_is_typed_is_refused_with_its_new_name(name: str, tmp_path: Path) -> None:
    typed = {"representation": "finetuned", "head": "finetuned", name: "lora" if name == "tuning" else 2}
    path = tmp_path / "params.json"
    path.write_text(json.dumps(typed))
    with pytest.raises(DataError, match=f"{name} is now {RENAMED[name]}"):
        read_params(path)
    assert RENAMED[name] in TUNED.to_dict()


def test_a_setting_of_another_head_is_checked_and_left_out() -> None:
    assert model_params(head="svm", trees=5) == model_params(head="svm")
    assert "trees" not in model_params(head="svm", trees=5).to_dict()
    with pytest.raises(DataError, match="model trees: got 0"):
        model_params(head="svm", trees=0)


def test_what_differs_from_the_defaults_is_told_with_the_heads_own() -> None:
    assert TREES.changed() == {"trees": 20}
    assert LINEAR.changed() == {"representation": "tfidf", "tfidf_width": 500}
