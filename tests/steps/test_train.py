"""Tests of training: what is fitted is what is logged."""

from __future__ import annotations

from pathlib import Path

from purchasing_power.kinds import purchase_training
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import Member


def test_a_runtime_that_is_left_open_is_named_before_the_fit(tmp_path: Path) -> None:
    asked = model_params(representation="encoder", head="logistic", encoder="minilm?runtime=auto")
    blend = model_params(
        representation="none", head="blend", members=(Member(1.0, asked), Member(2.0, asked))
    )
    for params in (asked, blend):
        found = purchase_training.resolved(params, [], tmp_path)
        assert found.encoders == ("minilm?runtime=float32",)
        assert [part.head for part in found.parts] == [part.head for part in params.parts]


def test_parameters_that_read_no_model_stay_as_they_are(tmp_path: Path) -> None:
    params = model_params(representation="tfidf", encoder="minilm?runtime=auto")
    assert purchase_training.resolved(params, ["red"], tmp_path) == params
