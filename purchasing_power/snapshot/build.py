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
from purchasing_power.snapshot.blocks import basket, behaviour, habits, mix, money, promotions, rhythm, social, writing
from purchasing_power.snapshot.cutoffs import cutoffs, end_of_data
from purchasing_power.snapshot.documents import documents, missing
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.history import TIMES, History
from purchasing_power.snapshot.outcome import outcome, outcome_names
from purchasing_power.snapshot.plan import Plan, fit_plan, reuse_plan
from purchasing_power.snapshot.settings import SnapshotSettings
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
    earlier: dict[str, Any] | None = None,
) -> UserTable:
    """Build the user table of a shop, features, documents and outcomes, sorted by cutoff and user.

    Parameters
    ----------
    earlier
        ``UserTableMeta.settings`` of an earlier table whose columns this one is to have, so that a model trained on
        it can score this one; ``None`` chooses categories, brands and events anew.

    Raises
    ------
    DataError
        If there are no orders or the cutoffs do not fit them.
    """
    settings = settings or SnapshotSettings()
    first_order, last_order = _span(tables)
    days = cutoffs(settings, first_order, last_order)
    plan = reuse_plan(earlier, tables, settings) if earlier else fit_plan(tables, settings, days[0])
    history = History(tables, days, plan)
    frame, states = _frame(history, progress)
    outcomes = outcome(history, frame[["user", "cutoff"]], end_of_data(last_order))
    log.info("user table: %d rows, %d cutoffs, %d columns", len(frame), len(days), frame.shape[1])
    return UserTable(_dated(pd.concat([frame, outcomes], axis=1)), _meta(plan, frame, states))


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


def features_of(plan: Plan) -> list[Feature]:
    """The features of every block under a plan, those of blocks that are off too."""
    return [feature for block in BLOCKS for feature in block.features(plan)]


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
    parts: list[pd.DataFrame] = [population]
    states: dict[str, str] = {}
    bar = tqdm(BLOCKS, desc="features", unit="block", disable=not progress)
    for block in bar:
        bar.set_postfix_str(block.name)
        states[block.name] = block.missing(history.tables) or "on"
        if states[block.name] == "on":
            parts.append(_block(block, history, population))
    states[PROFILE] = "on" if "users" in history.tables else "off: no users table"
    if states[PROFILE] == "on":
        parts.append(_profile(history, population))
    _check_names(parts)
    states[DOCUMENTS] = missing(history.tables) or "on"
    return pd.concat([*parts, documents(history, population)], axis=1), states


def _block(block: Block, history: History, population: pd.DataFrame) -> pd.DataFrame:
    """One block's columns for the population's rows, in their order, float64."""
    rows, features = block.rows(history), block.features(history.plan)
    values = rows.group_by("user", "cutoff").aggregate(**{each.name: each.expression(rows) for each in features})
    frame = population[["user", "cutoff"]].merge(values.to_pandas(), how="left", on=["user", "cutoff"])
    frame = frame[[each.name for each in features]].astype("float64").round(DECIMALS)
    return frame.fillna({each.name: each.empty for each in features if not np.isnan(each.empty)})


def _profile(history: History, population: pd.DataFrame) -> pd.DataFrame:
    """Profile columns of the population's rows, in their order, float64 or str; without a time, they count always.

    They are missing for a user without a profile, and for a column that the users table of a request lacks.
    """
    plan, users = history.plan, history.tables["users"]
    types = dict.fromkeys(plan.profile_numeric, "float64") | dict.fromkeys(plan.profile_categorical, "str")
    present = [name for name in types if name in users.columns]
    profiles = users.join(history.people, "user_id").select("user", *present).to_pandas()
    frame = population[["user"]].merge(profiles, how="left", on="user", validate="many_to_one")
    return frame.reindex(columns=list(types)).astype(types)


def _check_names(parts: list[pd.DataFrame]) -> None:
    names = pd.Index(np.concatenate([part.columns for part in parts]))
    if names.has_duplicates:
        repeated = sorted(set(names[names.duplicated()]))
        raise DataError(
            f"users: {len(repeated)} profile columns have the name of a feature ({', '.join(repeated)}); "
            "names must differ. Rename the profile columns."
        )


def _meta(plan: Plan, frame: pd.DataFrame, states: dict[str, str]) -> UserTableMeta:
    columns = frame.columns.drop([USER, "user", CUTOFF, DOCUMENTS])
    numeric = tuple(name for name in columns if frame[name].dtype == np.float64)
    features = features_of(plan)
    spend, orders = outcome_names(plan.horizon)
    return UserTableMeta(
        kind="panel",
        numeric=numeric,
        categorical=tuple(name for name in columns if name not in numeric),
        horizon_days=plan.horizon,
        lookback_days=plan.lookback,
        spend_outcome=spend,
        orders_outcome=orders,
        meanings={each.name: each.meaning for each in features},
        chinese_names={each.name: each.chinese_name for each in features},
        blocks=states,
        settings=asdict(plan),
    )


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """User ids and times in place of numbers and seconds."""
    dated = frame.drop(columns="user").assign(cutoff=frame[CUTOFF].to_numpy().astype("datetime64[s]"))
    return dated.astype({CUTOFF: "datetime64[us]", USER: "str"})
