"""Values of a column given a type: text, number or time; what cannot be read becomes missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

DATE = r"\s*\d{4}-\d{1,2}-\d{1,2}"
DAY = pd.Timedelta(days=1)
# What is noted of a column of times.
DATED = "is now days since 1970-01-01"
MISSING_WORDS = ("NA", "N/A", "NaN", "nan", "null", "NULL")
# Stand for nothing in a column of values; a label may have a class of that name.
PLACEHOLDERS = ("none", "-", "--", "?", ".", "#N/A", "<NA>", "NaT", "\\N")


def as_text(values: pd.Series) -> pd.Series:
    """Values as text, whole numbers without a decimal point, blank ones as missing."""
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    if not isinstance(values.dtype, pd.StringDtype):
        values = values.astype("object").where(values.notna(), None)
    text = values.astype("str")
    return text.mask(text.str.strip() == "")


def as_numbers(values: pd.Series) -> pd.Series:
    """Values as float64, NaN where they are no numbers."""
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind in "mM":
        return pd.Series(np.nan, index=values.index)
    return pd.to_numeric(values, errors="coerce").astype("float64")


def as_times(values: pd.Series) -> pd.Series:
    """Values as tz-naive UTC times in microseconds, NaT where they are no ISO 8601 times."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        # A bare number has no unit: read as nanoseconds it would silently become 1970.
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        text = values.astype("str")
        # pandas reads the words "now" and "today" as the present.
        text = text.where(text.str.match(r"\s*\d"))
        values = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    return values.astype("datetime64[us]")


def open_column(values: pd.Series) -> tuple[pd.Series | None, str]:
    """A column that no contract names as float64, time or text, and a note where something was lost.

    Text that holds numbers alone becomes a number, so that a CSV file and a Parquet file of the
    same rows give the same table; digits after a leading zero are a code and stay text. Infinite
    numbers become missing. Lists and structures give ``None``.
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return as_times(values), ""
    if values.dtype == "object" and not values.dropna().map(np.isscalar).all():
        return None, "holds lists or structures: left out"
    if not pd.api.types.is_numeric_dtype(values.dtype):
        text = as_text(values)
        text = text.mask(text.isin(MISSING_WORDS))
        values = as_numbers(text)
        if (values.isna() & text.notna()).any() or text.str.match(r"\s*0\d").any() or text.isna().all():
            return text, ""
    numbers = values.astype("float64")
    infinite = np.isinf(numbers)
    note = f"has {infinite.sum()} infinite values, now missing" if infinite.any() else ""
    return numbers.mask(infinite), note


def feature_column(values: pd.Series) -> tuple[pd.Series | None, str]:
    """A column as float64 or text, as :func:`open_column` gives it; true and false as 1 and 0, times as days.

    Days are since 1970-01-01; their column has the note ``DATED``.
    """
    column, note = open_column(values)
    if column is None or column.dtype == "float64":
        return column, note
    if isinstance(column.dtype, pd.StringDtype):
        booleans = as_booleans(column)
        if booleans is not None:
            return booleans, note
    days = as_days(column)
    return (column, note) if days is None else (days, DATED)


def as_objects(frame: pd.DataFrame) -> pd.DataFrame:
    """The same values as Python objects, missing ones as ``None``."""
    return frame.astype(object).where(frame.notna(), None)


def as_booleans(text: pd.Series) -> pd.Series | None:
    """Text of nothing but true and false as 1.0 and 0.0; ``None`` for any other text."""
    lower = text.str.lower()
    return lower.map({"true": 1.0, "false": 0.0}) if lower.dropna().isin(["true", "false"]).all() else None


def as_days(values: pd.Series) -> pd.Series | None:
    """Times, or text of nothing but ISO 8601 times, as days since 1970-01-01; ``None`` for anything else."""
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        present = values.dropna()
        if not present.str.match(DATE).all() or as_times(present).isna().any():
            return None
    return ((as_times(values) - pd.Timestamp(0)) / DAY).astype("float64")
