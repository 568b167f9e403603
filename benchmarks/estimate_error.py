"""Measures how wrong the estimate without labels was in past months, beside "same as last month".

At each past cutoff of Complete Journey the estimate is made as the monitor makes it, from what was known then; later
the outcome became known. ``fresh_*`` is of a version made anew at each cutoff, ``kept_*`` of the first version, kept to
the end. ``…_estimate_error`` is the mean absolute error of the estimate, ``…_uncorrected_error`` that of the
same without its correction by held-back rows, ``…_last_month_error`` that of the figure
realised at the newest cutoff whose outcome was known.
Run: ``python benchmarks/estimate_error.py`` (``--users 300`` for a quick look).
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import pandas as pd
from past_months import as_of, months, rows_at, sample, version
from tqdm import tqdm

from monitoring.performance.estimate import METRICS, corrected, expected
from purchasing_power.evaluation.bootstrap import MetricName, weighted_metric
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.user_table import UserTable

COLUMNS = {"estimated": "estimate", "uncorrected": "uncorrected", "last month": "last_month"}


def realised_performance(model: PurchasingModel, rows: UserTable, metric: MetricName) -> float:
    """The figure once the outcome is known."""
    positive = model.target.positive
    outcomes = (model.target.labels(rows.frame) == positive).astype(np.int64)
    score = model.outputs(rows.frame)[:, positive]
    return float(weighted_metric(metric, outcomes, score)(np.ones((1, len(score))))[0])


def errors(table: UserTable, keep: bool) -> pd.DataFrame:
    """One row for each month and metric: realised, estimated, last month's."""
    found, model, held = [], None, None
    horizon = pd.Timedelta(days=int(table.meta.horizon_days or 0))
    for moment in tqdm(months(table), desc="kept" if keep else "fresh", unit="month"):
        now, before = rows_at(table, moment), rows_at(table, moment - horizon)
        if model is None or held is None or not keep:
            model, held = version(as_of(table, moment)), before
        found += [_errors(model, metric, f"{moment:%Y-%m-%d}", (now, before, held)) for metric in METRICS]
    return pd.DataFrame(found)


def _errors(
    model: PurchasingModel, metric: MetricName, month: str, rows: tuple[UserTable, UserTable, UserTable]
) -> dict[str, object]:
    now, before, held = rows
    positive = model.target.positive
    current, reference = (model.outputs(one.frame)[:, positive] for one in (now, held))
    outcomes = (model.target.labels(held.frame) == positive).astype(np.int64)
    return {
        "month": month,
        "metric": metric,
        "realised": realised_performance(model, now, metric),
        "estimated": corrected(metric, current, reference, outcomes)[0],
        "uncorrected": expected(metric, current),
        "last month": realised_performance(model, before, metric),
    }


def main() -> None:
    """Print a table for people, and the figures as one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=0, help="households to look at; 0 for all")
    table = sample(parser.parse_args().users)
    figures: dict[str, float] = {}
    for name, keep in (("fresh", False), ("kept", True)):
        found = errors(table, keep)
        print(f"\n{name}\n{found.round(3).to_string(index=False)}")
        for metric, rows in found.groupby("metric"):
            for column, key in COLUMNS.items():
                error = (rows[column] - rows["realised"]).abs().mean()
                figures[f"{name}_{metric}_{key}_error"] = round(float(error), 4)
    print(json.dumps({**figures, "months": len(months(table))}))


if __name__ == "__main__":
    main()
