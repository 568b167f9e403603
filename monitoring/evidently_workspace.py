"""Evidently's workspace of a model: one small run for each window, and panels that show their trend.

Importing it takes seconds: it is imported where a window is added.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring.evidently_names import (
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
from monitoring.windows import PastWindow

FOLDER = "evidently"
TAB = "Windows"
WINDOW, VERSION, RUN = "window", "version", "mlflow_run"
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


class WatchedFigureCalculation(SingleValueCalculation[WatchedFigure]):
    """Gives a :class:`WatchedFigure` the value that the job found."""

    def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
        """Give the figure as it is."""
        return self.result(self.metric._value)

    def display_name(self) -> str:
        """What the figure is called."""
        return self.metric.name


def add(folder: Path, model: str, version: str, windows: Iterable[PastWindow], latest: PastWindow) -> None:
    """Put windows of a version into the workspace in ``folder``: those that it lacks, and the latest anew.

    Parameters
    ----------
    folder
        Evidently's workspace; made where it does not exist.
    windows
        Earlier windows with their figures.
    latest
        The window at hand with its figures; it takes the place of an earlier run on it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace.create(str(folder))
    project = _project(workspace, model)
    known = {}
    for one in workspace.list_runs(project.id):
        run = workspace.get_run(project.id, one)
        if run is not None:
            known[(run.metadata.get(VERSION), run.metadata.get(WINDOW))] = one
    for window in [*windows, latest]:
        earlier = known.get((version, window.moment))
        if earlier is not None and window is latest:
            workspace.delete_run(project.id, earlier)
        if earlier is None or window is latest:
            workspace.add_run(project.id, _snapshot(window, version))


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


def _snapshot(window: PastWindow, version: str) -> Any:
    # Evidently runs on rows; what is shown was found from all users and needs none.
    rows = Dataset.from_pandas(pd.DataFrame({"window": [0.0]}), DataDefinition(numerical_columns=["window"]))
    return Report(_metrics(window.figures)).run(
        rows,
        None,
        timestamp=datetime.fromisoformat(window.moment),
        name=f"{window.moment}: {window.word}",
        tags=[f"version {version}", window.word],
        metadata={WINDOW: window.moment, VERSION: version, RUN: window.run_id},
    )


def _metrics(figures: Mapping[str, float]) -> list[Any]:
    made = []
    for name, value in figures.items():
        if math.isfinite(value):
            figure = WatchedFigure(name=name)
            figure._value = value
            made.append(figure)
    return made
