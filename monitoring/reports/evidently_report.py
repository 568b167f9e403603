"""Evidently's report of a job, and its workspace of a model's windows; the one module that imports Evidently.

The report shows our own statistics. The workspace holds a run for each window, the newest with their report, and
panels of their trend. Importing this module takes seconds: it is imported where a report is made.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring.drift.results import ColumnDrift
from monitoring.evidence import Evidence
from monitoring.policy.window_history import MonitoredWindow
from monitoring.reports.report_figures import COUNTERS, LINES, ReportFigure, in_order, report_figures
from purchasing_power.reference.columns import ComparedColumns, is_numeric
from purchasing_power.text.shards import locked

os.environ.setdefault("DO_NOT_TRACK", "true")

from evidently import DataDefinition, Dataset, Report
from evidently._pydantic_compat import PrivateAttr
from evidently.core.metric_types import SingleValue, SingleValueCalculation, SingleValueMetric
from evidently.legacy.calculations.stattests import StatTest, register_stattest
from evidently.legacy.core import ColumnType
from evidently.legacy.renderers.html_widgets import CounterData, counter, table_data
from evidently.metrics import ValueDrift
from evidently.presets import DataDriftPreset
from evidently.sdk.models import PanelMetric
from evidently.sdk.panels import counter_panel, line_plot_panel
from evidently.ui.workspace import Workspace

log = logging.getLogger(__name__)

# A bound that no p-value of a column that did not drift lies under.
NO_COLUMN = 1e-300
NUMERIC, CATEGORICAL = "stored_numeric", "stored_categorical"
# Columns whose distributions are drawn: a tenth of a second and 100 kB each. All are in the table.
MOST_DRAWN = 40
FOLDER = "evidently"
TAB = "Windows"
WINDOW, VERSION, RUN = "window", "version", "mlflow_run"
# Evidently reads every run into memory, a report being 1.5 MB: older windows keep their figures alone.
MOST_REPORTS = 12


class Figure(SingleValueMetric):
    """One of our own figures in an Evidently report, with a table of what is behind it.

    Workspaces store metrics by the name of their class: it stays, as does that of ``WatchedFigure``.

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
        figure = self.metric
        result = self.result(figure.value)
        result.widget = [counter(title=figure.name, counters=[CounterData("", f"{figure.value:.4g}")])]
        if figure.heads:
            result.widget.append(table_data(column_names=list(figure.heads), data=figure.rows, title=""))
        return result

    def display_name(self) -> str:
        """What the figure is called."""
        return self.metric.name


class WatchedFigure(SingleValueMetric):
    """One figure of a window; its value is no part of what it is, so that a panel joins the windows to a line."""

    name: str
    _value: float = PrivateAttr(default=math.nan)
    _hidden: bool = PrivateAttr(default=False)


class WatchedFigureCalculation(SingleValueCalculation[WatchedFigure]):
    """Gives a :class:`WatchedFigure` the value that the job found."""

    def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
        """Give the figure as it is; a hidden one stands in a table of the report and has no picture of its own."""
        result = self.result(self.metric._value)
        if self.metric._hidden:
            result.widget = []
        return result

    def display_name(self) -> str:
        """What the figure is called."""
        return self.metric.name


def report(
    reference: ComparedColumns,
    current: ComparedColumns,
    evidence: Evidence,
    scores: dict[str, ColumnDrift],
    drift_share: float,
    window: MonitoredWindow | None = None,
    version: str = "",
) -> Any:
    """Evidently's snapshot of a job: our figures with all columns, then distributions of the 40 that come first.

    Those are the drifted ones of the largest importance-weighted drift, then the others.

    Parameters
    ----------
    reference, current
        Synthetic samples, see ``job_report.synthetic_samples``.
    evidence
        Its p-values, and whether each column drifted, are what Evidently shows.
    scores
        Drift of score and tier, by name.
    drift_share
        Share of drifted columns, among those drawn, at which Evidently says that the dataset drifted.
    window, version
        The window with all its figures, which then stand in the report too, and the version: what Evidently's workspace
        knows the run by.
    """
    features = _drawn(reference, current, evidence)
    names = [*features, *(name for name in scores if _both_have_values(reference, current, name))]
    numeric = [name for name in names if is_numeric(reference[name])]
    methods = {name: NUMERIC if name in numeric else CATEGORICAL for name in names}
    thresholds = _thresholds(evidence, scores)
    _register({one.column: one.p_value for one in (*evidence.columns, *scores.values())})
    metrics = _our_figures(evidence, window) + _preset(features, methods, thresholds, drift_share)
    metrics += [
        ValueDrift(column=name, method=methods[name], threshold=thresholds[name]) for name in names[len(features) :]
    ]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in names if name not in numeric]
    )
    frames = [pd.DataFrame({name: sample[name] for name in names}) for sample in (current, reference)]
    datasets = (Dataset.from_pandas(frame, definition) for frame in frames)
    return Report(metrics).run(*datasets, **({} if window is None else description(window, version)))


