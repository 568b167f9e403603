"""Drift of each column through Evidently; the one module that imports it."""

from __future__ import annotations

import math
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring import statistics
from monitoring.columns import MISSING, PREDICTED, SCORE, SCORES, Columns, comparable, is_numeric
from monitoring.evidence import ColumnDrift
from monitoring.policy import SCORE_LEVEL, drifted_columns

NUMERIC_TEST, CATEGORICAL_TEST = "ks", "homogeneity"
# A bound that no p-value of a column that did not drift lies under.
NO_COLUMN = 1e-300


@dataclass(frozen=True)
class Drift:
    """What a comparison gives.

    Attributes
    ----------
    columns
        Drift of each feature and descriptor, in the order given.
    scores
        Drift of score and tier, or of the likeliest class where the model gives no score, by name.
    html, json
        Evidently's own report.
    """

    columns: tuple[ColumnDrift, ...]
    scores: dict[str, ColumnDrift]
    html: str
    json: str

    @property
    def score(self) -> ColumnDrift:
        """Drift of what the model says: its score, else its likeliest class."""
        return self.scores[SCORE if SCORE in self.scores else PREDICTED]


def compare(reference: Columns, current: Columns, meanings: Mapping[str, str], drift_share: float) -> Drift:
    """Compare columns of the reference with those of now.

    The p-values that are decided on are those of Evidently's report. Where values are missing on a side,
    the missing shares are tested too; the smaller p-value then counts twice (Bonferroni) and the larger effect
    is the column's. Columns without a value on one side cannot enter Evidently's report and rest on the
    missing shares alone.

    Parameters
    ----------
    reference, current
        Columns as ``feature_columns`` and ``score_columns`` give them. Their rows need not be the same
        users, and columns of one side need not be of the same length.
    drift_share
        Share of drifted columns at which Evidently's report says that the dataset drifted.
    """
    with warnings.catch_warnings():
        # scipy falls back to its asymptotic p-value, which is what is wanted then.
        warnings.filterwarnings("ignore", message="ks_2samp: Exact calculation unsuccessful")
        return _compare(*comparable(reference, current), meanings, drift_share)


def _compare(before: Columns, now: Columns, meanings: Mapping[str, str], drift_share: float) -> Drift:
    shown = [name for name in before if before[name].notna().any() and now[name].notna().any()]
    expected = {name: _test(before[name], now[name])[0] for name in shown}
    thresholds = _thresholds(_columns(before, now, expected, meanings), expected)
    snapshot = _snapshot({n: before[n] for n in shown}, {n: now[n] for n in shown}, thresholds, drift_share)
    found = _columns(before, now, _p_values(snapshot), meanings)
    return Drift(
        columns=tuple(column for column in found if column.column not in SCORES),
        scores={column.column: column for column in found if column.column in SCORES},
        html=_html(snapshot),
        json=snapshot.json(),
    )


def _thresholds(found: list[ColumnDrift], p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-value up to which Evidently shall call each column drifted, so that its count is the policy's.

    Evidently compares each p-value with a fixed bound; the policy corrects for the number of columns and asks
    for a least effect.
    """
    features = tuple(column for column in found if column.column not in SCORES)
    drifted = {column.column for column in drifted_columns(features)}
    bounds = {name: max(p, NO_COLUMN) if name in drifted else NO_COLUMN for name, p in p_values.items()}
    return bounds | {name: SCORE_LEVEL for name in SCORES if name in p_values}


def _snapshot(before: Columns, now: Columns, thresholds: Mapping[str, float], drift_share: float) -> Any:
    os.environ.setdefault("DO_NOT_TRACK", "true")
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    _register_test()
    numeric = [name for name, column in before.items() if is_numeric(column)]
    tests = {name: NUMERIC_TEST if name in numeric else CATEGORICAL_TEST for name in before}
    features, scores = [[n for n in before if (n in SCORES) == are] for are in (False, True)]
    of_features = {"per_column_method": {n: tests[n] for n in features}, "per_column_threshold": thresholds}
    preset = DataDriftPreset(columns=features, drift_share=drift_share, **of_features)
    # A preset without a column fails.
    metrics: list[Any] = [preset] if features else []
    metrics += [ValueDrift(column=n, method=tests[n], threshold=thresholds[n]) for n in scores]
    categorical = [name for name in before if name not in numeric]
    definition = DataDefinition(numerical_columns=numeric, categorical_columns=categorical)
    # Columns may differ in length (scores are of other rows): Evidently drops the missing end of each.
    sides = [Dataset.from_pandas(pd.DataFrame(side), definition) for side in (now, before)]
    return Report(metrics).run(*sides)


def _test(reference: pd.Series, current: pd.Series) -> tuple[float, float]:
    return (statistics.ks if is_numeric(reference) else statistics.homogeneity)(reference, current)


def _register_test() -> None:
    """Make our chi-square test known to Evidently by name; why its own will not do, see ``homogeneity``."""
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    def test(before: pd.Series, now: pd.Series, _: ColumnType, threshold: float) -> tuple[float, bool]:
        p_value, _effect = statistics.homogeneity(before, now)
        return p_value, p_value <= threshold

    kinds = [ColumnType.Categorical]
    register_stattest(StatTest(CATEGORICAL_TEST, "chi-square p_value", allowed_feature_types=kinds), test)


def _p_values(snapshot: Any) -> dict[str, float]:
    """P-values by column, found by what a metric is and never by where it stands."""
    return {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith("ValueDrift")
    }


def _html(snapshot: Any) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        snapshot.save_html(str(Path(scratch) / "report.html"))
        return (Path(scratch) / "report.html").read_text(encoding="utf-8")


def _columns(
    before: Columns, now: Columns, p_values: Mapping[str, float], meanings: Mapping[str, str]
) -> list[ColumnDrift]:
    return [_column(n, before[n], now[n], p_values.get(n), meanings.get(n, "")) for n in before]


def _column(name: str, before: pd.Series, now: pd.Series, p_value: float | None, meaning: str) -> ColumnDrift:
    # Evidently has no p-value for a column that is empty on a side.
    p = 1.0 if p_value is None else p_value
    if not is_numeric(before):
        effect = statistics.homogeneity(before, now)[1]
        place, first, second = _moved_category(before, now)
        return ColumnDrift(
            name, "categorical", "chi-square", p, effect, place, first, second, math.nan, math.nan, meaning
        )
    test, (_, effect) = "Kolmogorov-Smirnov", statistics.ks(before, now)
    value, first, second = statistics.largest_gap(before, now)
    place = f"at most {_number(value)}"
    if before.isna().any() or now.isna().any():
        p_missing, moved = statistics.missing(before, now)
        p, test = min(1.0, 2 * min(p, p_missing)), f"{test}, and chi-square of the missing share"
        if moved > effect or math.isnan(value):
            effect, place = moved, MISSING
            first, second = float(before.isna().mean()), float(now.isna().mean())
    means = float(before.mean()), float(now.mean())
    return ColumnDrift(name, "numeric", test, p, effect, place, first, second, *means, meaning)


def _moved_category(before: pd.Series, now: pd.Series) -> tuple[str, float, float]:
    """The category whose share changed most, with both shares."""
    first, second = before.value_counts(normalize=True), now.value_counts(normalize=True)
    names = sorted(set(first.index) | set(second.index))
    moved = max(names, key=lambda name: abs(second.get(name, 0.0) - first.get(name, 0.0)))
    return moved, float(first.get(moved, 0.0)), float(second.get(moved, 0.0))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
