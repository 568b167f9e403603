"""A flat file as a user table: any numeric and categorical columns, a text column and a label."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.shop.pseudonym import pseudonymise
from purchasing_power.shop.tables import read_table
from purchasing_power.shop.values import DATED, MISSING_WORDS, as_numbers, as_text, feature_column
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTable, UserTableMeta, documents_array

log = logging.getLogger(__name__)

TASKS = ("auto", "binary", "multiclass", "regression")
MOST_NUMERIC_CLASSES = 20
# A column of numbers with a few typing errors is still a column of numbers.
_NUMERIC_SHARE = 0.95


def read_flat(
    path: Path, *, text: str = "text", label: str = "label", user: str = "user_id", key: bytes, task: str = "auto"
) -> tuple[UserTable, pd.DataFrame]:
    """A CSV or Parquet file as a user table of kind ``"flat"``, and the rows that were set aside.

    Parameters
    ----------
    text, user
        Columns of the text and the user id. Several text columns, separated by commas, become as many
        documents of a row. Without ``text`` the documents are empty; without ``user`` every row is a
        user of its own.
    label
        Column to predict. Class labels are kept as text, numeric ones as float64.
    key
        Key of the user pseudonyms.
    task
        ``"binary"``, ``"multiclass"``, ``"regression"`` or ``"auto"``: found from the label.

    Returns
    -------
    table, quarantine
        The bad rows stand in ``quarantine`` as they were read, with ``row`` (1-based) and
        ``reason``. ``table.meta.settings["notes"]`` says what was left out of the table, and
        ``settings["dates"]`` names the columns that count days since 1970-01-01.

    Raises
    ------
    DataError
        If the file, the label or a named column is missing, or the label cannot be learned.
    """
    raw = _open(path).reset_index(drop=True)
    texts = _names(raw, text)
    _refuse_unusable(path, raw, texts, label, user)
    target, task, reasons = _label_column(raw[label], task)
    ids = as_text(raw[user]) if user in raw else pd.Series([f"row-{n + 1}" for n in raw.index], dtype="str")
    reasons = reasons.where(ids.notna(), reasons.fillna("") + f"{user}: is missing ")
    keep = reasons.isna().to_numpy()
    features, settings = _features(raw[keep].drop(columns=[*texts, label, user], errors="ignore"))
    documents, state = _documents(raw[keep], texts)
    frame = pd.DataFrame({USER: pseudonymise(ids[keep], key), **features, label: target[keep]})
    frame = frame.reset_index(drop=True)
    # Last, where reading a written user table puts it: the digest goes by the order of the columns.
    frame[DOCUMENTS] = documents
    numeric = tuple(name for name, column in features.items() if column.dtype == "float64")
    meta = UserTableMeta(
        kind="flat",
        numeric=numeric,
        categorical=tuple(name for name in features if name not in numeric),
        label=label,
        task=task,
        blocks={"documents": state},
        settings=settings,
    )
    _log_notes(settings["notes"], state, int((~keep).sum()), len(raw))
    return UserTable(frame, meta), _quarantine(raw, ids, reasons, user, key)


def _open(path: Path) -> pd.DataFrame:
    if not path.exists() or path.suffix.lower() not in (".csv", ".parquet"):
        state = "no such file" if not path.exists() else f"the ending is {path.suffix or 'missing'}"
        raise DataError(f"flat file {path}: {state}; a .csv or a .parquet file is needed. Give its path.")
    return read_table(path)


def _names(raw: pd.DataFrame, text: str) -> list[str]:
    """The text columns: one whose name may hold commas, or several separated by commas."""
    return [text] if text in raw else [name.strip() for name in text.split(",")]


def _refuse_unusable(path: Path, raw: pd.DataFrame, texts: list[str], label: str, user: str) -> None:
    got = ", ".join(map(str, raw.columns))
    usual = {"label": "", "text": "text", "user": USER}
    for parameter, column in [("label", label), *(("text", name) for name in texts), ("user", user)]:
        if column not in raw and column != usual[parameter]:
            raise DataError(
                f"{path.name}: no column {column} (got: {got}); {parameter} must name one of them. "
                f"Set the parameter {parameter}, as in -P {parameter}=COLUMN."
            )
    if not len(raw):
        raise DataError(f"{path.name}: the table has no rows; at least two are needed. Fill it.")
    if len({*texts, label, user}) < len(texts) + 2:
        raise DataError(f"{path.name}: text={','.join(texts)}, label={label}, user={user}; name different columns.")
    taken = [column for column in (CUTOFF, DOCUMENTS, USER) if column in raw and column != user]
    if taken:
        raise DataError(f"{path.name}: a column is named {taken[0]}, which is reserved here. Rename the column.")


def _label_column(values: pd.Series, task: str) -> tuple[pd.Series, str, pd.Series]:
    """The label as text (classes) or float64, the task, and why a row cannot be used, missing where it can.

    Raises
    ------
    DataError
        If the task is unknown, or the label has no value, a single one, or does not fit the task.
    """
    if task not in TASKS:
        raise DataError(f"task: got {task}; allowed are {', '.join(TASKS)}. Set the parameter task to one of them.")
    text = as_text(values)
    text = text.mask(text.isin(MISSING_WORDS))
    numbers = as_numbers(text)
    numbers = numbers.where(np.isfinite(numbers))
    if text.isna().all():
        raise DataError(f"{values.name}: the label is missing in all {len(values)} rows. Name another column.")
    task = _task_of(text, numbers) if task == "auto" else task
    if task == "regression":
        target = numbers
    else:
        integers = numbers[text.notna()].notna().all() and (numbers.dropna() % 1 == 0).all()
        target = as_text(numbers) if integers else text
    _refuse_unlearnable(str(values.name), target.dropna(), task)
    why = np.where(text.isna(), f"{values.name}: is missing ", f"{values.name}: is not a finite number ")
    return target, task, pd.Series(why, index=values.index, dtype="str").where(target.isna())


def _task_of(text: pd.Series, numbers: pd.Series) -> str:
    distinct = text.nunique()
    numeric = numbers.notna().sum() >= _NUMERIC_SHARE * text.notna().sum()
    if numeric and distinct > 2 and (distinct > MOST_NUMERIC_CLASSES or (numbers.dropna() % 1 != 0).any()):
        return "regression"
    return "binary" if distinct <= 2 else "multiclass"


def _refuse_unlearnable(name: str, target: pd.Series, task: str) -> None:
    distinct = target.nunique()
    if distinct < 2:
        raise DataError(
            f"{name}: the label has {distinct} distinct values in {len(target)} usable rows; 2 or more are needed. "
            "Add rows of another class, or name another column with the parameter label."
        )
    if task == "binary" and distinct != 2:
        raise DataError(f"{name}: {distinct} classes; task=binary needs 2. Set task=multiclass, or merge classes.")
    if task == "multiclass" and distinct > max(MOST_NUMERIC_CLASSES, len(target) / 2):
        raise DataError(
            f"{name}: {distinct} classes in {len(target)} rows; a class needs rows to learn from. "
            "Name another column with the parameter label, or set task=regression for numbers."
        )


def _features(raw: pd.DataFrame) -> tuple[dict[str, pd.Series], dict[str, list[str]]]:
    features: dict[str, pd.Series] = {}
    settings: dict[str, list[str]] = {"notes": [], "dates": []}
    for name in raw.columns:
        column, note = (None, "has no name: left out") if _unnamed(name) else _feature(raw[name])
        if column is not None:
            features[name] = column
        if note:
            settings["notes"].append(f"{name} {note}")
        if note == DATED:
            settings["dates"].append(name)
    return features, settings


def _unnamed(name: str) -> bool:
    return not name.strip() or name.startswith(("Unnamed: ", "__index_level_"))


def _feature(values: pd.Series) -> tuple[pd.Series | None, str]:
    """A column as float64 or text; times become days since 1970, true and false 1 and 0."""
    column, note = feature_column(values)
    if column is None:
        return None, note
    if column.isna().all():
        return None, "is empty: left out"
    text = isinstance(column.dtype, pd.StringDtype)
    if text and column.notna().all() and column.nunique() == len(column) > 1:
        return None, "holds another text in every row, like an id: left out"
    return column, note


def _documents(raw: pd.DataFrame, names: list[str]) -> tuple[pd.Series, str]:
    if names[0] not in raw:
        return documents_array(np.zeros(len(raw) + 1), np.array([]), []), f"off: there is no column {names[0]}"
    columns = pd.concat([as_text(raw[name]) for name in names], axis=1)
    codes, texts = pd.factorize(columns.to_numpy(object).ravel())
    counts = (codes >= 0).reshape(columns.shape).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    state = "on" if len(texts) else f"off: the column {', '.join(names)} is empty"
    return documents_array(offsets, codes[codes >= 0], list(texts)), state


def _quarantine(raw: pd.DataFrame, ids: pd.Series, reasons: pd.Series, user: str, key: bytes) -> pd.DataFrame:
    bad = raw[reasons.notna()]
    hidden = {user: pseudonymise(ids[bad.index], key)} if user in raw else {}
    texts = reasons[bad.index].str.strip()
    return bad.assign(**hidden, row=bad.index + 1, reason=texts).reset_index(drop=True)


def _log_notes(notes: list[str], state: str, bad: int, rows: int) -> None:
    if bad:
        log.warning("flat file: %d of %d rows quarantined", bad, rows)
    for note in [*notes, f"documents are {state}"]:
        log.info("flat file: %s", note)
