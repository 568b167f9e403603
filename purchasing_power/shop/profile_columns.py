"""Care for columns that come from outside: what is no feature is left out and told, the rest becomes one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import count

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.shop.personal_data import name_words, personal_data, says
from purchasing_power.shop.values import DATED, DAY

# Share of distinct values from which a column that is called an id is one.
NEARLY_UNIQUE = 0.98
# Rows below which a chance can make a column look like an id, or like a count of rows.
FEWEST_IDS, FEWEST_ROWS = 10, 20
MOST_GAPS = 0.1
NUMBERS = ("number", "boolean")
UNIQUE = "is called an id and holds another value in nearly every row"
DAYS_A_YEAR = 365.2425
BIRTH = (
    *("birth", "birthday", "birthdate", "dob", "born", "bday", "geburt", "geburtsdatum", "geburtstag"),
    *("naissance", "nacimiento", "出生", "生日"),
)
ID_WORDS = (
    *("id", "uuid", "guid", "key", "hash", "token", "isbn", "ean", "gtin", "upc", "sku", "asin", "imei"),
    *("identifier", "identifiant", "identificador", "kennung", "matricule", "编号", "单号", "账号", "会员号", "工号"),
)
NUMBER_WORDS = (
    *("number", "no", "nr", "num", "nummer", "numero"),
    *("kundennummer", "bestellnummer", "rechnungsnummer", "personalnummer", "kontonummer"),
)
# Written without a joint, as in "customerid".
_JOINED_ID = re.compile(r"(user|customer|client|cust|member|account|person|household|visitor|session|order|device)id")
ROW_WORDS = (
    "index",
    "idx",
    "row",
    "row number",
    "row num",
    "row id",
    "serial",
    "sno",
    "sr no",
    "lfd nr",
    "序号",
    "行号",
)


@dataclass
class Care:
    """What was done with the columns of one table: notes and privacy warnings, never with a value."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def careful_columns(
    frame: pd.DataFrame,
    kinds: Mapping[str, str],
    reserved: Collection[str],
    today: date,
    table: str = "columns",
    learned: bool = True,
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """The columns that are features, float64 or text, with notes and privacy warnings about the others.

    Left out are columns without a name, empty ones, lists, row numbers, ids and what tells who somebody is: names,
    e-mail and postal addresses, numbers of phones, cards and accounts. Birth dates become ages in years, other times
    days since 1970-01-01. Names that differ in case or blanks alone get a number behind them, since DuckDB, which
    computes with them, does not tell them apart.

    Parameters
    ----------
    frame
        Columns by name, shape (n, columns): numbers as float64, times as datetime64, anything else as text.
    kinds
        How each column was read, as :class:`~purchasing_power.shop.columns.column_reading.ColumnReading` has it.
    reserved
        Names that no column may have, in whatever case.
    today
        Day at which the age is taken.
    table
        What messages call the table.
    learned
        Whether a model learns from the rows; rows that are only scored keep what says nothing on so few of them.

    Raises
    ------
    DataError
        If columns have reserved names; the message lists all of them.
    """
    refuse_reserved(frame.columns, reserved, table)
    care = Care()
    columns = [
        _feature(name.strip(), frame[name], kinds.get(name, "text"), today, care, learned) for name in frame.columns
    ]
    kept = _distinct_names([column for column in columns if column is not None], care)
    return pd.DataFrame(kept, index=frame.index), tuple(care.notes), tuple(care.warnings)


def refuse_reserved(names: Iterable[str], reserved: Collection[str], table: str) -> None:
    """Refuse columns whose names the project uses, all of them at once.

    Raises
    ------
    DataError
        If there are any.
    """
    barred = {name.casefold() for name in reserved}
    taken = [name for name in map(str.strip, names) if name.casefold() in barred]
    if taken:
        raise DataError(
            f"{table}: {len(taken)} columns have names that are reserved here ({', '.join(taken)}); reserved are "
            f"{', '.join(sorted(reserved))}. Rename those columns, in the file or with a mapping."
        )


