"""Checks of one shop table: types from the contract, then its rules, and the reason for each bad row."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.dtypes import is_datetime, is_numeric
from pandera.errors import SchemaErrors

from purchasing_power.errors import DataError
from purchasing_power.shop.contract import DEFAULTS, KEYS, OPEN_TABLES, REMEDIES, USER_COLUMNS, key_schema
from purchasing_power.shop.values import as_numbers, as_text, as_times, open_column

_LONGEST_VALUE = 40


@dataclass(frozen=True)
class TableCounts:
    """Rows of one table: read, kept and quarantined, with the count and first row (1-based) of each reason.

    A row with two faults counts once as quarantined and once under each reason.
    """

    read: int
    kept: int
    quarantined: int
    reasons: dict[str, int] = field(default_factory=dict)
    first_rows: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckedTable:
    """Good rows with contract types; bad rows as they were read, with ``row`` and ``reason``; the counts."""

    good: pd.DataFrame
    bad: pd.DataFrame
    counts: TableCounts
    notes: tuple[str, ...] = ()


def check_table(name: str, raw: pd.DataFrame, schema: pa.DataFrameSchema) -> CheckedTable:
    """Split a table into rows that hold to the contract and rows that do not.

    Raises
    ------
    DataError
        If the table is empty, lacks a column or holds no good row.
    """
    _refuse_unusable(name, raw, schema)
    raw = raw.reset_index(drop=True)
    typed, faults, notes = _typed(name, raw, schema)
    faults = pd.concat([faults, _rule_faults(typed, schema, faults)], ignore_index=True)
    good = typed[~typed.index.isin(faults["row"])]
    # Keys are compared among good rows only: a bad line must not take the place of a good one.
    repeats = _repeat_faults(name, good)
    good = good[~good.index.isin(repeats["row"])].reset_index(drop=True)
    faults = pd.concat([faults, repeats], ignore_index=True)
    counts = _counts(len(raw), len(good), faults)
    if not len(good):
        raise DataError(f"{name}: all {len(raw)} rows are bad: {describe(counts)}")
    return CheckedTable(good, _bad_rows(name, raw, schema, faults), counts, tuple(notes))


def describe(counts: TableCounts) -> str:
    """The reasons of a table as text: count, first row and what to do; never a value of a row."""
    parts = []
    for reason, count in counts.reasons.items():
        rows = f"{count:,} {'row' if count == 1 else 'rows'}"
        parts.append(f"{rows}: {reason} (first: row {counts.first_rows[reason]}). {_remedy(reason)}")
    return " ".join(parts)


def _remedy(reason: str) -> str:
    return next((text for rule, text in REMEDIES.items() if rule in reason), "")


def _refuse_unusable(name: str, raw: pd.DataFrame, schema: pa.DataFrameSchema) -> None:
    required = [column for column, part in schema.columns.items() if part.required]
    missing = [column for column in required if column not in raw]
    if missing:
        raise DataError(
            f"{name}: column {', '.join(missing)} is missing (got: {', '.join(map(str, raw.columns))}); "
            f"needed are {', '.join(required)}. Add or rename the column."
        )
    if not len(raw):
        raise DataError(
            f"{name}: the table has no rows; at least one is needed. Fill it, or take an optional table away."
        )


def _typed(name: str, raw: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Give each column its contract type; what cannot be read becomes missing and a fault."""
    columns, faults, notes = {}, [], []
    for column, part in schema.columns.items():
        default = DEFAULTS.get(name, {}).get(column)
        if column in raw:
            columns[column], unread, rule = _column(raw[column], part)
            faults.append(_faults(raw[column], unread, column, rule))
            if default is not None:
                columns[column] = columns[column].where(raw[column].notna(), default)
        elif default is not None:
            columns[column] = pd.Series(default, index=raw.index)
    for column in _extras(raw, schema):
        extra, note = None, "is not in the contract: left out"
        if name in OPEN_TABLES:
            extra, note = open_column(raw[column])
        if extra is not None:
            columns[column] = extra
        if note:
            notes.append(f"{name}.{column} {note}")
    return pd.DataFrame(columns), pd.concat(faults, ignore_index=True), notes


