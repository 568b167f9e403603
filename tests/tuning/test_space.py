"""Tests of the search space: everything is reachable, nothing is drawn in vain, and a sound setting comes first."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import optuna
import pytest

from purchasing_power.errors import DataError
from purchasing_power.model.flat_params import model_params, parameters
from purchasing_power.model.heads.registry import HEADS
from purchasing_power.model.params import ModelParams, choices
from purchasing_power.tuning.space import (
    STUDY_HEADS,
    Space,
    _walk,
    draw,
    read_settings,
    starting_points,
    study_settings,
)

REPRESENTATIONS = ("none", "tfidf", "encoder", "both")
EVERYTHING: dict[str, Any] = {
    "representations": (*REPRESENTATIONS, "finetuned"),
    "heads": STUDY_HEADS,
    "encoders": ("minilm", "other?pooling=cls"),
    "imbalance": choices(ModelParams, "imbalance"),
    "losses": choices(ModelParams, "loss"),
    "weightings": choices(ModelParams, "weighting"),
    "reductions": choices(ModelParams, "reduction"),
    "settings": read_settings("finetune=full|lora,tfidf_width=0|5000,ngram_max=1|2,token_vectors=table|states|trained"),
}


def everything_for(amounts: bool) -> Space:
    """All there is to draw, with the heads that fit it."""
    task = "regression" if amounts else "multiclass"
    heads = tuple(name for name in STUDY_HEADS if task in HEADS[name].tasks)
    return Space(**{**EVERYTHING, "heads": heads}, regression=amounts)


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
    return {amounts: drawn(everything_for(amounts), 400) for amounts in (False, True)}


def test_every_representation_head_encoder_and_choice_is_reached(everything) -> None:
    params = [one for found in everything.values() for _, one in found]
    for name in ("representation", "imbalance", "loss", "weighting", "reduction"):
        assert {getattr(one, name) for one in params} == set(choices(ModelParams, name))
    for name in ("finetune", "token_vectors"):
        drawn_values = {one.head.values().get(name) for one in params}
        assert drawn_values - {None} == set(choices(HEADS["textcnn"], name))
    assert {one.head.name for one in params} == set(HEADS) - {"blend"}
    assert {one.encoder for one in params} == set(EVERYTHING["encoders"])
    assert {one.tfidf_width for one in params if one.head.name == "svm"} == {0, 5000}


def test_amounts_have_losses_and_no_imbalance_and_classes_the_reverse(everything) -> None:
    assert {one.imbalance for _, one in everything[True]} == {"none"}
    assert {one.loss for _, one in everything[False]} == {"auto"}


def test_a_heads_own_parameters_are_drawn_only_with_that_head(everything) -> None:
    trees = {one.name for one in fields(HEADS["lightgbm"])}
    for names, params in everything[False]:
        head, settings = params.head.name, params.head.values()
        assert bool(trees & set(names)) == (head == "lightgbm")
        assert ("C" in names, "svm.C" in names) == (head == "logistic", head == "svm")
        trained = head == "finetuned" or settings.get("token_vectors") == "trained"
        assert ("tuning" in names) == trained
        assert ("lora_rank" in names) == (trained and settings["finetune"] == "lora")
        assert params.tfidf_width == 0 or params.head.linear
        assert ("encoder" in names) == (bool(params.encoders) or head in ("textcnn", "finetuned"))


def test_rows_of_texts_are_not_interpolated(everything) -> None:
    ways = {one.imbalance for _, one in everything[False] if one.head.name in ("textcnn", "finetuned")}
    assert ways == {"none", "weights", "over", "under"}


def test_every_parameter_of_a_model_has_a_place_in_the_space() -> None:
    placed: set[str] = set()
    for regression in (False, True):
        for head in STUDY_HEADS:
            for more in ({"token_vectors": ("trained",), "finetune": ("lora",)}, {}):
                space = Space(("both",), (head,), regression=regression, losses=("tweedie",), settings=more)
                placed |= set(_walk(space, lambda name, rule: rule.start))
    assert placed - {"head"} == set(parameters())


def test_a_single_value_is_taken_and_not_drawn() -> None:
    space = Space(("tfidf",), ("logistic",), settings=read_settings("C=0.5,text_components=8"))
    (names, params), *_ = drawn(space, 1)
    assert names == {}
    assert params == model_params(representation="tfidf", head="logistic", C=0.5, text_components=8)


def test_each_head_is_first_tried_with_one_sound_setting_and_each_encoder_once() -> None:
    space = everything_for(amounts=False)
    points = starting_points(space)
    assert points[0]["head"] == "lightgbm"
    assert {point["head"] for point in points} == set(space.heads)
    assert [point["encoder"] for point in points[len(space.heads) :]] == ["other?pooling=cls"]
    study = optuna.create_study()
    for point in points:
        study.enqueue_trial(point)
        trial = study.ask()
        params = draw(trial, space)
        assert trial.params == point  # nothing was drawn at random, nothing was in vain
        assert params.imbalance == "none" and params.representation in ("both", "none", "finetuned")


def test_the_finetuned_representation_brings_its_head_along() -> None:
    (_, params), *_ = drawn(Space(("finetuned",), ()), 1)
    assert (params.representation, params.head.name) == ("finetuned", "finetuned")
    with pytest.raises(DataError, match="needs one of none, tfidf, encoder, both"):
        Space(("finetuned",), ("logistic",))


def test_only_a_study_with_vectors_in_its_matrix_reads_a_frozen_encoder() -> None:
    assert Space(("tfidf", "both"), ("svm",)).frozen
    assert not Space(("none", "tfidf"), ("svm",)).frozen
    assert not Space(("both",), ("textcnn",)).frozen


def test_values_to_draw_from_are_read_with_their_types() -> None:
    found = read_settings("C=0.3|1, leaves = 7,finetune=lora")
    assert found == {"C": (0.3, 1.0), "leaves": (7,), "finetune": ("lora",)}
    assert read_settings("none") == {}


@pytest.mark.parametrize("wrong", ["trees", "head=svm", "tree=3", "trees=many", "finetune=half", "trees=1|"])
def test_a_value_that_no_model_takes_is_refused(wrong: str) -> None:
    with pytest.raises(DataError):
        read_settings(wrong)


def test_a_renamed_setting_is_refused_with_its_new_name() -> None:
    with pytest.raises(DataError, match="tuning_rate is now finetune_rate"):
        read_settings("C=1,tuning_rate=0.001")


def test_a_study_that_was_started_before_settings_were_renamed_goes_on() -> None:
    """Its trials and its settings hold the names of then."""
    settings = read_settings("finetune=full|lora,finetune_epochs=2|3,trees=20")
    assert set(study_settings(settings)) == {"tuning", "tuning_epochs", "trees"}
    space = Space(("finetuned",), ("finetuned",), settings=settings)
    study = optuna.create_study()
    study.enqueue_trial({"tuning": "lora", "tuning_epochs": 2, "lora.tuning_rate": 1e-3, "lora_rank": 8})
    params = draw(study.ask(), space)
    assert params == model_params(
        representation="finetuned", head="finetuned", finetune="lora", finetune_epochs=2, finetune_rate=1e-3
    )
