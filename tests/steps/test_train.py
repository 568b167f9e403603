"""Tests of training: what is fitted is what is logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tables import panel

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.kinds import purchase_training
from purchasing_power.kinds.case import FitOptions
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import Member
from purchasing_power.model.splits import folds, split


def test_a_runtime_that_is_left_open_is_named_before_the_fit(tmp_path: Path) -> None:
    asked = model_params(representation="encoder", head="logistic", encoder="minilm?runtime=auto")
    blend = model_params(representation="none", head="blend", members=(Member(1.0, asked), Member(2.0, asked)))
    for params in (asked, blend):
        found = purchase_training.resolved(params, [], tmp_path)
        assert found.encoders == ("minilm?runtime=onnx-float32",)
        assert [part.head for part in found.parts] == [part.head for part in params.parts]


def test_parameters_that_read_no_model_stay_as_they_are(tmp_path: Path) -> None:
    params = model_params(representation="tfidf", encoder="minilm?runtime=auto")
    assert purchase_training.resolved(params, ["red"], tmp_path) == params


class Collected:
    """A log of a training that keeps its figures."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}

    def params(self, values: Mapping[str, object]) -> None:
        """Parameters are of no interest here."""

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Keep a figure."""
        self.metrics[name] = value

    def part(self) -> None:
        """Progress is of no interest here."""


@pytest.mark.parametrize("changes, taken_over", [({}, True), ({"seed": 1}, False), ({"positive": "low"}, False)])
def test_a_studys_scores_are_taken_over_where_they_are_of_the_same_folds(
    changes: dict[str, Any], taken_over: bool, tmp_path: Path
) -> None:
    table = panel()
    params = model_params(representation="tfidf", text_components=4, trees=10)
    (tmp_path / "params.json").write_text(json.dumps(params.to_dict()))
    options = FitOptions(tmp_path / "params.json", "tier", "auto", 2, 0, tmp_path)
    fitted = Collected()
    purchase_training.train(table, options, fitted)
    named = [fitted.metrics[f"cv.fold_{number}.average_precision"] for number in range(2)]
    validation = CrossValidation(table, folds(table, split(table, 0).known, 2, 0), "tier", "auto", seed=0)
    assert validation.scores(params) == named
    told = replace(validation.fold_scores(params, named), scores=(0.5, 0.7), **changes)
    (tmp_path / "fold_scores.json").write_text(told.to_json())
    again = Collected()
    purchase_training.train(table, replace(options, fold_scores=tmp_path / "fold_scores.json"), again)
    found = [again.metrics[f"cv.fold_{number}.average_precision"] for number in range(2)]
    assert found == ([0.5, 0.7] if taken_over else named)
