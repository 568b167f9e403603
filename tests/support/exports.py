"""Small exports in the manner of real ones, and what is right about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZipFile

import duckdb
import pandas as pd

from purchasing_power.shop.columns.column_reading import read_columns
from purchasing_power.shop.contract import TABLES
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.mapping.mapping import MappedShop, apply_mapping, load_mapping

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


def rows_of(shop: MappedShop, table: str, connection: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """Rows of a mapped table, as its columns are read, in the order of the file."""
    source = shop.sources[table]
    kinds = {name: spec.kind if spec.kind != "money" else "number" for name, spec in TABLES[table].items()}
    wanted = {name: kinds.get(name, "open") for name in source.columns}
    readings = read_columns(connection, source, wanted, shop.formats[table])
    values = ", ".join(readings[name].value for name in wanted)
    rows = connection.execute(f"SELECT {values} FROM {source.relation} ORDER BY __row").fetchall()
    return [dict(zip(wanted, row, strict=True)) for row in rows]


def figures(shop: MappedShop, rows: Callable[[str], list[dict[str, object]]]) -> Figures:
    """What the mapped sources of an export come to, by the rules of the mapping."""
    rules, lines = shop.rules, rows("orders")
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
        back += sum(abs(float(line["amount"])) for line in rows("returns"))  # type: ignore[arg-type]
    users = {line["user_id"] for line in bought} - {None, *rules.guests}
    orders = {line.get("order_id", (line["user_id"], line["ordered_at"])) for line in bought}
    return Figures(shop.sources["orders"].rows, len(orders), len(users), round(gross, 6), round(gross - back, 6))


def workbook(sheets: dict[str, list[list[object]]]) -> Callable[[Path], None]:
    """What writes a workbook of these sheets: texts and numbers, row by row."""

    def write(path: Path) -> None:
        names = list(sheets)
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        package = "http://schemas.openxmlformats.org/package/2006"
        tags = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(names, 1))
        links = "".join(
            f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(names) + 1)
        )
        with ZipFile(path, "w") as archive:
            archive.writestr(
                "[Content_Types].xml",
                f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
                '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                'spreadsheetml.sheet.main+xml"/></Types>',
            )
            archive.writestr(
                "_rels/.rels",
                f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/officeDocument" '
                'Target="xl/workbook.xml"/></Relationships>',
            )
            archive.writestr(
                "xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{tags}</sheets></workbook>'
            )
            archive.writestr(
                "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}/relationships">{links}</Relationships>'
            )
            for i, rows in enumerate(sheets.values(), 1):
                cells = "".join(f"<row>{''.join(_cell(value) for value in row)}</row>" for row in rows)
                archive.writestr(
                    f"xl/worksheets/sheet{i}.xml",
                    f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
                )

    return write


def _cell(value: object) -> str:
    if isinstance(value, (int, float)):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def ingested(export: Export, folder: Path) -> Figures:
    """What the intake of an export comes to, by its report and the tables that it writes."""
    source, mapping = export.write(folder)
    report = ingest(source, folder / "target", key=b"a key of some length", now=NOW, mapping=mapping)
    orders = pd.read_parquet(folder / "target" / "orders.parquet")
    known = orders[orders["user_id"].notna()]
    ids = "order_id" if "order_id" in orders else ["user_id", "ordered_at"]
    money = [(part.gross * part.rate, part.net * part.rate) for part in report.money]
    return Figures(
        report.tables["orders"].read,
        len(orders[ids].drop_duplicates()),
        known["user_id"].nunique(),
        round(sum(gross for gross, _ in money), 6),
        round(sum(net for _, net in money), 6),
    )
