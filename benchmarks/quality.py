"""Judges the pipeline of ``make demo`` on Complete Journey, and what text adds, there and on household income.

``auc``, ``average_precision`` and ``naive_auc`` come from the evaluate step's ``evaluation.json``: the steps
of ``main`` up to ``evaluate`` run with MLproject's own defaults, in a store and a workspace that are thrown
away. ``auc_without_text`` comes from tune, train and evaluate again on the same user table with
``representations=none`` and as many trials. The income figures are told in ``quality_income``.
Run: ``python benchmarks/quality.py``.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import quality_income

from purchasing_power.model.comparison import Comparison, paired_bootstrap
from purchasing_power.model.judge import comparable, held_back, judge
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.shop.pseudonym import KEY_VARIABLE
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import CUTOFF
from steps.main import SHOP
from tracking import registry, runs
from tracking.chain import entry_points, run_steps

TEST_CUTOFF = "2017-12-03"
STEPS = SHOP[: SHOP.index("evaluate") + 1]
AGAIN = STEPS[STEPS.index("tune") :]
WITHOUT = "without_text"
METRICS = ("auc", "average_precision")


@dataclass(frozen=True)
class Demo:
    """What the pipeline gave with text and without.

    Attributes
    ----------
    figures, plain
        ``evaluation.json`` with text and without: metrics of ``model``, ``naive`` and ``rfm``.
    params, plain_params
        What the study chose.
    gains
        With text minus without, on the same held-back rows, by metric.
    seconds
        Time of the steps with text and without.
    """

    figures: dict[str, Any]
    plain: dict[str, Any]
    params: ModelParams
    plain_params: ModelParams
    gains: dict[str, Comparison]
    seconds: tuple[float, float]


@contextmanager
def own_store() -> Iterator[Path]:
    """A tracking store and a workspace in a temporary folder, with an experiment whose run is active."""
    with tempfile.TemporaryDirectory(prefix="quality-") as place:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}/mlflow.db"
        # The order of the rows follows the pseudonyms, so that only a fixed key gives the same figures twice.
        os.environ[KEY_VARIABLE] = "benchmark key of no secret at all"
        runs.prepare()
        experiment = mlflow.create_experiment("quality", artifact_location=f"file://{place}/artifacts")
        with mlflow.start_run(experiment_id=experiment, run_name="quality"):
            yield Path(place)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def demo(given: dict[str, str]) -> tuple[Demo, dict[str, str]]:
    """The steps of ``main`` with text, then from ``tune`` on without; also gives the first one's outputs."""
    took, made = timed(lambda: run_steps(STEPS, given))
    less = {**given, "users": made["users"], "representations": "none", "model": WITHOUT}
    took_less, made_less = timed(lambda: run_steps(AGAIN, less))
    names = ((given["model"], made["version"]), (WITHOUT, made_less["version"]))
    models = [registry.open_bundle(registry.find(*name)) for name in names]
    figures, plain = (
        json.loads(runs.fetch(each["evaluation"], "evaluation")[0].read_text()) for each in (made, made_less)
    )
    gained = gains(models, made["users"])
    return Demo(figures, plain, models[0].params, models[1].params, gained, (took, took_less)), made


def gains(models: list[PurchasingModel], users: str) -> dict[str, Comparison]:
    """Paired bootstrap intervals of the first model's figures minus the second's."""
    table = user_table.read(runs.fetch(users, "users")[0])
    rows = held_back(table, models)
    cutoffs = rows.frame[CUTOFF].dt.strftime("%Y-%m-%d").unique().tolist()
    assert cutoffs == [TEST_CUTOFF], f"tested at {cutoffs}; the figures are meant for {TEST_CUTOFF}"
    judged = [judge(model, table, rows) for model in models]
    found = {}
    for metric in METRICS:
        y, score = comparable(models[0].target, metric, judged[0].y, judged[0].model)
        _, other = comparable(models[1].target, metric, judged[1].y, judged[1].model)
        found[metric] = paired_bootstrap(y, score, other, judged[0].users, metric=metric)
    return found
