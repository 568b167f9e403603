"""Evidently's report of a job, with our own statistics in it.

Importing it takes seconds: it is imported where a report is made.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring.drift.results import ColumnDrift
from monitoring.evidence import Evidence
from monitoring.policy.past_windows import PastWindow
from monitoring.reports.evidently_names import (
    ColumnType,
    CounterData,
    DataDefinition,
    DataDriftPreset,
    Dataset,
    Report,
    SingleValue,
    SingleValueCalculation,
    SingleValueMetric,
    StatTest,
    ValueDrift,
    counter,
    register_stattest,
    table_data,
)
from monitoring.reports.evidently_workspace import described, watched
from monitoring.reports.figures import Told, figures, in_order
from purchasing_power.reference.columns import Columns, is_numeric

# A bound that no p-value of a column that did not drift lies under.
NO_COLUMN = 1e-300
NUMERIC, CATEGORICAL = "stored_numeric", "stored_categorical"
# Columns whose distributions are drawn: a tenth of a second and 100 kB each. All are in the table.
MOST_DRAWN = 40


class Figure(SingleValueMetric):
    """One of our own figures in an Evidently report, with a table of what is behind it.

    Attributes
    ----------
    name, value
        The figure and what it is called.
    heads, rows
        The table; none where ``heads`` is empty.
    """

    name: str
    value: float
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class FigureCalculation(SingleValueCalculation[Figure]):
    """Shows a :class:`Figure` as it is: it was calculated from stored statistics, not from the drawn columns."""

    def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
        """Give the figure with its table."""
        told = self.metric
        found = self.result(told.value)
        found.widget = [counter(title=told.name, counters=[CounterData("", f"{told.value:.4g}")])]
        if told.heads:
            found.widget.append(table_data(column_names=list(told.heads), data=told.rows, title=""))
        return found

    def display_name(self) -> str:
        """What the figure is called."""
        return self.metric.name


def report(
    before: Columns,
    now: Columns,
    evidence: Evidence,
    scores: dict[str, ColumnDrift],
    drift_share: float,
    window: PastWindow | None = None,
    version: str = "",
) -> Any:
    """Evidently's snapshot of a job: our figures with all columns, then distributions of the 40 that come first.

    Those are the drifted ones that matter most, then the others that matter most.

    Parameters
    ----------
    before, now
        Columns that look like either side, see ``shown.shown``.
    evidence
        What was found; its p-values and its verdict on each column are what Evidently shows.
    scores
        Drift of score and tier, by name.
    drift_share
        Share of drifted columns, among those drawn, at which Evidently says that the dataset drifted.
    window, version
        The window with all its figures, which then stand in the report too, and the version: what Evidently's workspace
        knows the run by.
    """
    features = _drawn(before, now, evidence)
    names = [*features, *(name for name in scores if _both_have_values(before, now, name))]
    thresholds = _thresholds(evidence, scores)
    _register({one.column: one.p_value for one in (*evidence.columns, *scores.values())})
    numeric = [name for name in names if is_numeric(before[name])]
    methods = {name: NUMERIC if name in numeric else CATEGORICAL for name in names}
    metrics = _our_figures(evidence, window)
    # A preset without a column fails.
    if features:
        of_columns: dict[str, Any] = {
            "per_column_method": {name: methods[name] for name in features},
            "per_column_threshold": thresholds,
        }
        metrics.append(DataDriftPreset(columns=features, drift_share=drift_share, **of_columns))
    metrics += [
        ValueDrift(column=name, method=methods[name], threshold=thresholds[name])
        for name in names[len(features) :]
    ]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in names if name not in numeric]
    )
    frames = [pd.DataFrame({name: side[name] for name in names}) for side in (now, before)]
    sides = (Dataset.from_pandas(frame, definition) for frame in frames)
    return Report(metrics).run(*sides, **({} if window is None else described(window, version)))


def html(snapshot: Any) -> str:
    """A snapshot as one HTML document."""
    with tempfile.TemporaryDirectory() as scratch:
        snapshot.save_html(str(Path(scratch) / "report.html"))
        return (Path(scratch) / "report.html").read_text(encoding="utf-8")


def p_values(snapshot: Any) -> dict[str, float]:
    """P-values by column, found by what a metric is and never by where it stands."""
    return {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith("ValueDrift")
    }


def _our_figures(evidence: Evidence, window: PastWindow | None) -> list[Any]:
    told, of_panels = figures(evidence), []
    if window is not None:
        rows = tuple((name, f"{value:.4g}") for name, value in window.figures.items() if math.isfinite(value))
        title = f"Figures of the window {window.moment}"
        # The report opens with what drift means to the model.
        told.insert(1, Told(title, float(len(rows)), ("Figure", "Value"), rows))
        of_panels = watched(window.figures, hidden=True)
    return [*(Figure(**vars(one)) for one in told), *of_panels]


def _drawn(before: Columns, now: Columns, evidence: Evidence) -> list[str]:
    names = [one.column for one in in_order(evidence)]
    return [name for name in names if _both_have_values(before, now, name)][:MOST_DRAWN]


def _both_have_values(before: Columns, now: Columns, name: str) -> bool:
    return bool(name in before and before[name].notna().any() and now[name].notna().any())


def _thresholds(evidence: Evidence, scores: dict[str, ColumnDrift]) -> dict[str, float]:
    """The p-value up to which Evidently shall call each column drifted, so that its count is the window's.

    Evidently compares each p-value with a fixed bound; the window corrects for the number of tests and asks
    for a least effect.
    """
    window = evidence.window
    drifted = set(window.columns) if window is not None else set()
    if window is not None and window.score:
        drifted.add(evidence.score.column)
    return {
        one.column: max(one.p_value, NO_COLUMN) if one.column in drifted else NO_COLUMN
        for one in (*evidence.columns, *scores.values())
    }


def _register(p_values: dict[str, float]) -> None:
    """Make our tests known to Evidently: what they answer was calculated from all users, not from what is drawn."""

    def test(before: pd.Series, now: pd.Series, _: ColumnType, threshold: float) -> tuple[float, bool]:
        p_value = p_values[str(before.name)]
        return p_value, p_value <= threshold

    for name, kind, title in (
        (NUMERIC, ColumnType.Numerical, "KS and rank-sum p_value"),
        (CATEGORICAL, ColumnType.Categorical, "chi-square p_value"),
    ):
        register_stattest(StatTest(name, title, allowed_feature_types=[kind]), test)
