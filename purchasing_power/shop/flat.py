"""A flat file as a user table: any numeric and categorical columns, a text column and a label."""

from __future__ import annotations

import logging
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.shop.flat_cells import Cells, Roles, find_roles, read_cells
from purchasing_power.shop.labels import Label, check_task, read_label
from purchasing_power.shop.leaks import LEAKS, find_leaks
from purchasing_power.shop.mapping.files import read_as_told
from purchasing_power.shop.mapping.mapping import load_mapping
from purchasing_power.shop.profile_columns import careful_columns, is_birth_date, refuse_reserved
from purchasing_power.shop.pseudonym import pseudonymise
from purchasing_power.shop.reading.source import ROW, Source
from purchasing_power.shop.reading.sql import identifier
from purchasing_power.shop.report import ColumnReport, IntakeReport, TableReport
from purchasing_power.shop.values import DATED, as_text
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTable, UserTableMeta, documents_array

log = logging.getLogger(__name__)

RESERVED = (CUTOFF, DOCUMENTS, USER)


def read_flat(
    path: Path,
    *,
    text: str = "text",
    label: str = "label",
    user: str = "user_id",
    key: bytes,
    task: str = "auto",
    mapping: str | None = None,
) -> tuple[UserTable, pd.DataFrame]:
    """A table in one file as a user table of kind ``"flat"``, and the rows that were set aside.

    The file is of any format and encoding that :func:`~purchasing_power.shop.reading.source.read_source` reads.

    Parameters
    ----------
    text, user
        Columns of the text and the user id. Several text columns, separated by commas, become as many
        documents of a row. Without ``text`` the documents are empty; without ``user`` every row is a
        user of its own, whose id is made of what the row holds, its label left out.
    label
        Column to predict. Class labels are kept as text, numeric ones as float64. A file without it gives a table
        without a label, to be scored: there no column is left out because nothing can be learned from it.
    key
        Key of the user pseudonyms.
    task
        ``"binary"``, ``"multiclass"``, ``"regression"`` or ``"auto"``: found from the label.
    mapping
        A mapping file without ``tables``, which corrects how the file and its columns are read.

    Returns
    -------
    table, quarantine
        The bad rows stand in ``quarantine`` as they were read, with ``row`` (1-based) and
        ``reason``. ``table.meta.settings["notes"]`` says how columns were read and what was left out of the table,
        ``settings["dates"]`` names the columns that count days since 1970-01-01, ``settings["privacy"]`` and
        ``settings["leaks"]``, where they are there, warn of personal data and of columns that give the label away.

    Raises
    ------
    DataError
        If the file or a named column is missing, or the label cannot be learned.
    """
    check_task(task)
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        told = None if mapping is None else load_mapping(mapping)
        source, formats = read_as_told(told, path, Path(scratch), connection)
        roles = find_roles(source, text, label, user)
        _refuse_unusable(source, roles)
        cells = read_cells(connection, source, roles, formats)
        target = None if cells.label is None else read_label(cells.label, task, cells.label_numbers)
        ids = row_ids(cells) if cells.users is None else cells.users
        faults = _faults(target, ids, user)
        quarantine = _quarantine(connection, source, roles, ids, faults, key)
    table = _table(cells, roles, target, faults.isna().to_numpy(), pseudonymise(ids, key))
    _tell(table.meta, len(quarantine), source.rows)
    return table, quarantine


def flat_report(name: str, table: UserTable, quarantine: pd.DataFrame) -> IntakeReport:
    """What an intake of a flat file is to tell: rows, columns as they were read, warnings and notes."""
    frame, meta = table.frame, table.meta
    settings, dates = meta.settings, meta.settings["dates"]
    kinds = dict.fromkeys(meta.numeric, "number") | dict.fromkeys(meta.categorical, "text")
    columns = [
        ColumnReport(
            column,
            "time" if column in dates else kind,
            DATED if column in dates else "",
            int(frame[column].isna().sum()),
        )
        for column, kind in kinds.items()
    ]
    reasons = quarantine["reason"].value_counts(sort=False).to_dict() if len(quarantine) else {}
    rows = TableReport(
        source=name,
        read=len(frame) + len(quarantine),
        kept=len(frame),
        quarantined=len(quarantine),
        reasons={str(reason): int(count) for reason, count in reasons.items()},
        first_rows={str(reason): int(quarantine["row"][quarantine["reason"] == reason].min()) for reason in reasons},
        columns=tuple(columns),
    )
    warnings = (*settings.get("leaks", ()), *settings.get("privacy", ()))
    notes = (*settings["notes"], f"documents are {meta.blocks['documents']}")
    return IntakeReport({"flat": rows}, tuple(warnings), tuple(notes))


def _refuse_unusable(source: Source, roles: Roles) -> None:
    if not source.rows:
        raise DataError(f"{source.name}: the table has no rows; at least two are needed. Fill it.")
    free = {*roles.texts, roles.user}
    refuse_reserved([name for name in source.columns if name not in free], RESERVED, source.name)


