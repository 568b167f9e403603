"""Tests of a model's parameters: what is written is read again, and what is not allowed is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from purchasing_power.errors import DataError
from purchasing_power.model.params import HEADS, Member, ModelParams
from purchasing_power.model.params_file import read_params

TREES = ModelParams(representation="both", head="lightgbm", trees=20)
LINEAR = ModelParams(representation="tfidf", head="logistic", tfidf_width=500)
TUNED = ModelParams(representation="finetuned", head="finetuned")
BLEND = ModelParams(representation="none", head="blend", members=(Member(0.75, TREES), Member(0.25, TUNED)))


@pytest.mark.parametrize("params", [TREES, LINEAR, TUNED, BLEND], ids=lambda params: params.head)
def test_what_is_written_as_json_is_read_again(params: ModelParams, tmp_path: Path) -> None:
    path = tmp_path / "params.json"
    path.write_text(json.dumps(params.to_dict()))
    assert read_params(path) == params


def test_an_unknown_parameter_is_named_with_the_allowed_ones() -> None:
    with pytest.raises(DataError, match=r"unknown tree;.*trees"):
        ModelParams.from_dict({"tree": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [("head", "forest"), ("imbalance", "balanced"), ("trees", 0), ("gamma", -1.0), ("tweedie_power", 2.0)],
)
def test_a_value_that_is_not_allowed_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(DataError) as told:
        ModelParams.from_dict({name: value})
    assert str(told.value).startswith(f"model {name}: got {value!r}")
    assert "allowed" in str(told.value) or "must" in str(told.value)


def test_the_finetuned_head_and_representation_go_together() -> None:
    with pytest.raises(DataError, match="go together"):
        ModelParams(representation="both", head="finetuned")
    with pytest.raises(DataError, match="go together"):
        ModelParams(representation="finetuned", head="logistic")


def test_a_blend_needs_members_that_weigh_something_and_are_no_blends() -> None:
    with pytest.raises(DataError, match="a blend needs members"):
        ModelParams(representation="none", head="blend")
    with pytest.raises(DataError, match="no other head has any"):
        ModelParams(members=(Member(1.0, TREES),))
    for wrong in (Member(0.0, TREES), Member(1.0, BLEND)):
        with pytest.raises(DataError, match="weight above 0"):
            ModelParams(representation="none", head="blend", members=(wrong,))


def test_only_heads_on_the_matrix_have_text_blocks() -> None:
    blocks = {
        head: ModelParams(representation="both", head=head).text_blocks
        for head in HEADS
        if head not in ("finetuned", "blend")
    }
    assert blocks.pop("textcnn") == ()
    assert set(blocks.values()) == {("tfidf", "encoder")}


def test_a_blend_names_each_frozen_encoder_of_its_members_once() -> None:
    other = ModelParams(representation="encoder", head="logistic", encoder="elsewhere")
    members = tuple(Member(1.0, one) for one in (TREES, LINEAR, other, TREES, TUNED))
    blend = ModelParams(representation="none", head="blend", members=members)
    assert blend.encoders == ("minilm", "elsewhere")
    assert LINEAR.encoders == () and TUNED.encoders == ()
