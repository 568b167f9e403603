"""What a promotion promised over the version it replaced, and what came of it once labels ripened."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Comparison, paired_bootstrap
from purchasing_power.evaluation.holdout import comparable
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys, unseen
from purchasing_power.model.splits import known_outcomes
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable
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
    promised
        The comparison as the gate saw it, a mapping of :class:`Comparison`.
    realised
        The same comparison on rows that came later; ``None`` where there are none.
    note
        What it was measured on, or why it was not.
    """

    version: str
    before: str
    promised: dict[str, Any]
    realised: Comparison | None
    note: str


def gains(args: argparse.Namespace, table: UserTable, known: list[Record]) -> list[Gain]:
    """Each version that replaced another by the gate, latest last."""
    found: dict[str, Gain] = {}
    for one in known:
        if one.action != "promote" or one.to_stage != registry.STAGING or one.against is None:
            continue
        promised = one.figures.get("production")
        if promised is not None and came_after(one.version, known) == one.against:
            found[one.version] = _gain(args, table, one, promised)
    return list(found.values())


def _gain(args: argparse.Namespace, table: UserTable, record: Record, promised: dict[str, Any]) -> Gain:
    against = str(record.against)
    try:
        models = [registry.open_bundle(registry.find(args.model, one)) for one in (record.version, against)]
        looked_at = user_table.read(runs.fetch(record.data["users"], "users")[0])
    except DataError as error:
        return Gain(record.version, against, promised, None, f"Not measured: {error}")
    rows = fresh_rows(table, looked_at, models)
    if not len(rows.frame):
        return Gain(record.version, against, promised, None, _not_ripe(table))
    try:
        realised = _compared(args, rows, models, promised)
    except DataError as error:
        return Gain(record.version, against, promised, None, f"Not measured: {error}")
    at = ""
    if CUTOFF in rows.frame:
        at = f", cutoffs to {rows.frame[CUTOFF].max():%Y-%m-%d}"
    return Gain(
        record.version,
        against,
        promised,
        realised,
        f"On {len(rows.frame):,} rows of {rows.frame[USER].nunique():,} users{at}.",
    )


def fresh_rows(table: UserTable, looked_at: UserTable, models: list[PurchasingModel]) -> UserTable:
    """Rows of known outcome that no model has seen and whose outcome the gate did not know.

    Parameters
    ----------
    looked_at
        The user table that the gate looked at.
    """
    used = row_keys(looked_at.rows(known_outcomes(looked_at)))
    kept = np.intersect1d(known_outcomes(table), np.flatnonzero(~np.isin(row_keys(table), used)))
    for model in models:
        if model.meta.kind != table.meta.kind:
            return table.rows(kept[:0])
        kept = np.intersect1d(kept, unseen(model, table))
    return table.rows(kept)


def _compared(
    args: argparse.Namespace, rows: UserTable, models: list[PurchasingModel], promised: dict[str, Any]
) -> Comparison:
    target, metric = models[0].target, promised["metric"]
    labels = target.labels(rows.frame)
    (y, mine), (_, theirs) = (
        comparable(target, metric, labels, model.outputs(rows.frame)) for model in models
    )
    draws = {"replicates": args.replicates, "seed": args.seed, "level": args.level}
    return paired_bootstrap(y, mine, theirs, rows.frame[USER], metric=metric, **draws)


def _not_ripe(table: UserTable) -> str:
    if table.meta.kind == "flat":
        return "Not ripe yet: the user table holds no row that is new since the gate."
    over = table.frame[CUTOFF].max() + pd.Timedelta(days=int(table.meta.horizon_days or 0))
    return f"Not ripe yet: the outcome of the table's latest cutoff is complete on {over:%Y-%m-%d}."