def row_ids(cells: Cells) -> pd.Series:
    """An id for each row, made of what it holds but for its label, and of how many rows before it hold the same.

    The same row has the same id in whatever file and format it stands.
    """
    both = pd.concat([cells.features, cells.texts], axis=1)
    both = both[sorted(map(str, both))]
    if not both.shape[1]:
        both = both.assign(row=both.index)
    digest = pd.util.hash_pandas_object(both, index=False)
    places = digest.groupby(digest).cumcount() + 1
    named = [f"row-{one:016x}-{place}" for one, place in zip(digest, places, strict=True)]
    return pd.Series(named, index=both.index, dtype="str")


def _faults(target: Label | None, ids: pd.Series, user: str) -> pd.Series:
    """Why a row is set aside, missing where it is not."""
    none = pd.Series(None, index=ids.index, dtype="str")
    faults = none if target is None else target.faults
    return faults.where(ids.notna(), faults.fillna("") + f"{user}: is missing ")


def _table(cells: Cells, roles: Roles, target: Label | None, keep: np.ndarray, users: pd.Series) -> UserTable:
    learned = target is not None
    features, notes, privacy = careful_columns(cells.features[keep], cells.kinds, (), _today(cells), learned=learned)
    names = [str(name) for name in features]
    documents, state = _documents(cells.texts[keep])
    frame = pd.DataFrame({USER: users[keep], **features})
    said = [*cells.notes, *notes]
    settings: dict[str, Any] = {"notes": said, "dates": [name for name in names if f"{name} {DATED}" in notes]}
    settings |= {"privacy": list(privacy)} if privacy else {}
    if target is not None:
        label = target.values[keep]
        frame[str(roles.label)] = label
        said += target.notes
        leaks = find_leaks(features, label, target.task, None if cells.users is None else frame[USER])
        settings |= {LEAKS: list(leaks)} if leaks else {}
    frame = frame.reset_index(drop=True)
    # Last, where reading a written user table puts it: the digest goes by the order of the columns.
    frame[DOCUMENTS] = documents
    numeric = tuple(name for name in names if features[name].dtype == "float64")
    meta = UserTableMeta(
        kind="flat",
        numeric=numeric,
        categorical=tuple(name for name in names if name not in numeric),
        label=roles.label,
        task=None if target is None else target.task,
        blocks={"documents": state},
        settings=settings,
    )
    return UserTable(frame, meta)


def _today(cells: Cells) -> date:
    """The newest day in the file, so that the same file gives the same ages whenever it is read; without one, today."""
    now = pd.Timestamp(datetime.now(UTC).replace(tzinfo=None))
    times = [cells.features[name] for name, kind in cells.kinds.items() if kind == "time" and not is_birth_date(name)]
    newest = [moment for moment in (column.where(column <= now).max() for column in times) if not pd.isna(moment)]
    return max(newest, default=now).date()


def _documents(texts: pd.DataFrame) -> tuple[pd.Series, str]:
    if not texts.shape[1]:
        return documents_array(np.zeros(len(texts) + 1), np.array([]), []), "off: there is no column text"
    columns = pd.concat([as_text(texts[name]) for name in texts], axis=1)
    codes, found = pd.factorize(columns.to_numpy(object).ravel())
    counts = (codes >= 0).reshape(columns.shape).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    state = "on" if len(found) else f"off: the column {', '.join(map(str, texts))} is empty"
    return documents_array(offsets, codes[codes >= 0], list(found)), state


def _quarantine(
    connection: duckdb.DuckDBPyConnection, source: Source, roles: Roles, ids: pd.Series, faults: pd.Series, key: bytes
) -> pd.DataFrame:
    """Rows that were set aside as they were read, the user as a pseudonym; of a ragged row the reason alone.

    Parameters
    ----------
    ids, faults
        By number of the row in the file.
    """
    bad = faults.dropna()
    columns = ", ".join(identifier(name) for name in source.columns)
    chosen = f"SELECT {columns} FROM {source.relation} WHERE {ROW} IN (SELECT unnest(?)) ORDER BY {ROW}"
    rows = connection.execute(chosen, [bad.index.tolist()]).df()
    hidden = {} if roles.user is None else {roles.user: pseudonymise(ids[bad.index], key).to_numpy()}
    rows = rows.assign(**hidden, row=bad.index.to_numpy(), reason=bad.str.strip().to_numpy())
    if source.ragged is None:
        return rows
    # Its text may hold an id, and nothing says where.
    ragged = connection.execute(f"SELECT {ROW} AS row, reason FROM {source.ragged}").df()
    return pd.concat([rows, ragged]).sort_values("row", kind="stable", ignore_index=True)


def _tell(meta: UserTableMeta, bad: int, rows: int) -> None:
    if bad:
        log.warning("flat file: %d of %d rows quarantined", bad, rows)
    for warning in (*meta.settings.get(LEAKS, ()), *meta.settings.get("privacy", ())):
        log.warning("flat file: %s", warning)
    for note in [*meta.settings["notes"], f"documents are {meta.blocks['documents']}"]:
        log.info("flat file: %s", note)
