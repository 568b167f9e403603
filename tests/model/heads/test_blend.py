"""Tests of a blend: its weights pay on rows that did not choose them, and it says what its members say on average."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tables import flat, panel

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.features import prepare
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.heads.blend import Blend
from purchasing_power.model.params import Member
from purchasing_power.model.purchasing_model import fitting
from purchasing_power.model.splits import folds, split
from purchasing_power.snapshot.target import fit_target
from purchasing_power.tuning.blend_search import blended, choose, choose_on, distinct, nested_scores, search

RNG = np.random.default_rng(0)
LINEAR = model_params(representation="none", head="logistic")
TREES = model_params(representation="none", head="lightgbm", trees=20, leaf_rows=10)
TERMS = model_params(representation="tfidf", head="svm", text_components=4)
BOTH = model_params(representation="none", head="blend", members=(Member(3.0, LINEAR), Member(1.0, TERMS)))


def validation(table, count: int, target: str = "auto") -> CrossValidation:
    return CrossValidation(table, folds(table, split(table).known, count), target)


def test_weights_are_those_of_the_best_mean_and_what_only_harms_gets_none() -> None:
    y = RNG.normal(size=400)
    noisy = [y + RNG.normal(size=400) for _ in range(2)]
    useless = y + 20 * RNG.normal(size=400)
    weights = choose([*noisy, useless], lambda values: float(-((values - y) ** 2).mean()))
    assert weights == pytest.approx([0.5, 0.5, 0.0], abs=0.1)


def test_a_perfect_candidate_stays_alone() -> None:
    y = RNG.normal(size=50)
    weights = choose([y + 1.0, y], lambda values: float(-((values - y) ** 2).mean()))
    assert list(weights) == [0.0, 1.0]


def test_a_part_is_scored_with_weights_that_it_did_not_choose() -> None:
    # Each part is told perfectly by another candidate: weights from the others always choose wrong.
    y = [RNG.normal(size=30) for _ in range(2)]
    candidates = [[y[0], -y[1]], [-y[0], y[1]]]

    def score(part: int, values: np.ndarray) -> float:
        return float(np.corrcoef(values + 1e-9 * y[part], y[part])[0, 1])

    assert nested_scores(candidates, score) == pytest.approx([-1.0, -1.0])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_blend_says_the_weighted_mean_of_its_members_and_is_loaded_with_the_same_answer(
    task: str, tmp_path: Path
) -> None:
    table = flat(classes={"binary": 2, "multiclass": 3, "regression": 0}[task])
    rows = split(table).train
    target = fit_target("label", table, rows)
    frame, meta = table.frame.iloc[rows], table.meta
    scorer = Blend().fit(BOTH, meta, fitting(frame, meta, target))
    later = prepare(table.frame, meta)
    said = calibrated(None, scorer.raw(later), task)
    parts = [calibrated(None, member.raw(later), task) for member in scorer.scorers]
    assert said == pytest.approx(0.75 * parts[0] + 0.25 * parts[1])
    scorer.save(tmp_path, [], None)
    assert calibrated(None, Blend().load(tmp_path, BOTH, meta).raw(later), task) == pytest.approx(said)


@pytest.mark.parametrize("head", ["mlp", "textcnn", "lightgbm"])
def test_a_model_with_another_seed_is_another_model_and_is_fitted_as_it_was_judged(head: str, tiny_bert: Path) -> None:
    table = flat()
    judged = validation(table, 2, "label")
    given = {"representation": "none", "head": head, "encoder": str(tiny_bert), "epochs": 3, "trees": 20}
    one, other = (model_params({**given, "seed": seed}) for seed in (0, 1))
    assert not np.allclose(judged.outputs(0, one), judged.outputs(0, other))
    before, after = (table.frame.iloc[rows] for rows in judged.folds[0])
    target = judged.target(0)
    fitted = other.head.fit(other, table.meta, fitting(before, table.meta, target))
    said = fitted.raw(prepare(after, table.meta))
    assert calibrated(None, said, target.task) == pytest.approx(judged.outputs(0, other))


def test_each_networks_loss_curve_has_its_members_name() -> None:
    table = flat()
    frame = table.frame.iloc[split(table).train]
    target = fit_target("label", table, split(table).train)
    network = model_params(representation="none", head="mlp", epochs=2)
    params = model_params(representation="none", head="blend", members=(Member(0.5, LINEAR), Member(0.5, network)))
    told: set[str] = set()
    given = fitting(frame, table.meta, target, curve=lambda name, value, step: told.add(name))
    Blend().fit(params, table.meta, given)
    assert told and all(name.startswith("member_1.mlp") for name in told)


def test_the_best_of_each_kind_go_before_the_second_best_of_any() -> None:
    second = model_params(representation="none", head="lightgbm", trees=21)
    assert distinct([TREES, second, TREES, LINEAR, TERMS], 3) == [TREES, LINEAR, TERMS]
    assert distinct([TREES, second, LINEAR], 9) == [TREES, LINEAR, second]


def test_a_blends_worth_is_nested_over_folds_and_compared_with_its_first_member() -> None:
    checked = validation(panel(), 3, "tier")
    found = search(checked, [LINEAR, TREES])
    assert found.alone == pytest.approx(checked.scores(LINEAR))
    assert sum(found.weights) == pytest.approx(1.0)
    outputs = [[checked.outputs(fold, one) for fold in range(3)] for one in (LINEAR, TREES)]
    weights = choose_on(outputs, [1, 2], checked.score)
    assert found.scores[0] == pytest.approx(checked.score(0, weights[0] * outputs[0][0] + weights[1] * outputs[1][0]))
    assert found.better == (bool(found.params.members) and found.score > np.mean(found.alone))


def test_a_single_fold_is_halved_by_user_and_no_row_is_judged_twice() -> None:
    from purchasing_power.tuning.blend_search import _parts

    table = panel()
    checked = validation(table, 1, "tier")
    (_, first), (_, second) = _parts(checked)
    users = table.frame["user_id"].iloc[checked.folds[0][1]].to_numpy()
    assert not set(users[first]) & set(users[second])
    assert sorted([*first, *second]) == list(range(len(users)))
    assert len(search(checked, [LINEAR, TREES]).scores) == 2


def test_a_blend_of_one_is_that_model_itself_and_never_better() -> None:
    checked = validation(panel(), 2, "tier")
    hopeless = model_params(representation="none", head="logistic", C=1e-9, imbalance="none")
    found = search(checked, [TREES, TREES])
    assert not found.better or found.params.members
    assert blended([TREES, hopeless], np.array([1.0, 0.0])) == TREES
