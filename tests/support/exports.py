"""Small exports in the manner of real ones, and what is right about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
from workbooks import write_workbook

from purchasing_power.shop.intake import ingest
from purchasing_power.shop.mapping.mapping import MappedShop, apply_mapping, load_mapping
from purchasing_power.shop.report import IntakeReport

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Figures:
    """Rows read as orders; orders, users and money of the lines that count, in the shop's own currency."""

    rows: int
    orders: int
    users: int
    gross: float = 0.0
    net: float = 0.0


@dataclass(frozen=True)
class Export:
    """Files of an export (text, bytes, or what writes them), its mapping (or a built-in name), what is right."""

    files: dict[str, str | bytes | Callable[[Path], None]]
    mapping: str
    right: Figures
    tables: dict[str, int] = field(default_factory=dict)

    def write(self, folder: Path) -> tuple[Path, str]:
        """Write the files to a folder: that folder, and the mapping's name or path."""
        source = folder / "export"
        source.mkdir()
        for name, content in self.files.items():
            if callable(content):
                content(source / name)
            else:
                (source / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        if "\n" not in self.mapping:
            return source, self.mapping
        (folder / "mapping.yaml").write_text(self.mapping, encoding="utf-8")
        return source, str(folder / "mapping.yaml")


def mapped(export: Export, folder: Path, connection: duckdb.DuckDBPyConnection) -> MappedShop:
    """The mapped sources of an export."""
    source, mapping = export.write(folder)
    (folder / "scratch").mkdir()
    return apply_mapping(load_mapping(mapping), source, folder / "scratch", connection)


def workbook(sheets: dict[str, list[list[object]]]) -> Callable[[Path], None]:
    """What writes a workbook of these sheets: texts and numbers, row by row."""

    def write(path: Path) -> None:
        write_workbook(path, sheets)

    return write


@dataclass(frozen=True)
class Intake:
    """An intake of an export: what it says, and the folder of tables that it wrote."""

    report: IntakeReport
    folder: Path

    def table(self, name: str) -> pd.DataFrame:
        """A table as it was written."""
        return pd.read_parquet(self.folder / f"{name}.parquet")

    def figures(self) -> Figures:
        """What the export comes to, by the report and the tables."""
        orders = self.table("orders")
        ids = "order_id" if "order_id" in orders else ["user_id", "ordered_at"]
        money = [(part.gross * part.rate, part.net * part.rate) for part in self.report.money]
        return Figures(
            self.report.tables["orders"].read,
            len(orders[ids].drop_duplicates()),
            orders["user_id"].nunique(),
            round(sum(gross for gross, _ in money), 6),
            round(sum(net for _, net in money), 6),
        )

    def rows(self) -> dict[str, int]:
        """Rows of the other tables, as they were read; returns that stood among the orders count too."""
        return {name: part.read for name, part in self.report.tables.items() if name != "orders" and part.read}


def ingested(export: Export, folder: Path) -> Intake:
    """An intake of an export by its mapping."""
    source, mapping = export.write(folder)
    target = folder / "target"
    return Intake(ingest(source, target, key=b"a key of some length", now=NOW, mapping=mapping), target)
