"""Intake of a shop folder: checked, bad rows set aside with the reason, user ids replaced."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from purchasing_power.errors import DataError
from purchasing_power.shop.checks import CheckedTable, TableCounts, check_table, describe
from purchasing_power.shop.contract import MAX_AMOUNT, REQUIRED_TABLES, USER_COLUMNS, schemas
from purchasing_power.shop.pseudonym import pseudonymise
from purchasing_power.shop.tables import QUARANTINE, open_folder, shop_folder, unknown_names, write_table
from purchasing_power.shop.values import as_text

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IntakeReport:
    """What an intake read, kept and set aside, by table, and what else a person should know."""

    tables: dict[str, TableCounts]
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Lines for people: counts and reasons, never a value of a row."""
        lines = []
        for name, counts in self.tables.items():
            kept, bad = f"{counts.kept:,} kept", f"{counts.quarantined:,} quarantined"
            line = f"{name}: {counts.read:,} rows read, {kept}, {bad}"
            lines.append(f"{line}: {describe(counts)}" if counts.reasons else line)
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def ingest(
    source: Path, target: Path, *, key: bytes, now: datetime | None = None, max_amount: float = MAX_AMOUNT
) -> IntakeReport:
    """Check the shop tables of ``source`` and write them to ``target``, which is replaced as a whole.

    Good rows go to ``target/NAME.parquet``; bad rows, as they were read, go to
    ``target/quarantine/NAME.parquet`` with a ``row`` (1-based) and a ``reason`` column. User ids
    are pseudonyms in both. Rows kept and rows quarantined add up to rows read.

    Parameters
    ----------
    key
        Key of the pseudonyms, see :func:`purchasing_power.shop.pseudonym.read_key`.
    now
        Times after it are in the future; the present where ``None``.
    max_amount
        Largest amount and discount of an order line, in the shop's currency.

    Raises
    ------
    DataError
        If the folder, a table or a column that is needed is missing, or a table holds no good row.
    """
    if source.resolve() == target.resolve():
        raise DataError(f"target: {target} is the source too and would be replaced. Give another folder.")
    raw = open_folder(source)
    _refuse_missing(source, raw)
    contract = schemas(max_amount, now or datetime.now(UTC))
    counts: dict[str, TableCounts] = {}
    notes = [f"{name} in the shop folder is no shop table and was skipped" for name in unknown_names(source)]
    with shop_folder(target) as draft:
        for name in tqdm(list(raw), desc="intake", unit="table"):
            # Popped, so that a large table leaves memory before the next one is checked.
            checked = check_table(name, raw.pop(name), contract[name])
            _write(name, checked, draft, key)
            counts[name] = checked.counts
            notes += checked.notes
    report = IntakeReport(counts, tuple(notes))
    bad = sum(part.quarantined for part in counts.values())
    log.log(logging.WARNING if bad else logging.INFO, "intake\n%s", report.summary())
    return report


def _refuse_missing(source: Path, raw: dict[str, pd.DataFrame]) -> None:
    missing = [name for name in REQUIRED_TABLES if name not in raw]
    if missing:
        names = ", ".join(p.name for p in sorted(source.iterdir())) or "nothing"
        raise DataError(
            f"{missing[0]}: no such table in {source} (found: {names}); it is required. "
            f"Add {missing[0]}.parquet or {missing[0]}.csv."
        )


def _write(name: str, checked: CheckedTable, draft: Path, key: bytes) -> None:
    write_table(_protected(name, checked.good, key), draft / f"{name}.parquet")
    if len(checked.bad):
        (draft / QUARANTINE).mkdir(exist_ok=True)
        write_table(_protected(name, checked.bad, key), draft / QUARANTINE / f"{name}.parquet")


def _protected(name: str, frame: pd.DataFrame, key: bytes) -> pd.DataFrame:
    columns = [column for column in USER_COLUMNS[name] if column in frame]
    return frame.assign(**{column: pseudonymise(as_text(frame[column]), key) for column in columns})
