"""Evidently's workspace of a model: a run for each window, the newest with their report, and panels of their trend.

Importing it takes seconds: it is imported where a window is added.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring.policy.past_windows import PastWindow
from monitoring.reports.evidently_names import (
    DataDefinition,
    Dataset,
    PanelMetric,
    PrivateAttr,
    Report,
    SingleValue,
    SingleValueCalculation,
    SingleValueMetric,
    Workspace,
    counter_panel,
    line_plot_panel,
)
from purchasing_power.text.shards import locked

log = logging.getLogger(__name__)

FOLDER = "evidently"
TAB = "Windows"
WINDOW, VERSION, RUN = "window", "version", "mlflow_run"
# Evidently reads every run into memory, a report being 1.5 MB: older windows keep their figures alone.
MOST_REPORTS = 12
# Title of each panel, and the figures in it; those that no window has are left out by Evidently.
LINES = {
    "Realised performance, what was promised, and the naive baseline": (
        "realised.average_precision",
        "promised.average_precision",
        "naive.average_precision",
        "estimated.average_precision",
        "realised.auc",
        "estimated.auc",
        "realised.r2",
        "promised.r2",
        "realised.auc_macro",
        "promised.auc_macro",
    ),
    "Drift: share of the columns, and of the model's attention": ("drift.share", "drift.matter"),
    "Shares of the tiers": ("tier.high", "tier.middle", "tier.low"),
    "Campaign list: users on it, entered, left": ("campaign.users", "campaign.entered", "campaign.left"),
}
COUNTERS = {
    "Realised average precision": "realised.average_precision",
    "Estimated average precision": "estimated.average_precision",
    "Columns that drifted": "drift.columns",
    "Attention on what drifted": "drift.matter",
}


class WatchedFigure(SingleValueMetric):
    """One figure of a window; its value is no part of what it is, so that a panel joins the windows to a line."""

    name: str
    _value: float = PrivateAttr(default=math.nan)
    _hidden: bool = PrivateAttr(default=False)


class WatchedFigureCalculation(SingleValueCalculation[WatchedFigure]):
    """Gives a :class:`WatchedFigure` the value that the job found."""

    def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
        """Give the figure as it is; a hidden one stands in a table of the report and has no picture of its own."""
        found = self.result(self.metric._value)
        if self.metric._hidden:
            found.widget = []
        return found

    def display_name(self) -> str:
        """What the figure is called."""
        return self.metric.name


def watched(figures: Mapping[str, float], hidden: bool = False) -> list[Any]:
    """Metrics by which the panels know a window's figures, those that are not defined left out."""
    made = []
    for name, value in figures.items():
        if math.isfinite(value):
            figure = WatchedFigure(name=name)
            figure._value, figure._hidden = value, hidden
            made.append(figure)
    return made


def described(window: PastWindow, version: str) -> dict[str, Any]:
    """What an Evidently run says of its window: when, what, and by which run; keywords of ``Report.run``."""
    return {
        "timestamp": datetime.fromisoformat(window.moment),
        "name": f"{window.moment}: {window.word}",
        "tags": [f"version {version}", window.word],
        "metadata": {WINDOW: window.moment, VERSION: version, RUN: window.run_id},
    }


def add(
    folder: Path, model: str, version: str, windows: Iterable[PastWindow], moment: str, snapshot: Any
) -> None:
    """Put windows of a version into the workspace in ``folder``: those that it lacks, and the latest anew.

    Parameters
    ----------
    folder
        Evidently's workspace; made where it does not exist.
    windows
        Earlier windows; one that the workspace lacks is added with its figures alone.
    moment, snapshot
        Moment and report of the window at hand, see ``evidently_report.report``; it takes the place of an earlier
        run on it, and of the reports before it the newest 11 are kept.
    """
    with _opened(folder) as workspace:
        project = _project(workspace, model).id
        known = _known(workspace, project)
        for window in windows:
            if (version, window.moment) not in known:
                workspace.add_run(project, _figures_alone(window.figures, described(window, version)))
        earlier = known.pop((version, moment), None)
        if earlier is not None:
            workspace.delete_run(project, earlier[0])
        # Evidently stores each picture twice, and shows the one of the report.
        for result in snapshot.metric_results.values():
            result.widget = []
        workspace.add_run(project, snapshot)
        _cut_down(workspace, project, known.values())


def tell(folder: Path, model: str, version: str, moment: str, came: str) -> None:
    """Add what came of a retraining to the tags of a window's run, which Evidently's list of runs shows.

    Parameters
    ----------
    moment
        Moment of the window that was retrained for; nothing happens where the workspace does not hold it.
    came
        A few words.
    """
    with _opened(folder) as workspace:
        project = _project(workspace, model).id
        found = _known(workspace, project).get((version, moment))
        if found is not None:
            one, run = found
            run.tags.append(came)
            workspace.state.write_snapshot(project, one, run)


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
    return {
        (run.metadata.get(VERSION), run.metadata.get(WINDOW)): (one, run)
        for one, run in found
        if run is not None
    }


def _cut_down(workspace: Workspace, project: Any, earlier: Iterable[tuple[Any, Any]]) -> None:
    reports = [(one, run) for one, run in earlier if len(_figures_of(run)) < len(run.metric_results)]
    for one, run in sorted(reports, key=lambda kept: kept[1].timestamp)[: 1 - MOST_REPORTS]:
        told = {name: getattr(run, name) for name in ("timestamp", "name", "tags", "metadata")}
        workspace.delete_run(project, one)
        workspace.add_run(project, _figures_alone(_figures_of(run), told))


def _figures_of(run: Any) -> dict[str, float]:
    metrics = [(one.metric_value_location.metric.params, one) for one in run.metric_results.values()]
    return {told["name"]: one.value for told, one in metrics if told["type"].endswith(WatchedFigure.__name__)}


def _project(workspace: Workspace, model: str) -> Any:
    for project in workspace.search_project(model):
        if project.name == model:
            return project
    project = workspace.create_project(model, "Windows of the versions that were in production.")
    for title, name in COUNTERS.items():
        panel = counter_panel(title, [_value(name)], aggregation="last", size="half")
        project.dashboard.add_panel(panel, tab=TAB)
    for title, names in LINES.items():
        project.dashboard.add_panel(line_plot_panel(title, [_value(name) for name in names]), tab=TAB)
    return project


def _value(name: str) -> PanelMetric:
    return PanelMetric(metric=WatchedFigure.__name__, metric_labels={"name": name}, legend=name)


def _figures_alone(figures: Mapping[str, float], told: dict[str, Any]) -> Any:
    # Evidently runs on rows; what is shown was found from all users and needs none.
    rows = Dataset.from_pandas(pd.DataFrame({"window": [0.0]}), DataDefinition(numerical_columns=["window"]))
    return Report(watched(figures)).run(rows, None, **told)
