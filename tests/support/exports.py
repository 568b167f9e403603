"""Small exports in the manner of real ones, and what is right about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from purchasing_power.shop.columns.column_reading import read_columns
from purchasing_power.shop.contract import TABLES
from purchasing_power.shop.mapping.mapping import MappedShop, apply_mapping, load_mapping


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
    """Files of an export (text, bytes, or what writes them), its mapping (a text, or a built-in name), what is right."""

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


def rows_of(shop: MappedShop, table: str, connection: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """Rows of a mapped table, as its columns are read, in the order of the file."""
    source = shop.sources[table]
    kinds = {name: spec.kind if spec.kind != "money" else "number" for name, spec in TABLES[table].items()}
    wanted = {name: kinds.get(name, "open") for name in source.columns}
    readings = read_columns(connection, source, wanted, shop.formats[table])
    values = ", ".join(readings[name].value for name in wanted)
    rows = connection.execute(f"SELECT {values} FROM {source.relation} ORDER BY __row").fetchall()
    return [dict(zip(wanted, row, strict=True)) for row in rows]


def figures(shop: MappedShop, connection: duckdb.DuckDBPyConnection) -> Figures:
    """What the mapped sources of an export come to, by the rules of the mapping."""
    rules, lines = shop.rules, rows_of(shop, "orders", connection)
    bought, gross, back = [], 0.0, 0.0
    for line in lines:
        status = str(line.get("status") or "").lower()
        if status in rules.left_out:
            continue
        rate = rules.rates.get(str(line.get("currency")), 1.0)
        amount = float(line.get("amount") or 0.0) * rate  # type: ignore[arg-type]
        if amount < 0 or float(line.get("quantity") or 0.0) < 0:  # type: ignore[arg-type]
            back += abs(amount)
            continue
        bought.append(line)
        gross += amount
        back += amount if status in rules.returned else 0.0
    if "returns" in shop.sources:
        back += sum(abs(float(line["amount"])) for line in rows_of(shop, "returns", connection))  # type: ignore[arg-type]
    users = {line["user_id"] for line in bought} - {None, *rules.guests}
    orders = {line.get("order_id", (line["user_id"], line["ordered_at"])) for line in bought}
    return Figures(shop.sources["orders"].rows, len(orders), len(users), round(gross, 6), round(gross - back, 6))
