"""Rows of a request against the contract: their values state their types, so that nothing is guessed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.shop.contract import DEFAULTS, EARLIEST, KEYS, MAX_AMOUNT, TABLES, Column
from purchasing_power.shop.values import as_numbers, as_text, as_times

TYPES = {"id": "str", "text": "str", "number": "float64", "money": "float64", "time": "datetime64[us]"}
_UNREAD = {"number": "is not a number", "money": "is not a number", "time": "is not a time"}
_READERS = {"id": as_text, "text": as_text, "number": as_numbers, "money": as_numbers, "time": as_times}
# What an export needs and a request does not: it holds what was bought, in the currency that the model knows.
_OF_EXPORTS = ("status", "currency")
# Without them a line is no order line; a file may lack them, and the intake then fills them in.
_NEEDED = {"orders": ("order_id", "product_id", "quantity"), "returns": ("user_id",)}
MONEY = ("amount", "discount", "coupon_discount")


def column_types(name: str) -> dict[str, str]:
    """Types of a table's columns in a frame."""
    return {column: TYPES[rule.kind] for column, rule in TABLES[name].items() if column not in _OF_EXPORTS}


def read_records(name: str, raw: pd.DataFrame, amounts: bool = True) -> tuple[pd.DataFrame, list[str]]:
    """Rows with the contract's types, and the rules that some of them break, such as ``amount is below 0``.

    Order lines of one product in one order are added up, as the intake does; ``amounts`` tells whether they need one.

    Raises
    ------
    DataError
        If a column that is needed is missing.
    """
    rules = TABLES[name]
    needs = (*_NEEDED.get(name, ()), *(("amount",) if name == "orders" and amounts else ()))
    needed = [column for column, rule in rules.items() if rule.needed or column in needs]
    missing = [column for column in needed if column not in raw]
    if missing:
        raise DataError(f"{name}: {', '.join(missing)} is missing; needed are {', '.join(needed)}. Send it.")
    columns, reasons = {}, []
    for column in (column for column in rules if column in raw):
        values, wrong = _read(rules[column], raw[column], column in needed)
        columns[column] = values
        reasons += [f"{column} {rule}" for rule, broken in wrong.items() if broken.any()]
    frame = pd.DataFrame(columns)
    for column, default in DEFAULTS.get(name, {}).items():
        frame[column] = frame[column].fillna(default) if column in frame else default
    if name == "orders" and not reasons:
        return _added_up(frame), reasons
    if name in KEYS and frame.duplicated(list(KEYS[name])).any():
        reasons.append(f"key ({', '.join(KEYS[name])}) repeats an earlier row")
    return frame, reasons


def _read(rule: Column, raw: pd.Series, needed: bool) -> tuple[pd.Series, dict[str, pd.Series]]:
    values = _READERS[rule.kind](raw)
    unread = values.isna() & raw.notna() if rule.kind in _UNREAD else pd.Series(False, index=raw.index)
    wrong = {_UNREAD.get(rule.kind, ""): unread}
    if needed:
        wrong["is missing"] = values.isna() & ~unread
    if rule.kind == "time":
        wrong["is before 1970"] = values < EARLIEST
    elif rule.kind in _UNREAD:
        wrong |= {"is below 0": values < 0, "is infinite": np.isinf(values)}
    if rule.kind == "money":
        wrong[f"is above {MAX_AMOUNT:,.0f}"] = (values > MAX_AMOUNT) & np.isfinite(values)
    return values, wrong


def _added_up(lines: pd.DataFrame) -> pd.DataFrame:
    keys = list(KEYS["orders"])
    if not lines.duplicated(keys).any():
        return lines
    others = lines.columns.drop([*keys, "ordered_at"])
    how = {name: "sum" if lines[name].dtype == np.float64 else "first" for name in others}
    day = lines["ordered_at"].dt.floor("D").rename("day")
    return lines.groupby([*keys, day], sort=False).agg({"ordered_at": "min", **how}).reset_index().drop(columns="day")