def _extras(raw: pd.DataFrame, schema: pa.DataFrameSchema) -> list[str]:
    return [column for column in raw.columns if column not in schema.columns]


def _column(values: pd.Series, part: pa.Column) -> tuple[pd.Series, pd.Series, str]:
    if is_datetime(part.dtype):
        typed, rule = as_times(values), "is not a time"
    elif is_numeric(part.dtype):
        typed, rule = as_numbers(values), "is not a number"
    else:
        typed, rule = as_text(values), "is missing"
        return typed, pd.Series(False, index=values.index), rule
    return typed, typed.isna() & values.notna(), rule


def _faults(values: pd.Series, at: pd.Series, column: str, rule: str) -> pd.DataFrame:
    bad = values[at].astype("object").to_numpy()
    return pd.DataFrame({"row": np.flatnonzero(at), "column": column, "rule": rule, "value": bad})


def _rule_faults(typed: pd.DataFrame, schema: pa.DataFrameSchema, known: pd.DataFrame) -> pd.DataFrame:
    """What pandera finds, less the gaps that come from values which could not be read."""
    try:
        schema.validate(typed, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
    else:
        return known.iloc[:0]
    stray = cases[cases["index"].isna()]
    if len(stray):
        rules = ", ".join(stray["check"].astype(str))
        raise DataError(f"{schema.name}: the table as a whole breaks the rules {rules}. Mend its columns.")
    faults = pd.DataFrame(
        {
            "row": cases["index"].astype("int64"),
            "column": cases["column"],
            "rule": cases["check"].replace("not_nullable", "is missing"),
            "value": cases["failure_case"],
        }
    )
    unread = pd.MultiIndex.from_frame(known[["row", "column"]])
    return faults[~pd.MultiIndex.from_frame(faults[["row", "column"]]).isin(unread)]


def _repeat_faults(name: str, good: pd.DataFrame) -> pd.DataFrame:
    rows = np.array([], dtype=np.int64)
    try:
        key_schema(name).validate(good, lazy=True)
    except SchemaErrors as error:
        rows = error.failure_cases["index"].astype("int64").unique()
    key = f"key ({', '.join(KEYS.get(name, ()))})"
    rule = "repeats an earlier row"
    return pd.DataFrame({"row": np.sort(rows), "column": key, "rule": rule, "value": None})


def _counts(read: int, kept: int, faults: pd.DataFrame) -> TableCounts:
    groups = (faults["column"] + " " + faults["rule"]).rename("reason")
    reasons = faults["row"].groupby(groups, sort=False).agg(["size", "min"]).sort_values("min", kind="stable")
    sizes = {str(reason): int(size) for reason, size in reasons["size"].items()}
    first = {str(reason): int(row) + 1 for reason, row in reasons["min"].items()}
    return TableCounts(read, kept, read - kept, sizes, first)


def _bad_rows(name: str, raw: pd.DataFrame, schema: pa.DataFrameSchema, faults: pd.DataFrame) -> pd.DataFrame:
    """Bad rows as they were read, with their 1-based row number and the reasons."""
    value = faults["value"].astype("str").str.slice(0, _LONGEST_VALUE)
    hidden = faults["value"].isna() | faults["column"].isin(USER_COLUMNS[name])
    text = faults["column"] + ": " + value.mask(hidden, "").fillna("") + " " + faults["rule"]
    text = text.str.replace(":  ", ": ", regex=False)
    # Joining is slow, and nearly every bad row has one fault.
    several = faults["row"].duplicated(keep=False)
    joined = text[several].groupby(faults["row"][several]).agg("; ".join)
    reasons = pd.concat([pd.Series(text[~several].to_numpy(), index=faults["row"][~several]), joined]).sort_index()
    rows = reasons.index.to_numpy()
    bad = raw.loc[rows].drop(columns=[] if name in OPEN_TABLES else _extras(raw, schema))
    return bad.assign(row=rows + 1, reason=reasons.astype("str").to_numpy()).reset_index(drop=True)
