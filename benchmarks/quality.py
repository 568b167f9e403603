"""Evaluates the pipeline of ``make demo`` on Complete Journey, and what text adds, there and on household income.

``auc``, ``average_precision`` and ``naive_auc`` come from the evaluate step's ``evaluation.json``: the steps
of ``main`` up to ``evaluate`` run with MLproject's own defaults, in a store and a workspace that are thrown
away. ``auc_without_text`` comes from tune, train and evaluate again on the same user table with
``representations=none`` and as many trials. The income figures are explained in ``quality_income``.
Run: ``python benchmarks/quality.py``.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from peak_memory import peak_mb
from quality_income import OUTER, RFM, TEXT, WITHOUT, Income, measure

from purchasing_power.evaluation.bootstrap import Comparison, MetricName, compare_measures
from purchasing_power.evaluation.holdout import held_out
from purchasing_power.evaluation.target_metrics import target_measure
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.shop.pseudonym import KEY_VARIABLE
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import CUTOFF, USER
from steps.main import SHOP
from tracking import registry, runs
from tracking.chain import entry_points, run_steps

TEST_CUTOFF = "2017-12-03"
STEPS = SHOP[: SHOP.index("evaluate") + 1]
AGAIN = STEPS[STEPS.index("tune") :]
METRICS: tuple[MetricName, ...] = ("auc", "average_precision")


@dataclass(frozen=True)
class Demo:
    """What the pipeline gave with text and without it.

    Attributes
    ----------
    figures, plain
        ``evaluation.json`` with text and without: metrics of ``model``, ``naive`` and ``rfm``.
    params, plain_params
        What the study chose.
    cutoffs
        Cutoffs of the rows that both were evaluated on.
    gains
        With text minus without, on the same rows, by metric.
    """

    figures: dict[str, Any]
    plain: dict[str, Any]
    params: ModelParams
    plain_params: ModelParams
    cutoffs: list[str]
    gains: dict[str, Comparison]


@contextmanager
def own_store() -> Iterator[Path]:
    """A temporary folder with a tracking store, in an experiment of which a run is active."""
    usual = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="quality-") as place:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}/mlflow.db"
        # Rows are sorted by pseudonym, so that only a fixed key gives the same figures twice.
        os.environ[KEY_VARIABLE] = "benchmark key of no secret at all"
        # MLflow leaves the artifacts that it fetches in temporary folders of its own: they go with this one.
        tempfile.tempdir = place
        try:
            runs.prepare()
            experiment = mlflow.create_experiment("quality", artifact_location=f"file://{place}/artifacts")
            with mlflow.start_run(experiment_id=experiment, run_name="quality"):
                yield Path(place)
        finally:
            tempfile.tempdir = usual


def run_demo(given: dict[str, str], took: dict[str, float]) -> tuple[Demo, str]:
    """The steps of ``main`` up to ``evaluate``, then from ``tune`` on without text; with the tables' URI.

    Parameters
    ----------
    given
        Parameters of ``main``.
    took
        Gets the seconds of either part.
    """
    made = timed(took, f"{', '.join(STEPS)}", lambda: run_steps(STEPS, given))
    less = {**given, "users": made["users"], "representations": "none", "model": f"{given['model']}_plain"}
    again = timed(took, f"{', '.join(AGAIN)} without text", lambda: run_steps(AGAIN, less))
    versions = ((given["model"], made["version"]), (less["model"], again["version"]))
    models = [registry.open_bundle(registry.find(*version)) for version in versions]
    figures, plain = (_evaluation(each["evaluation"]) for each in (made, again))
    cutoffs, gains = _compare(models, made["users"])
    return Demo(figures, plain, models[0].params, models[1].params, cutoffs, gains), made["tables"]


def timed(took: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    found = work()
    took[name] = time.perf_counter() - start
    return found


def _evaluation(uri: str) -> dict[str, Any]:
    path, _ = runs.fetch(uri, "evaluation")
    return json.loads(path.read_text(encoding="utf-8"))


def _compare(models: list[PurchasingModel], users: str) -> tuple[list[str], dict[str, Comparison]]:
    """Cutoffs of the held-back rows, and intervals of the first model's figures minus the second's."""
    table = user_table.read(runs.fetch(users, "users")[0])
    rows = held_out(KIND, table, models)
    y, users_of_rows = models[0].target.labels(rows.frame), rows.frame[USER]
    outputs = [model.outputs(rows.frame) for model in models]
    gains = {}
    for metric in METRICS:
        first, second = (target_measure(models[0].target, metric, y, values) for values in outputs)
        gains[metric] = compare_measures(metric, first, second, users_of_rows)[1]
    return rows.frame[CUTOFF].dt.strftime("%Y-%m-%d").unique().tolist(), gains


def figures(demo: Demo, income: Income) -> dict[str, float]:
    """The figures by name, as the last line prints them."""
    mean = {way: float(np.mean(aucs)) for way, aucs in income.aucs.items()}
    found = {
        "auc": demo.figures["model"]["auc"],
        "average_precision": demo.figures["model"]["average_precision"],
        "naive_auc": demo.figures["naive"]["auc"],
        "auc_without_text": demo.plain["model"]["auc"],
        "income_auc": mean[TEXT],
        "income_auc_rfm": mean[RFM],
        "income_auc_without_text": mean[WITHOUT],
    }
    return {name: round(value, 4) for name, value in found.items()}


def report(demo: Demo, income: Income, took: dict[str, float]) -> None:
    trials = entry_points()["main"].defaults["trials"]
    print(f"Top fifth of 28-day spend at {TEST_CUTOFF}: {demo.figures['rows']:,} households, {trials} trials a study")
    print(f"{'':<44}{'AUC':>18}{'average precision':>22}")
    ways = {
        "spend of the last 28 days": demo.figures["naive"],
        "recency, frequency, money": demo.figures["rfm"],
        f"with text ({demo.params.representation}, {demo.params.head.name})": demo.figures["model"],
        f"without text ({demo.plain_params.head.name})": demo.plain["model"],
    }
    for name, found in ways.items():
        print(f"{name:<44}{found['auc']:>18.4f}{found['average_precision']:>22.4f}")
    auc, precision = (demo.gains[metric] for metric in METRICS)
    print(f"{'text adds':<44}{auc.difference:>+18.4f}{precision.difference:>+22.4f}")
    print(f"{'  95 % interval, paired bootstrap':<44}{_span(auc):>18}{_span(precision):>22}\n")
    _report_income(income)
    print(f"{'':<64}{'seconds':>20}")
    for name, seconds in took.items():
        print(f"{name:<64}{seconds:>20.0f}")
    peak = peak_mb() / 1024
    print(f"peak memory of this process: {peak:.1f} GiB\n")


def _report_income(income: Income) -> None:
    splits = len(income.aucs[TEXT]) // OUTER
    print(f"Household income of $75,000 or more: {income.positives} of {income.households} households")
    print(f"{'':<44}{f'AUC of {OUTER} folds':>18}{f'each of {splits} splits':>22}")
    for way, aucs in income.aucs.items():
        each = ", ".join(f"{np.mean(part):.4f}" for part in np.split(np.asarray(aucs), splits))
        print(f"{way:<44}{np.mean(aucs):>18.4f}{each:>22}")
    print(f"{'text adds (ranks over all splits)':<44}{income.gain.difference:>+18.4f}")
    print(f"{'  95 % interval, paired bootstrap':<44}{_span(income.gain):>18}")
    for way, chosen in income.chosen.items():
        print(f"chosen {way}: " + ", ".join(f"{setting} × {times}" for setting, times in chosen.most_common()))
    print()


def _span(gain: Comparison) -> str:
    return f"{gain.low:+.4f} to {gain.high:+.4f}"


def main() -> None:
    warnings.simplefilter("ignore")
    took: dict[str, float] = {}
    with own_store() as place:
        given = entry_points()["main"].defaults | {"workspace": str(place / "workspace")}
        demo, tables = run_demo(given, took)
        assert demo.cutoffs == [TEST_CUTOFF], f"tested at {demo.cutoffs}; the figures are meant for {TEST_CUTOFF}"
        folder, _ = runs.fetch(tables, "tables")
        store = str(place / "workspace" / "vectors")
        income = timed(took, "income", lambda: measure(folder, store))
    report(demo, income, took)
    print(json.dumps(figures(demo, income)))


if __name__ == "__main__":
    main()
