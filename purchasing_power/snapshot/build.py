"""Builds the user table: every feature block at every cutoff, documents and outcomes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from tqdm import tqdm

from purchasing_power.errors import DataError
from purchasing_power.snapshot.blocks import (
    basket,
    behaviour,
    habits,
    mix,
    money,
    promotions,
    rhythm,
    social,
    writing,
)
from purchasing_power.snapshot.blocks.profile import profile
from purchasing_power.snapshot.documents import documents, missing
from purchasing_power.snapshot.feature import Block
from purchasing_power.snapshot.history import TIMES, History
from purchasing_power.snapshot.outcome import names, outcome
from purchasing_power.snapshot.plan import keep_plan, make_plan
from purchasing_power.snapshot.settings import Plan, SnapshotSettings, cutoffs, end_of_data
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTable, UserTableMeta

BLOCKS: list[Block] = [
    money.BLOCK,
    rhythm.BLOCK,
    basket.BLOCK,
    *promotions.BLOCKS,
    *mix.BLOCKS,
    *habits.BLOCKS,
    social.BLOCK,
    behaviour.BLOCK,
    writing.BLOCK,
]
PROFILE = "profile"
DECIMALS = 6

log = logging.getLogger(__name__)


def build(
    tables: dict[str, ir.Table],
    settings: SnapshotSettings | None = None,
    progress: bool = True,
    kept: dict[str, Any] | None = None,
) -> UserTable:
    """Build the user table of a shop, features, documents and outcomes, sorted by cutoff and user.

    Parameters
    ----------
    kept
        ``UserTableMeta.settings`` of an earlier table whose columns are kept, so that a model trained on
        it can score this one; ``None`` chooses categories, brands and events anew.

    Raises
    ------
    DataError
        If there are no orders or the cutoffs do not fit them.
    """
    settings = settings or SnapshotSettings()
    first_order, last_order = _span(tables)
    days = cutoffs(settings, first_order, last_order)
    plan = keep_plan(kept, tables, settings) if kept else make_plan(tables, settings, days[0])
    history = History(tables, days, plan)
    frame, states = _frame(history, progress)
    found = outcome(history, frame[["user", "cutoff"]], end_of_data(last_order))
    spend, orders = names(plan.horizon)
    log.info("user table: %d rows, %d cutoffs, %d columns", len(frame), len(days), frame.shape[1])
    numeric, categorical = _kinds(frame)
    meta = UserTableMeta(
        kind="panel",
        numeric=numeric,
        categorical=categorical,
        horizon_days=plan.horizon,
        lookback_days=plan.lookback,
        spend_outcome=spend,
        orders_outcome=orders,
        meanings={each.name: each.meaning for block in BLOCKS for each in block.features(plan)},
        blocks=states,
        settings=asdict(plan),
    )
    return UserTable(_dated(pd.concat([frame, found], axis=1)), meta)


def features(
    tables: dict[str, ir.Table], days: Sequence[date], settings: dict[str, Any], progress: bool = False
) -> pd.DataFrame:
    """Features and documents at given cutoffs, as a model that was trained on ``settings`` expects them.

    Parameters
    ----------
    days
        Cutoffs (midnights UTC).
    settings
        ``UserTableMeta.settings`` of the training table. A block whose table is missing has no columns.
    """
    return _dated(_frame(History(tables, days, Plan(**settings)), progress)[0])


def _span(tables: dict[str, ir.Table]) -> tuple[datetime, datetime]:
    if "orders" not in tables:
        raise DataError(
            f"shop: got the tables {', '.join(sorted(tables)) or 'none'}; orders is required. "
            "Give a shop folder that holds orders.parquet."
        )
    time = tables["orders"][TIMES["orders"]]
    span = tables["orders"].aggregate(first=time.min(), last=time.max()).to_pandas().iloc[0]
    if pd.isna(span["first"]):
        raise DataError("orders: got 0 rows; a snapshot needs orders. Give a shop folder that holds some.")
    return span["first"].to_pydatetime(), span["last"].to_pydatetime()


def _frame(history: History, progress: bool) -> tuple[pd.DataFrame, dict[str, str]]:
    """Population, numeric and categorical features and documents, with the state of each block."""
    population = history.population.to_pandas().sort_values(["cutoff", "user"], ignore_index=True)
    parts, states = [population], {}
    bar = tqdm(BLOCKS, desc="features", unit="block", disable=not progress)
    for block in bar:
        bar.set_postfix_str(block.name)
        states[block.name] = block.missing(history.tables) or "on"
        if states[block.name] == "on":
            parts.append(_block(block, history, population))
    states[PROFILE] = "on" if "users" in history.tables else "off: no users table"
    if states[PROFILE] == "on":
        parts.append(profile(history, population))
    _check_names(parts)
    states[DOCUMENTS] = missing(history.tables) or "on"
    return pd.concat([*parts, documents(history, population)], axis=1), states


def _block(block: Block, history: History, population: pd.DataFrame) -> pd.DataFrame:
    """One block's columns for the population's rows, in their order, float64."""
    rows, wanted = block.rows(history), block.features(history.plan)
    sums = rows.group_by("user", "cutoff").aggregate(**{each.name: each.expression(rows) for each in wanted})
    found = population[["user", "cutoff"]].merge(sums.to_pandas(), how="left", on=["user", "cutoff"])
    found = found[[each.name for each in wanted]].astype("float64").round(DECIMALS)
    return found.fillna({each.name: each.empty for each in wanted if not np.isnan(each.empty)})


def _check_names(parts: list[pd.DataFrame]) -> None:
    names = pd.Index(np.concatenate([part.columns for part in parts]))
    if names.has_duplicates:
        repeated = sorted(set(names[names.duplicated()]))
        raise DataError(
            f"users: {len(repeated)} profile columns have the name of a feature ({', '.join(repeated)}); "
            "names must differ. Rename the profile columns."
        )


def _kinds(frame: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    columns = frame.columns.drop([USER, "user", CUTOFF, DOCUMENTS])
    numeric = tuple(name for name in columns if frame[name].dtype == np.float64)
    return numeric, tuple(name for name in columns if name not in numeric)


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """User ids and times in place of numbers and seconds."""
    dated = frame.drop(columns="user").assign(cutoff=frame[CUTOFF].to_numpy().astype("datetime64[s]"))
    return dated.astype({CUTOFF: "datetime64[us]", USER: "str"})