def html(snapshot: Any) -> str:
    """A snapshot as one HTML document."""
    with tempfile.TemporaryDirectory() as scratch:
        snapshot.save_html(str(Path(scratch) / "report.html"))
        return (Path(scratch) / "report.html").read_text(encoding="utf-8")


def window_figures(figures: Mapping[str, float], hidden: bool = False) -> list[Any]:
    """Metrics by which the panels know a window's figures, those that are not defined left out."""
    metrics = []
    for name, value in figures.items():
        if math.isfinite(value):
            metric = WatchedFigure(name=name)
            metric._value, metric._hidden = value, hidden
            metrics.append(metric)
    return metrics


def description(window: MonitoredWindow, version: str) -> dict[str, Any]:
    """What an Evidently run says of its window: when, what, and by which run; keywords of ``Report.run``."""
    return {
        "timestamp": datetime.fromisoformat(window.moment),
        "name": f"{window.moment}: {window.state}",
        "tags": [f"version {version}", window.state],
        "metadata": {WINDOW: window.moment, VERSION: version, RUN: window.run_id},
    }


def add_windows(
    folder: Path, model: str, version: str, windows: Iterable[MonitoredWindow], moment: str, snapshot: Any
) -> None:
    """Put windows of a version into the workspace in ``folder``: those that it lacks, and the latest anew.

    Parameters
    ----------
    folder
        Evidently's workspace; made where it does not exist.
    windows
        Earlier windows; one that the workspace lacks is added with its figures alone.
    moment, snapshot
        Moment and report of the window at hand, see :func:`report`; it takes the place of an earlier run on it, and of
        the reports before it the newest 11 are kept.
    """
    with _opened(folder) as workspace:
        project = _project(workspace, model).id
        known = _known(workspace, project)
        for window in windows:
            if (version, window.moment) not in known:
                workspace.add_run(project, _figures_alone(window.figures, description(window, version)))
        earlier = known.pop((version, moment), None)
        if earlier is not None:
            workspace.delete_run(project, earlier[0])
        # Evidently stores each picture twice, and shows the one of the report.
        for result in snapshot.metric_results.values():
            result.widget = []
        workspace.add_run(project, snapshot)
        _cut_down(workspace, project, known.values())


def add_tag(folder: Path, model: str, version: str, moment: str, tag: str) -> None:
    """Add the result of a retraining to the tags of a window's run, which Evidently's list of runs shows.

    Parameters
    ----------
    moment
        Moment of the window that was retrained for; nothing happens where the workspace does not hold it.
    """
    with _opened(folder) as workspace:
        project = _project(workspace, model).id
        found = _known(workspace, project).get((version, moment))
        if found is not None:
            run_id, run = found
            run.tags.append(tag)
            workspace.state.write_snapshot(project, run_id, run)


def _our_figures(evidence: Evidence, window: MonitoredWindow | None) -> list[Any]:
    figures, of_panels = report_figures(evidence), []
    if window is not None:
        rows = tuple((name, f"{value:.4g}") for name, value in window.figures.items() if math.isfinite(value))
        title = f"Figures of the window {window.moment}"
        # The report opens with what drift means to the model.
        figures.insert(1, ReportFigure(title, float(len(rows)), ("Figure", "Value"), rows))
        of_panels = window_figures(window.figures, hidden=True)
    return [*(Figure(**vars(one)) for one in figures), *of_panels]


