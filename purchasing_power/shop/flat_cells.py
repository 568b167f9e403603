"""The cells of a flat file, of whatever format, by what its columns are for."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import duckdb
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.column_reading import ColumnReading, Formats, read_columns
from purchasing_power.shop.reading.source import ROW, Source, find_column
from purchasing_power.shop.reading.sql import identifier
from purchasing_power.shop.values import MISSING_WORDS
from purchasing_power.snapshot.user_table import USER

FOUND_OUT = Formats()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Roles:
    """Columns of a file by what they are for; ``None`` and empty where the file lacks them."""

    texts: tuple[str, ...]
    label: str | None
    user: str | None

    @property
    def taken(self) -> tuple[str, ...]:
        """Columns that are no features."""
        return (*self.texts, *(name for name in (self.label, self.user) if name is not None))


@dataclass(frozen=True)
class Cells:
    """The cells of n rows, whose index is their number in the file, from 1.

    Attributes
    ----------
    features, kinds
        Numbers as float64, times as datetime64, anything else as text, and how each column was read.
    texts
        The text columns as they were written.
    label, label_numbers
        The label as text, and as numbers where it was read as such; ``None`` without.
    users
        User ids as text; ``None`` without.
    notes
        How columns were read.
    """

    features: pd.DataFrame
    kinds: dict[str, str]
    texts: pd.DataFrame
    label: pd.Series | None
    label_numbers: pd.Series | None
    users: pd.Series | None
    notes: tuple[str, ...]


def find_roles(source: Source, text: str, label: str, user: str) -> Roles:
    """The columns that parameters name, without regard to case and blanks at the ends.

    Raises
    ------
    DataError
        If a named text or user column is missing, or one column is named twice.
    """
    columns = source.columns
    texts = [text] if find_column(columns, text) is not None else [name.strip() for name in text.split(",")]
    for parameter, name, usual in [*(("text", one, "text") for one in texts), ("user", user, USER)]:
        if find_column(columns, name) is None and name != usual:
            raise DataError(
                f"{source.name}: no column {name} (got: {', '.join(columns)}); {parameter} must name one of them. "
                f"Set the parameter {parameter}, as in -P {parameter}=COLUMN."
            )
    found = tuple(one for one in (find_column(columns, name) for name in texts) if one is not None)
    roles = Roles(found, find_column(columns, label), find_column(columns, user))
    if len({*texts, label, user}) < len(texts) + 2 or len(set(roles.taken)) < len(roles.taken):
        raise DataError(f"{source.name}: text={text}, label={label}, user={user}; name different columns.")
    if roles.label is None:
        log.warning(
            "flat file: there is no column %s (got: %s), so the table has no label: it can be scored and monitored, "
            "not trained on. To train, name the column to predict, as in -P label=COLUMN.",
            label,
            ", ".join(columns),
        )
    return roles


def read_cells(
    connection: duckdb.DuckDBPyConnection, source: Source, roles: Roles, formats: Formats = FOUND_OUT
) -> Cells:
    """All cells of a source, its rows in their order."""
    names = [name for name in source.columns if name not in roles.taken]
    wanted = dict.fromkeys(names, "open")
    wanted |= {} if roles.label is None else {roles.label: "open"}
    wanted |= {} if roles.user is None else {roles.user: "id"}
    found = read_columns(connection, source, wanted, formats)
    found |= {name: _as_categories(connection, source, name, found[name]) for name in names}
    values = {f"f{place}": _value(found[name]) for place, name in enumerate(names)}
    values |= {f"t{place}": f"CAST({identifier(name)} AS VARCHAR)" for place, name in enumerate(roles.texts)}
    if roles.label is not None:
        values |= {"label": _label_words(source, roles.label)}
        values |= {"number": found[roles.label].value} if found[roles.label].kind == "number" else {}
    if roles.user is not None:
        values["user"] = found[roles.user].value
    chosen = ", ".join([ROW, *(f"{value} AS {alias}" for alias, value in values.items())])
    frame = connection.execute(f"SELECT {chosen} FROM {source.relation} ORDER BY {ROW}").df().set_index(ROW)
    return Cells(
        features=_frame(frame, "f", names, {name: found[name].kind for name in names}),
        kinds={name: found[name].kind for name in names},
        texts=_frame(frame, "t", roles.texts, {}),
        label=None if roles.label is None else frame["label"].astype("str").rename(roles.label),
        label_numbers=frame.get("number"),
        users=None if roles.user is None else frame["user"].astype("str").rename(roles.user),
        notes=(*source.notes, *(note for name in names for note in _notes(name, found[name]))),
    )


def _value(reading: ColumnReading) -> str:
    return "CAST(NULL AS VARCHAR)" if reading.kind in ("nested", "empty") else reading.value


def _notes(name: str, reading: ColumnReading) -> tuple[str, ...]:
    """What is to be told of a column; lists and structures are told by the care for columns."""
    if reading.kind == "nested":
        return ()
    told = not reading.how or any(reading.how in note for note in reading.notes)
    return reading.notes if told else (f"{name}: {reading.how}", *reading.notes)


def _as_categories(
    connection: duckdb.DuckDBPyConnection, source: Source, name: str, found: ColumnReading
) -> ColumnReading:
    """Words such as yes and no stay the categories that models were trained on; true and false are 1 and 0."""
    if found.kind != "boolean" or source.columns[name] == "BOOLEAN":
        return found
    cell = f"trim(CAST({identifier(name)} AS VARCHAR))"
    plain = f"SELECT bool_and(lower({cell}) IN ('true', 'false')) FROM {source.relation} WHERE {found.present}"
    if (connection.execute(plain).fetchone() or (True,))[0]:
        return found
    return replace(found, kind="text", value=f"CASE WHEN {found.present} THEN {cell} END", how="", notes=())


def _label_words(source: Source, name: str) -> str:
    """A label's cells as text; truth values as they have always been called."""
    cell = identifier(name)
    if source.columns[name] == "BOOLEAN":
        return f"CASE WHEN {cell} THEN 'True' WHEN NOT {cell} THEN 'False' END"
    return f"CAST({cell} AS VARCHAR)"


def _frame(cells: pd.DataFrame, role: str, names: tuple[str, ...] | list[str], kinds: dict[str, str]) -> pd.DataFrame:
    """Columns of one role by name, typed by their kinds."""
    columns: dict[str, pd.Series] = {}
    for place, name in enumerate(names):
        column, kind = cells[f"{role}{place}"], kinds.get(name)
        if kind == "time":
            columns[name] = column.astype("datetime64[us]")
        elif kind in ("number", "boolean"):
            columns[name] = column.astype("float64")
        else:
            text = column.astype("str")
            columns[name] = text.mask(text.isin(MISSING_WORDS)) if kind == "text" else text
    return pd.DataFrame(columns, index=cells.index)
