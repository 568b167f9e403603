"""Tests of the kind of model that CONTRIBUTING.md adds, from its own lines."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import changed, panel

from purchasing_power.kinds import registry
from purchasing_power.kinds.case import FitOptions
from purchasing_power.kinds.kind import BATCH, Kind
from purchasing_power.reference.measure import measure

ROOT = Path(__file__).resolve().parents[2]
NAME = "purchasing_power.kinds.lapse"
TABLE = panel(users=300)
# Last month's spend says nothing here: the days since the last order are missing at random.
TABLE = changed(TABLE, spend_28d=np.random.default_rng(1).uniform(0, 9, len(TABLE.frame)))


class Silent:
    """A log that keeps nothing."""

    def params(self, values: object) -> None:
        """Nothing."""

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Nothing."""

    def part(self) -> None:
        """Nothing."""


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """The kind of the worked example, with its entry made."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [lines] = re.findall(r"^\+\+\+ b/purchasing_power/kinds/lapse\.py\n@@.*\n((?:\+.*\n)+)", text, re.M)
    spec = importlib.util.spec_from_loader(NAME, loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, NAME, module)
    exec("\n".join(line[1:] for line in lines.splitlines()), module.__dict__)
    [entry] = re.findall(r'^\+KINDS = .*"lapse": "(.*?)"', text, re.M)
    monkeypatch.setitem(registry.KINDS, "lapse", entry)
    yield registry.kind("lapse")


def fit(kind: Kind, folder: Path, **params: Any) -> tuple[Any, FitOptions]:
    """A model of some parameters, and what it was fitted with."""
    (folder / "params.json").write_text(json.dumps(params))
    options = FitOptions(folder / "params.json", "auto", "auto", folds=0, seed=0, workspace=folder)
    return kind.fit(TABLE, options, Silent()), options


def test_it_is_saved_and_opened_by_its_name_without_a_user(kind: Kind, tmp_path: Path) -> None:
    model, options = fit(kind, tmp_path)
    folder = kind.save(model, tmp_path / "bundle", TABLE, options)
    found, loaded = registry.open_bundle(folder)
    assert found is kind and loaded == model and kind.serving == BATCH
    np.testing.assert_array_equal(loaded.outputs(TABLE.frame), model.outputs(TABLE.frame))
    assert not any(b"user-0" in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_it_beats_its_baseline_and_the_baseline_alone_does_not(kind: Kind, tmp_path: Path) -> None:
    rows = TABLE.rows(kind.test_rows(TABLE, 0))
    for params, better in (({}, True), ({"features": ["days_since_order"]}, False)):
        model, _ = fit(kind, tmp_path, **params)
        figures = kind.figures(model, kind.predictions(model, rows, {}))
        assert (figures["model"]["auc"] > figures["naive"]["auc"]) == better
        assert set(kind.test_rows(TABLE, 0)) <= set(model.unseen(TABLE))


def test_its_reference_statistics_are_of_its_own_columns(kind: Kind, tmp_path: Path) -> None:
    model, _ = fit(kind, tmp_path)
    reference = measure(kind, model, TABLE, 0)
    assert {"days_since_order", "orders_28d"} <= set(reference.columns)
    assert not {"spend_28d", "region"} & set(reference.columns)
    assert reference.users == 300 and "score" in reference.scores
