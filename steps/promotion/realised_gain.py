"""What a promotion was expected to gain over the version it replaced, and what it gained once labels matured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Comparison, Resampling, compare_measures
from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Table
from tracking import registry, runs
from tracking.alias_audit import came_after
from tracking.ledger_record import Record


@dataclass(frozen=True)
class Gain:
    """One promotion to production.

    Attributes
    ----------
    version, before
        The version, and the one that it was compared with and replaced.
    expected
        The comparison as the gate saw it, a mapping of :class:`Comparison`.
    realised
        The same comparison on rows that came later; ``None`` where there are none.
    note
        What it was measured on, or why it was not.
    """

    version: str
    before: str
    expected: dict[str, Any]
    realised: Comparison | None
    note: str


def gains(kind: Kind, model: str, table: Table, known: Sequence[Record], resampling: Resampling) -> list[Gain]:
    """Each version that replaced another by the gate, latest last.

    Parameters
    ----------
    model
        Name of the registered model.
    table
        A table with rows that came later.
    known
        The records of the model's ledger.
    """
    found: dict[str, Gain] = {}
    for one in known:
        if one.action != "promote" or one.to_stage != registry.STAGING or one.against is None:
            continue
        expected = one.figures.get("production")
        if expected is not None and came_after(one.version, list(known)) == one.against:
            realised, note = _realised(kind, model, table, one, resampling)
            found[one.version] = Gain(one.version, one.against, expected, realised, note)
    return list(found.values())


def _realised(
    kind: Kind, model: str, table: Table, record: Record, resampling: Resampling
) -> tuple[Comparison | None, str]:
    """The comparison on rows that came later, and what it was measured on, or why it was not."""
    try:
        versions = [registry.find(model, one) for one in (record.version, str(record.against))]
        models = [registry.open_model(one, kind) for one in versions]
        looked_at = kind.read(runs.fetch(record.data["users"], "users")[0])
        rows = fresh_rows(kind, table, looked_at, models)
        if not len(rows.frame):
            return None, f"Not matured yet: {kind.matures(table)}"
        metric = record.figures["production"]["metric"]
        predictions = kind.predictions(models[0], rows, kind.constants(models[0], looked_at))
        before = replace(predictions, outputs=models[1].outputs(rows.frame))
        after, replaced = (kind.measure(models[0], metric, one) for one in (predictions, before))
        _, realised = compare_measures(metric, after, replaced, predictions.users, resampling)
    except DataError as error:
        return None, f"Not measured: {error}"
    users, newest = rows.frame[kind.group].nunique(), kind.moment(rows)
    until = "" if newest is None else f", up to {newest:%Y-%m-%d}"
    return realised, f"On {len(rows.frame):,} rows of {users:,} users{until}."


def fresh_rows(kind: Kind, table: Table, looked_at: Table, models: Sequence[Any]) -> Table:
    """Rows of known outcome that no model has learned from and whose outcome the gate did not know.

    Parameters
    ----------
    looked_at
        The table that the gate looked at.
    """
    used = kind.keys(looked_at.rows(kind.known_outcomes(looked_at)))
    kept = np.intersect1d(kind.known_outcomes(table), np.flatnonzero(~np.isin(kind.keys(table), used)))
    for model in models:
        kind.check_table(model, table)
        kept = np.intersect1d(kept, model.unseen(table))
    fresh: Table = table.rows(kept)
    return fresh
