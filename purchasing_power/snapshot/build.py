"""Builds the user table: every feature block at every cutoff, documents and outcomes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
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
    returns,
    rhythm,
    social,
    writing,
)
from purchasing_power.snapshot.cutoffs import LEAST_HISTORY, cutoffs
from purchasing_power.snapshot.documents import documents, missing
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.history import History
from purchasing_power.snapshot.order_dates import OrderDates, order_dates
from purchasing_power.snapshot.order_rhythm import OrderRhythm, order_rhythm, proposal, seen
from purchasing_power.snapshot.outcome import outcome, outcome_names
from purchasing_power.snapshot.plan import Plan, fit_plan, reuse_plan
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTable, UserTableMeta

BLOCKS: list[Block] = [
    money.BLOCK,
    returns.BLOCK,
    rhythm.BLOCK,
    basket.BLOCK,
    *promotions.BLOCKS,
    *mix.BLOCKS,
    *habits.BLOCKS,
    social.BLOCK,
    behaviour.BLOCK,
    writing.BLOCK,
]
PROFILE, AMOUNTS = "profile", "amounts"
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
        If there are no orders or no order has a user, the cutoffs do not fit the orders, or profile columns have
        names that the table needs.
    """
    settings = settings or SnapshotSettings()
    dates = order_dates(tables, settings.lookback)
    days = cutoffs(settings, dates.first, dates.last, lambda: seen(dates, _rhythm(History(tables, [], Plan()), dates)))
    plan = reuse_plan(earlier, tables, settings) if earlier else fit_plan(tables, settings, days[0])
    _check_names(plan)
    history = History(tables, days, plan)
    rhythm = _rhythm(history, dates)
    frame, states = _frame(history, progress)
    outcomes = outcome(history, frame[["user", "cutoff"]], dates.last, seen(dates, rhythm), rhythm.horizon)
    meta = _meta(history, frame, states, rhythm)
    meta = replace(meta, notes=(*dates.notes, *meta.notes))
    log.info("user table: %d rows, %d cutoffs, %d columns", len(frame), len(days), frame.shape[1])
    for note in (meta.population_text, *meta.notes):
        log.info("%s", note)
    return UserTable(_dated(pd.concat([frame, outcomes], axis=1)), meta)


def _rhythm(history: History, dates: OrderDates) -> OrderRhythm:
    rhythm = order_rhythm(history, (dates.last - dates.first).days - LEAST_HISTORY)
    if not rhythm.users:
        raise DataError(
            "orders: got no row with a user_id; a snapshot needs orders of users. Name the column that holds the "
            "customer as user_id."
        )
    return rhythm


def features(
    tables: dict[str, ir.Table], days: Sequence[date], settings: dict[str, Any], progress: bool = False
) -> pd.DataFrame:
    """Features and documents of every user that the tables name, at given cutoffs, as a model expects them.

    A user needs no dated sign: who asks for the features of a user knows the user.

    Parameters
    ----------
    days
        Cutoffs (midnights UTC).
    settings
        ``UserTableMeta.settings`` of the table that the model was trained on. A block whose table is missing has no
        columns.
    """
    return _dated(_frame(History(tables, days, Plan.of(settings), everybody=True), progress)[0])


def features_of(plan: Plan) -> list[Feature]:
    """The features of every block under a plan, those of blocks that are off too."""
    return [feature for block in BLOCKS for feature in block.columns(plan)]


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
    states[AMOUNTS] = "on" if history.plan.amounts else "off: orders has no amount column"
    states[PROFILE] = "on" if "users" in history.tables else "off: no users table"
    if states[PROFILE] == "on":
        parts.append(_profile(history, population))
    states[DOCUMENTS] = missing(history.tables) or "on"
    return pd.concat([*parts, documents(history, population)], axis=1), states


def _block(block: Block, history: History, population: pd.DataFrame) -> pd.DataFrame:
    """One block's columns for the population's rows, in their order, float64."""
    rows, features = block.rows(history), block.columns(history.plan)
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
    people = history.people.select("user_id", "user")
    profiles = users.select("user_id", *present).join(people, "user_id").select("user", *present).to_pandas()
    frame = population[["user"]].merge(profiles, how="left", on="user", validate="many_to_one")
    return frame.reindex(columns=list(types)).astype(types)


def _check_names(plan: Plan) -> None:
    """Refuse profile columns with names that the table needs, in any case: an engine may not tell those apart."""
    ours = {USER, "user", CUTOFF, DOCUMENTS, *outcome_names(plan.horizon), *(each.name for each in features_of(plan))}
    lower = {name.lower() for name in ours}
    names = [*plan.profile_numeric, *plan.profile_categorical]
    taken = sorted(name for name in names if name.strip().lower() in lower)
    if taken:
        raise DataError(
            f"users: {len(taken)} profile columns have the name of a feature or of another column of the user table "
            f"({', '.join(taken)}); names must differ. Rename them."
        )


def _meta(history: History, frame: pd.DataFrame, states: dict[str, str], rhythm: OrderRhythm) -> UserTableMeta:
    columns, plan = frame.columns.drop([USER, "user", CUTOFF, DOCUMENTS]), history.plan
    numeric = tuple(name for name in columns if frame[name].dtype == np.float64)
    features = features_of(plan)
    spend, orders = outcome_names(plan.horizon)
    proposed = proposal(rhythm, plan.horizon)
    return UserTableMeta(
        kind="panel",
        numeric=numeric,
        categorical=tuple(name for name in columns if name not in numeric),
        horizon_days=plan.horizon,
        lookback_days=plan.lookback,
        spend_outcome=spend if plan.amounts else None,
        orders_outcome=orders,
        meanings={each.name: each.meaning for each in features},
        chinese_names={each.name: each.chinese_name for each in features},
        blocks=states,
        settings=asdict(plan),
        population_rows=history.population_rows,
        suited_horizon=rhythm.horizon,
        notes=(proposed,) if proposed else (),
    )


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """User ids and times in place of numbers and seconds."""
    dated = frame.drop(columns="user").assign(cutoff=frame[CUTOFF].to_numpy().astype("datetime64[s]"))
    return dated.astype({CUTOFF: "datetime64[us]", USER: "str"})