def _preset(
    features: list[str], methods: dict[str, str], thresholds: dict[str, float], drift_share: float
) -> list[Any]:
    # A preset without a column fails.
    if not features:
        return []
    by_column: dict[str, Any] = {
        "per_column_method": {name: methods[name] for name in features},
        "per_column_threshold": thresholds,
    }
    return [DataDriftPreset(columns=features, drift_share=drift_share, **by_column)]


def _drawn(reference: ComparedColumns, current: ComparedColumns, evidence: Evidence) -> list[str]:
    names = [one.column for one in in_order(evidence)]
    return [name for name in names if _both_have_values(reference, current, name)][:MOST_DRAWN]


def _both_have_values(reference: ComparedColumns, current: ComparedColumns, name: str) -> bool:
    return bool(name in reference and reference[name].notna().any() and current[name].notna().any())


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
    """Register tests that give our p-values, which are of all users and not of what is drawn."""

    def test(reference: pd.Series, current: pd.Series, _: ColumnType, threshold: float) -> tuple[float, bool]:
        p_value = p_values[str(reference.name)]
        return p_value, p_value <= threshold

    for name, kind, title in (
        (NUMERIC, ColumnType.Numerical, "KS and rank-sum p_value"),
        (CATEGORICAL, ColumnType.Categorical, "chi-square p_value"),
    ):
        register_stattest(StatTest(name, title, allowed_feature_types=[kind]), test)


@contextmanager
def _opened(folder: Path) -> Iterator[Workspace]:
    """The workspace, for one process at a time.

    Evidently writes a run in place and reads all runs when it opens the workspace: one that a killed job left
    half-written would end every later job. It is removed, so that its window is added anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, wait=True):
        for path in folder.glob("*/snapshots/*.json"):
            try:
                json.loads(path.read_bytes())
            except ValueError:
                log.warning("%s was not written to its end; it is removed", path)
                path.unlink()
        yield Workspace.create(str(folder))


def _known(workspace: Workspace, project: Any) -> dict[tuple[Any, Any], tuple[Any, Any]]:
    """Id and content of each run, by its version and window."""
    found = [(one, workspace.get_run(project, one)) for one in workspace.list_runs(project)]
    return {(run.metadata.get(VERSION), run.metadata.get(WINDOW)): (one, run) for one, run in found if run is not None}


def _cut_down(workspace: Workspace, project: Any, earlier: Iterable[tuple[Any, Any]]) -> None:
    reports = [(one, run) for one, run in earlier if len(_figures_of(run)) < len(run.metric_results)]
    for one, run in sorted(reports, key=lambda kept: kept[1].timestamp)[: 1 - MOST_REPORTS]:
        described = {name: getattr(run, name) for name in ("timestamp", "name", "tags", "metadata")}
        workspace.delete_run(project, one)
        workspace.add_run(project, _figures_alone(_figures_of(run), described))


def _figures_of(run: Any) -> dict[str, float]:
    metrics = [(one.metric_value_location.metric.params, one) for one in run.metric_results.values()]
    return {params["name"]: one.value for params, one in metrics if params["type"].endswith(WatchedFigure.__name__)}


def _project(workspace: Workspace, model: str) -> Any:
    for project in workspace.search_project(model):
        if project.name == model:
            return project
    project = workspace.create_project(model, "Windows of the versions that were in production.")
    for title, name in COUNTERS.items():
        panel = counter_panel(title, [_panel_metric(name)], aggregation="last", size="half")
        project.dashboard.add_panel(panel, tab=TAB)
    for title, names in LINES.items():
        panel = line_plot_panel(title, [_panel_metric(name) for name in names])
        project.dashboard.add_panel(panel, tab=TAB)
    return project


def _panel_metric(name: str) -> PanelMetric:
    return PanelMetric(metric=WatchedFigure.__name__, metric_labels={"name": name}, legend=name)


def _figures_alone(figures: Mapping[str, float], described: dict[str, Any]) -> Any:
    # Evidently runs on rows; what is shown was found from all users and needs none.
    rows = Dataset.from_pandas(pd.DataFrame({"window": [0.0]}), DataDefinition(numerical_columns=["window"]))
    return Report(window_figures(figures)).run(rows, None, **described)
