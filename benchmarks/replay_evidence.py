"""What each policy of the replay looks at in a month: the monitor's evidence, or Evidently's preset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from monitoring.drift.comparison import compare
from monitoring.evidence import Evidence, detect
from monitoring.performance.estimate import estimated_performance
from monitoring.performance.realised import realised_performance
from monitoring.policy import past_jobs
from monitoring.policy.window_history import MonitoredWindow, WindowHistory
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.reference.columns import meanings
from purchasing_power.reference.measure import Reference, measure
from purchasing_power.reference.rows import one_per_group
from purchasing_power.snapshot.user_table import CUTOFF, UserTable

# Evidently calls a dataset drifted from this share of drifted columns on.
EVIDENTLY_SHARE = 0.5
_references: dict[int, tuple[PurchasingModel, Reference]] = {}


def evidence_of(model: PurchasingModel, made_from: UserTable, known: UserTable, moment: pd.Timestamp) -> Evidence:
    """The monitor's evidence at a month, with the reference performance of the table that the version was made from."""
    current = KIND.current_rows(model, known, moment.date(), 0)
    reference = _reference(model, made_from)
    comparison = compare(KIND, model, reference, current, 0)
    performance = realised_performance(KIND, model, reference.held_out, known, moment, 0)
    evidence = detect(comparison, meanings(model.meta), performance, 0).evidence
    return replace(
        evidence, estimates=estimated_performance(KIND, model, reference.held_out, model.outputs(current.frame), 0)
    )


def history_of(windows: list[MonitoredWindow], retrained: str, model: PurchasingModel, at: str) -> WindowHistory:
    """What came before a month, as the monitor reads it from its runs."""
    until = model.training.known_until
    return WindowHistory(
        windows=tuple(windows),
        days_since_retrain=past_jobs.days(retrained, at) if retrained else None,
        age_days=past_jobs.days(until, at) if until is not None else None,
    )


def evidently_drifted(model: PurchasingModel, made_from: UserTable, known: UserTable, moment: pd.Timestamp) -> bool:
    """Whether ``DataDriftPreset`` with its defaults calls the month's rows drifted from the training rows."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    trained_at = pd.to_datetime(list(model.training.cutoffs))
    then = one_per_group(made_from, np.flatnonzero(made_from.frame[CUTOFF].isin(trained_at)), "user_id", 0).frame
    now = known.frame[known.frame[CUTOFF] == moment]
    names = [name for name in model.meta.features if then[name].notna().any() and now[name].notna().any()]
    numeric = [name for name in names if name in model.meta.numeric]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in names if name not in numeric]
    )
    snapshot = Report([DataDriftPreset(columns=names)]).run(
        *(Dataset.from_pandas(rows[names].reset_index(drop=True), definition) for rows in (now, then))
    )
    shares = [
        metric["value"]["share"]
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith("DriftedColumnsCount")
    ]
    return bool(shares[0] >= EVIDENTLY_SHARE)


def _reference(model: PurchasingModel, made_from: UserTable) -> Reference:
    """Reference statistics of a version, made once, as the train step does."""
    cached = _references.get(id(model))
    if cached is None or cached[0] is not model:
        cached = (model, measure(KIND, model, made_from, 0))
        _references.clear()
        _references[id(model)] = cached
    return cached[1]