def _feature(name: str, values: pd.Series, kind: str, today: date, care: Care, learned: bool) -> pd.Series | None:
    """One column as float64 or text under its new name; ``None`` where it is left out."""
    why = _no_column(name, kind) or ("is empty" if learned and values.isna().all() else "")
    if not why and kind == "time":
        return _days(name, values, today, care)
    what = None if why else personal_data(name, values)
    if what:
        why = f"holds {what}"
        care.warnings.append(
            f"{name} holds {what}: it is left out of the features. Drop it from the export unless it is needed there."
        )
    if learned:
        why = why or _no_feature(name, values, kind)
    if why:
        care.notes.append(f"{name or 'a column'} {why}: left out")
        return None
    return _finite(name, values, care) if kind in NUMBERS else values.rename(name)


def _no_column(name: str, kind: str) -> str:
    """Why a column can be nothing for a model, in words; empty where it can."""
    if not name or name.startswith(("Unnamed: ", "__index_level_")):
        return "has no name"
    if kind == "nested":
        return "holds lists or structures"
    return ""


def _no_feature(name: str, values: pd.Series, kind: str) -> str:
    """Why nothing can be learned from a column, in words; empty where something can."""
    if kind == "number":
        if _counts_rows(values, FEWEST_IDS if says(name, ROW_WORDS) else FEWEST_ROWS):
            return "counts the rows"
        whole = bool((values.dropna() % 1 == 0).all())
        return UNIQUE if whole and says_id(name) and _nearly_unique(values) else ""
    if kind == "boolean":
        return ""
    if len(values) >= FEWEST_IDS and values.notna().all() and values.is_unique:
        return "holds another text in every row, like an id"
    return UNIQUE if says_id(name) and _nearly_unique(values) else ""


def says_id(name: str) -> bool:
    """Whether a header calls its column an id or a running number, as ``order_no`` does and ``no_of_orders`` not."""
    words = name_words(name)
    if says(name, ID_WORDS) or any(_JOINED_ID.fullmatch(word) for word in words):
        return True
    return bool(words) and (words[-1] in NUMBER_WORDS or words[-1].endswith("号码"))


def _nearly_unique(values: pd.Series) -> bool:
    present = values.dropna()
    return len(present) >= FEWEST_IDS and present.nunique() >= NEARLY_UNIQUE * len(present)


def _counts_rows(values: pd.Series, fewest: int) -> bool:
    """Whether whole numbers rise from row to row from 0 or 1, a few rows left out perhaps."""
    numbers = values.to_numpy(np.float64)
    if len(numbers) < fewest or not np.isfinite(numbers).all():
        return False
    steps, gaps = np.diff(numbers), MOST_GAPS * len(numbers)
    rises = bool((steps >= 1).all() and (numbers % 1 == 0).all())
    return rises and 0 <= numbers[0] <= 1 + gaps and numbers[-1] - numbers[0] <= len(numbers) + gaps


def is_birth_date(name: str) -> bool:
    """Whether a header calls its column a date of birth."""
    return says(name, BIRTH)


def _days(name: str, values: pd.Series, today: date, care: Care) -> pd.Series:
    """Times as days since 1970, dates of birth as age in whole years."""
    times = values.astype("datetime64[us]")
    if not is_birth_date(name) or times.max() > pd.Timestamp(today):
        care.notes.append(f"{name} {DATED}")
        return ((times - pd.Timestamp(0)) / DAY).astype("float64").rename(name)
    age = f"{'_'.join(name_words(name))}_age_years"
    care.notes.append(f"{name} is a date of birth: it is now {age}, the age on {today:%Y-%m-%d}")
    years = ((pd.Timestamp(today) - times) / DAY / DAYS_A_YEAR).astype("float64")
    return pd.Series(np.floor(years), name=age)


def _finite(name: str, values: pd.Series, care: Care) -> pd.Series:
    numbers = values.astype("float64").rename(name)
    infinite = np.isinf(numbers)
    if infinite.any():
        care.notes.append(f"{name} has {infinite.sum()} infinite values, now missing")
    return numbers.mask(infinite)


def _distinct_names(columns: list[pd.Series], care: Care) -> dict[str, pd.Series]:
    """Columns by names that differ in more than case."""
    taken = {str(column.name).casefold() for column in columns}
    found: dict[str, pd.Series] = {}
    for column in columns:
        name = str(column.name)
        if name.casefold() in {one.casefold() for one in found}:
            name = next(new for n in count(2) if (new := f"{column.name}_{n}").casefold() not in taken)
            taken.add(name.casefold())
            care.notes.append(f"{column.name} is also the name of another column, but for case: it is now {name}")
        found[name] = column
    return found
