"""Realised performance: the model against its reference performance and the baseline, once labels matured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from monitoring.performance.results import Performance, RealisedFigure, ReferencePerformance
from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Resampling
from purchasing_power.evaluation.holdout import HeldOutFigure, Predictions, evaluated
from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Model, Table
from purchasing_power.reference.held_out import HeldOut, matured_rows

REPLICATES = 1000


def realised_performance(
    kind: Kind,
    model: Model,
    held: HeldOut,
    table: Table,
    latest: pd.Timestamp | None,
    seed: int,
    recorded: Mapping[str, ReferencePerformance] | None = None,
) -> Performance:
    """Evaluate the model on the newest rows whose labels matured after its reference performance was measured.

    A table with cutoffs is evaluated at its newest cutoff of matured labels up to ``latest``, another one on all its
    rows. Rows that the model was fitted, calibrated or promoted on do not count.

    Parameters
    ----------
    held
        Predictions on the held-out rows: the reference performance of a figure that is not in ``recorded``.
    table
        The current table.
    recorded
        Reference performance that the gate recorded, by metric, see :func:`recorded_performance`.
    """
    if not kind.metrics(model):
        return Performance((), f"A {kind.name} model learns without labels: no outcome can tell how right it is.", 0)
    rows = matured_rows(kind, model, held, table, latest)
    if not len(rows.frame):
        why = f"No label has matured since the model was promoted: {kind.matures(table, latest)}"
        return Performance((), why, 0)
    try:
        figures = _figures(kind, model, kind.predictions(model, rows, held.constants), held, seed, recorded or {})
    except DataError as error:
        return Performance((), f"The rows cannot be evaluated: {error}", 0)
    if not np.isfinite(figures[0].figure.low):
        return Performance((), f"The {len(rows.frame):,} rows of matured labels hold a single class.", 0)
    users, moment = int(rows.frame[kind.group].nunique()), kind.moment(rows)
    day = "" if moment is None else f"{moment:%Y-%m-%d}"
    at = f" at cutoff {day}" if day and kind.has_cutoffs(rows) else f" up to {day}" if day else ""
    return Performance(figures, f"Evaluated on {len(rows.frame):,} rows of {users:,} users{at}.", users, day)


def _figures(
    kind: Kind,
    model: Model,
    predictions: Predictions,
    held: HeldOut,
    seed: int,
    recorded: Mapping[str, ReferencePerformance],
) -> tuple[RealisedFigure, ...]:
    """Every figure of the rows, each with its reference: as the gate recorded it, else on the held-out rows."""

    def figure(name: str, of: Predictions) -> HeldOutFigure:
        return evaluated(kind, model, name, of, Resampling(REPLICATES, seed))

    known = dict(recorded)
    for name in kind.metrics(model):
        if name not in known and held.predictions is not None:
            before = figure(name, held.predictions)
            known[name] = ReferencePerformance(before.figure, before.against_baseline)
    now = {name: figure(name, predictions) for name in kind.metrics(model)}
    return tuple(RealisedFigure(one.figure, one.against_baseline, known.get(name)) for name, one in now.items())
