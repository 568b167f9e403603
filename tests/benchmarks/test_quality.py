"""Tests of ``benchmarks/quality.py`` on a handful of rows; the figures themselves take minutes."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import ibis
import numpy as np
import pandas as pd
import pytest
from tables import changed, flat

from purchasing_power.evaluation.bootstrap import Comparison
from purchasing_power.model.flat_params import model_params

KEYS = [
    "auc",
    "average_precision",
    "naive_auc",
    "auc_without_text",
    "income_auc",
    "income_auc_rfm",
    "income_auc_without_text",
]


@pytest.fixture
def quality(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark's module; it finds its neighbour as it does when it runs as a script."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    import quality

    return quality


@pytest.fixture
def income(quality: ModuleType) -> ModuleType:
    return sys.modules["quality_income"]


def test_the_last_line_holds_every_figure_by_its_name(
    quality: ModuleType, income: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    gain = Comparison("auc", 0.8, 0.7, 0.1, 0.05, 0.15, 1000, 0.95)
    said = {name: {"auc": 0.9, "average_precision": 0.8} for name in ("model", "naive", "rfm")} | {"rows": 9}
    gains = {"auc": gain, "average_precision": gain}
    params = model_params()
    demo = quality.Demo(said, said, params, params, [quality.TEST_CUTOFF], gains)
    ways = (income.TEXT, income.RFM, income.WITHOUT)
    aucs = {way: [0.5] * 10 + [0.7] * 10 for way in ways}
    found = income.Income(801, 225, aucs, {income.TEXT: Counter({"tfidf C=0.01": 20})}, gain)
    quality.report(demo, found, {"income": 1.0})
    assert "0.5000, 0.7000" in capsys.readouterr().out
    figures = quality.figures(demo, found)
    assert list(figures) == KEYS
    assert figures["income_auc"] == pytest.approx(0.6)


def test_the_steps_are_those_of_main_up_to_evaluate(quality: ModuleType) -> None:
    assert quality.STEPS == ["ingest", "snapshot", "tune", "train", "evaluate"]
    assert quality.AGAIN == ["tune", "train", "evaluate"]


def test_income_rows_hold_shopping_alone_of_the_year_and_of_known_incomes(income: ModuleType) -> None:
    orders = pd.DataFrame(
        {
            "user_id": ["a", "a", "b", "c", "d", "d"],
            "order_id": ["1", "2", "3", "4", "5", "6"],
            "product_id": ["p", "q", "p", "q", "p", "q"],
            "ordered_at": pd.to_datetime(
                ["2016-12-30", "2017-03-01", "2017-05-01", "2017-06-01", "2017-07-01", "2018-01-02"]
            ),
            "quantity": 1.0,
            "amount": [100.0, 2.0, 3.0, 4.0, 5.0, 50.0],
            "discount": 0.0,
        }
    )
    products = pd.DataFrame({"product_id": ["p", "q"], "title": ["tea", "rice"]})
    users = pd.DataFrame(
        {"user_id": ["a", "b", "c", "d"], "income": ["Under 15K", "75-99K", None, "250K+"], "age": ["45-54"] * 4}
    )
    frames = {"orders": orders, "products": products, "users": users}
    table = income.households({name: ibis.memtable(frame) for name, frame in frames.items()})
    rows = table.frame.set_index("user_id")
    assert rows[income.LABEL].to_dict() == {"a": "0", "b": "1", "d": "1"}
    assert rows["spend_364d"].to_dict() == {"a": 2.0, "b": 3.0, "d": 5.0}
    assert [list(texts) for texts in rows["documents"]] == [["rice"], ["tea"], ["tea"]]
    assert not {"age", "income", "cutoff", "spend_next_28d"} & set(table.frame)


def test_the_scored_fold_chooses_and_fits_nothing(
    income: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(income, "COMPONENTS", (4,))
    table, train, test = flat(rows=120), np.arange(90), np.arange(90, 120)
    labels = table.frame["label"].copy()
    labels.iloc[test] = labels.iloc[test].map({"class 0": "class 1", "class 1": "class 0"})
    one, params = income._fold(table, train, test, 0, str(tmp_path))
    other, same = income._fold(changed(table, label=labels), train, test, 0, str(tmp_path))
    assert params == same
    for way in one:
        np.testing.assert_array_equal(one[way], other[way])
