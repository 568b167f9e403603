"""Laws of training: what is fitted is what is logged."""

from __future__ import annotations

from pathlib import Path

from purchasing_power.model.params import Member, ModelParams
from steps import train


def test_a_runtime_that_is_left_open_is_named_before_the_fit(tmp_path: Path) -> None:
    asked = ModelParams(representation="encoder", head="logistic", encoder="minilm?runtime=auto")
    blend = ModelParams(representation="none", head="blend", members=(Member(1.0, asked), Member(2.0, asked)))
    for params in (asked, blend):
        found = train._resolved(params, [], tmp_path)
        assert found.encoders == ("minilm?runtime=onnx-float32",)
        assert [part.head for part in found.parts] == [part.head for part in params.parts]


def test_parameters_that_read_no_model_stay_as_they_are(tmp_path: Path) -> None:
    params = ModelParams(representation="tfidf", encoder="minilm?runtime=auto")
    assert train._resolved(params, ["red"], tmp_path) == params
