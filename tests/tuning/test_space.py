"""Tests of the search space: everything is reachable, nothing is drawn in vain, and a sound setting comes first."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import optuna
import pytest

from purchasing_power.errors import DataError
from purchasing_power.model.params import CHOICES, HEADS, ModelParams
from purchasing_power.tuning.space import STUDY_HEADS, Space, draw, read_settings, starting_points
from purchasing_power.tuning.space_rules import HEAD_RULES, TRAINED_RULES, TUNING_RULES

REPRESENTATIONS = ("none", "tfidf", "encoder", "both")
EVERYTHING: dict[str, Any] = {
    "representations": (*REPRESENTATIONS, "finetuned"),
    "heads": STUDY_HEADS,
    "encoders": ("minilm", "other?pooling=cls"),
    "imbalance": CHOICES["imbalance"],
    "losses": CHOICES["loss"],
    "weightings": CHOICES["weighting"],
    "reductions": CHOICES["reduction"],
    "settings": read_settings(
        "tuning=full|lora,tfidf_width=0|5000,ngram_max=1|2,token_vectors=table|states|trained"
    ),
}


def drawn(space: Space, trials: int) -> list[tuple[dict[str, Any], ModelParams]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found = []
    for _ in range(trials):
        trial = study.ask()
        params = draw(trial, space)
        found.append((trial.params, params))
        study.tell(trial, 0.0)
    return found


@pytest.fixture(scope="module")
def everything() -> dict[bool, list[tuple[dict[str, Any], ModelParams]]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return {amounts: drawn(Space(**EVERYTHING, regression=amounts), 400) for amounts in (False, True)}


def test_every_representation_head_encoder_and_choice_is_reached(everything) -> None:
    params = [one for found in everything.values() for _, one in found]
    for name in ("representation", "imbalance", "loss", "weighting", "reduction", "tuning", "token_vectors"):
        assert {getattr(one, name) for one in params} == set(CHOICES[name])
    assert {one.head for one in params} == set(HEADS) - {"blend"}
    assert {one.encoder for one in params} == set(EVERYTHING["encoders"])
    assert {one.tfidf_width for one in params if one.head == "svm"} == {0, 5000}


def test_amounts_have_losses_and_no_imbalance_and_classes_the_reverse(everything) -> None:
    assert {one.imbalance for _, one in everything[True]} == {"none"}
    assert {one.loss for _, one in everything[False]} == {"auto"}


def test_a_heads_own_parameters_are_drawn_only_with_that_head(everything) -> None:
    trees = set(HEAD_RULES["lightgbm"])
    for names, params in everything[False]:
        assert bool(trees & set(names)) == (params.head == "lightgbm")
        assert ("C" in names, "svm.C" in names) == (params.head == "logistic", params.head == "svm")
        trained = params.head == "finetuned" or params.token_vectors == "trained"
        assert ("tuning" in names) == trained
        assert ("lora_rank" in names) == (trained and params.tuning == "lora")
        assert params.tfidf_width == 0 or params.head in ("logistic", "svm")
        assert ("encoder" in names) == (bool(params.encoders) or params.head in ("textcnn", "finetuned"))


def test_rows_of_texts_are_not_interpolated(everything) -> None:
    ways = {one.imbalance for _, one in everything[False] if one.head in ("textcnn", "finetuned")}
    assert ways == {"none", "weights", "over", "under"}


def test_every_parameter_of_a_model_has_a_place_in_the_space() -> None:
    every = (*HEAD_RULES.values(), *TUNING_RULES.values(), TRAINED_RULES)
    ruled = {name.rpartition(".")[2] for rules in every for name in rules}
    elsewhere = {"representation", "head", "imbalance", "loss", "tweedie_power", "encoder", "text_components"}
    elsewhere |= {
        "reduction",
        "ngram_max",
        "min_df",
        "tfidf_width",
        "weighting",
        "members",
        "stop_words",
        "table_weight",
    }
    assert ruled | elsewhere == {field.name for field in fields(ModelParams)}


def test_a_single_value_is_taken_and_not_drawn() -> None:
    space = Space(("tfidf",), ("logistic",), settings=read_settings("C=0.5,text_components=8"))
    (names, params), *_ = drawn(space, 1)
    assert names == {}
    assert params == ModelParams(representation="tfidf", head="logistic", C=0.5, text_components=8)


def test_each_head_is_first_tried_with_one_sound_setting_and_each_encoder_once() -> None:
    space = Space(**EVERYTHING)
    points = starting_points(space)
    assert points[0]["head"] == "lightgbm"
    assert {point["head"] for point in points} == set(STUDY_HEADS)
    assert [point["encoder"] for point in points[len(STUDY_HEADS) :]] == ["other?pooling=cls"]
    study = optuna.create_study()
    for point in points:
        study.enqueue_trial(point)
        trial = study.ask()
        params = draw(trial, space)
        assert trial.params == point  # nothing was drawn at random, nothing was in vain
        assert params.imbalance == "none" and params.representation in ("both", "none", "finetuned")


def test_the_finetuned_representation_brings_its_head_along() -> None:
    (_, params), *_ = drawn(Space(("finetuned",), ()), 1)
    assert (params.representation, params.head) == ("finetuned", "finetuned")
    with pytest.raises(DataError, match="needs one of none, tfidf, encoder, both"):
        Space(("finetuned",), ("logistic",))


def test_only_a_study_with_vectors_in_its_matrix_reads_a_frozen_encoder() -> None:
    assert Space(("tfidf", "both"), ("svm",)).frozen
    assert not Space(("none", "tfidf"), ("svm",)).frozen
    assert not Space(("both",), ("textcnn",)).frozen


def test_values_to_draw_from_are_read_with_their_types() -> None:
    found = read_settings("C=0.3|1, leaves = 7,tuning=lora")
    assert found == {"C": (0.3, 1.0), "leaves": (7,), "tuning": ("lora",)}
    assert read_settings("none") == {}


@pytest.mark.parametrize("wrong", ["trees", "head=svm", "tree=3", "trees=many", "tuning=half", "trees=1|"])
def test_a_value_that_no_model_takes_is_refused(wrong: str) -> None:
    with pytest.raises(DataError):
        read_settings(wrong)
