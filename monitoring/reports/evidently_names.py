"""What of Evidently is used here; the one module that imports it.

Importing it takes seconds: ``evidently_report`` and ``evidently_workspace``, which stand on it, are imported where a
report is made or a window added.
"""

from __future__ import annotations

import os

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

__all__ = [
    "ColumnType",
    "CounterData",
    "DataDefinition",
    "DataDriftPreset",
    "Dataset",
    "PanelMetric",
    "PrivateAttr",
    "Report",
    "SingleValue",
    "SingleValueCalculation",
    "SingleValueMetric",
    "StatTest",
    "ValueDrift",
    "Workspace",
    "counter",
    "counter_panel",
    "line_plot_panel",
    "register_stattest",
    "table_data",
]
