"""Tests of every head in the registry: what it states of itself is true, and a new one needs nothing else."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from matrix_heads import fit_head
from tables import flat

from purchasing_power.errors import DataError
from purchasing_power.explain.explanation import explain
from purchasing_power.explain.heads import MEMBERS as MEMBERS_WAY
from purchasing_power.explain.heads import WAYS
from purchasing_power.model import bundle, skops_files
from purchasing_power.model.bundle_files import ESTIMATOR
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.heads.registry import HEADS
from purchasing_power.model.params import MATRIX, MEMBERS, SQUARED, TASKS, TEXTS, TWEEDIE, Head, ModelParams
from purchasing_power.model.purchasing_model import fit
from purchasing_power.model.splits import split
from purchasing_power.snapshot.target import fit_target
from purchasing_power.tuning.space import STUDY_HEADS, Space, draw, starting_points

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = "huber"
TABLES = {"binary": flat(), "multiclass": flat(classes=3), "regression": flat(classes=0)}
SMALL = {"text_components": 4, "trees": 20, "leaf_rows": 10, "epochs": 2, "finetune_epochs": 1, "text_tokens": 16}


def worked_example() -> type[Head]:
    """The head that CONTRIBUTING.md adds, from its own lines."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [lines] = re.findall(rf"^\+\+\+ b/purchasing_power/model/heads/{EXAMPLE}\.py\n@@.*\n((?:\+.*\n)+)", text, re.M)
    spec = importlib.util.spec_from_loader(f"purchasing_power.model.heads.{EXAMPLE}", loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    exec("\n".join(line[1:] for line in lines.splitlines()), module.__dict__)
    return module.Huber


@pytest.fixture(params=[*HEADS, EXAMPLE])
def head(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Head]]:
    """Each head, and with its entry made that of the worked example."""
    if request.param == EXAMPLE:
        monkeypatch.setitem(HEADS, EXAMPLE, worked_example())
    yield HEADS[request.param]
    sys.modules.pop(f"purchasing_power.model.heads.{EXAMPLE}", None)


def params_of(head: type[Head], encoder: Path, **more: object) -> ModelParams:
    members = [{"weight": 1.0, "params": {**SMALL, "representation": "none", "head": "logistic"}}]
    return model_params(
        {
            **SMALL,
            "head": head.name,
            "representation": head.representation or "none",
            "encoder": str(encoder),
            "members": 2 * members if head.reads == MEMBERS else [],
            **more,
        }
    )


def test_it_has_a_module_of_its_own_and_states_what_is_known(head: type[Head]) -> None:
    assert HEADS[head.name] is head and head.__module__ == f"purchasing_power.model.heads.{head.name}"
    assert head.reads in (MATRIX, TEXTS, MEMBERS)
    assert head.tasks and set(head.tasks) <= set(TASKS)
    assert SQUARED in head.losses and set(head.losses) <= {SQUARED, TWEEDIE}
    assert head.explained in {*WAYS, MEMBERS_WAY}
    assert head.__doc__ and not head.__doc__.startswith(f"{head.__name__}(")


def test_its_settings_have_defaults_and_the_same_meaning_in_every_head(head: type[Head]) -> None:
    rules = {one.name: (one.type, one.default, one.metadata.get("words")) for one in fields(head)}
    assert not set(rules) & {one.name for one in fields(ModelParams)}
    for one in (one for other in HEADS.values() for one in fields(other) if one.name in rules):
        assert (one.type, one.default, one.metadata.get("words")) == rules[one.name]
    params = params_of(head, Path("minilm"))
    assert params.head == head(**{name: value for name, value in SMALL.items() if name in rules})
    assert model_params(params.to_dict()) == params


def test_a_study_draws_settings_that_it_takes(head: type[Head]) -> None:
    if head.reads == MEMBERS:
        # A blend is made of the trials afterwards.
        assert head.name not in STUDY_HEADS
        return
    regression = "regression" in head.tasks
    representation = head.representation or "tfidf"
    space = Space((representation,), (head.name,), regression=regression)
    if set(head.tasks) == {"regression"}:
        with pytest.raises(DataError, match=f"heads: got {head.name} for classes"):
            starting_points(replace(space, regression=False))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    [first] = starting_points(space)
    study.enqueue_trial(first)
    found = [draw(study.ask(), space) for _ in range(20)]
    assert {one.head.name for one in found} == {head.name}
    assert len(set(found)) > 1


@pytest.mark.parametrize("task", TASKS)
def test_a_model_is_fitted_saved_loaded_and_explained_or_its_task_is_refused(
    head: type[Head], task: str, tiny_bert: Path, tmp_path: Path
) -> None:
    table = TABLES[task]
    parts, params = split(table), params_of(head, tiny_bert)
    target = fit_target("label", table, parts.train)
    if task not in head.tasks:
        with pytest.raises(DataError, match=f"got {head.name} for the task {task}; it fits {head.tasks[0]}"):
            fit(table, parts, target, params)
        return
    model = fit(table, parts, target, params)
    rows = table.frame.iloc[parts.test].reset_index(drop=True)
    loaded = bundle.load(bundle.save(model, tmp_path / "bundle"))
    np.testing.assert_allclose(loaded.outputs(rows), model.outputs(rows), atol=1e-6)
    explained = explain(loaded, rows.iloc[:5])
    assert explained.score == pytest.approx(model.score(model.outputs(rows.iloc[:5])), abs=1e-6, rel=1e-6)


def test_its_file_holds_classes_that_it_names_and_no_others(head: type[Head], tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier

    if head.reads != MATRIX:
        assert not head.trusted
        return
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(60, 3)), head.tasks[-1]
    y = X[:, 0] if task == "regression" else (X[:, 0] > 0).astype(int)
    fitted = fit_head(params_of(head, tmp_path), X, y, task, 0 if task == "regression" else 2, 0)
    fitted.head.write(fitted.fitted, tmp_path)
    np.testing.assert_allclose(fitted.head.raw(fitted.head.read(tmp_path), X), fitted.scores(X))
    if (tmp_path / ESTIMATOR).exists():
        skops_files.dump(RandomForestClassifier(2).fit(X, X[:, 0] > 0), tmp_path / ESTIMATOR)
        with pytest.raises(DataError, match=r"holds .*RandomForestClassifier"):
            fitted.head.read(tmp_path)


def test_tweedie_is_refused_by_a_head_that_does_not_fit_it(head: type[Head]) -> None:
    params, amounts = params_of(head, Path("minilm"), loss=TWEEDIE), np.array([0.0, 1.0])
    if TWEEDIE in head.losses:
        params.check_labels(amounts, "regression")
        return
    with pytest.raises(DataError, match=f"tweedie with the head {head.name}"):
        params.check_labels(amounts, "regression")


def test_naming_the_heads_loads_no_library_that_fits_them() -> None:
    code = (
        "import sys, purchasing_power.model.flat_params; "
        "print([name for name in ('sklearn', 'torch', 'lightgbm', 'skops') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_the_classes_of_this_library_that_bundles_name_are_where_they_say() -> None:
    for path in skops_files.TRUSTED:
        if path.startswith("purchasing_power."):
            module, _, name = path.rpartition(".")
            assert hasattr(importlib.import_module(module), name)
