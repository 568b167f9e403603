"""A proposed mapping of an export, from the headers of its files and what their cells hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.column_reading import read_columns
from purchasing_power.shop.contract import OPEN_TABLES, TABLES
from purchasing_power.shop.mapping.doubts import read_one_table, repeated_totals
from purchasing_power.shop.mapping.looked import Looked, is_whole, look_at, match, named_time, price_of, repeats
from purchasing_power.shop.mapping.mapping import built_in_names, list_files, load_mapping
from purchasing_power.shop.mapping.rules import ShopMapping
from purchasing_power.shop.mapping.tables import fits_headers
from purchasing_power.shop.mapping.words import column_words, personal_words, plain, tables_named
from purchasing_power.shop.reading.source import Source, find_sources
from purchasing_power.shop.reading.sql import identifier
from purchasing_power.shop.reading.staged import ReadOptions
from purchasing_power.shop.reading.workbook import sheet_names

# Rows of a file that are looked at.
_LOOKED_AT = 20_000
WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_PREFERRED = ("orders", "returns", "products", "users", "events", "texts", "follows", "campaigns", "redemptions")
# Without these a file is no such table, whatever else it holds.
_TELLING = {
    "orders": ("user_id", "ordered_at", "order_id", "product_id", "amount", "quantity"),
    "returns": ("returned_at", "amount", "order_id", "user_id"),
    "products": ("product_id", "title", "category", "brand"),
    "users": ("user_id", "joined_at"),
    "events": ("user_id", "occurred_at", "event", "product_id"),
    "texts": ("user_id", "written_at", "text", "kind"),
    "follows": ("user_id", "friend_id", "since"),
    "campaigns": ("user_id", "campaign_id", "sent_at"),
    "redemptions": ("user_id", "campaign_id", "redeemed_at"),
}


# A file, the sheet where it is one of several, and its rows.
Opened = tuple[Path, str | None, Source]


def suggest(folder_or_file: Path, scratch: Path, connection: duckdb.DuckDBPyConnection) -> str:
    """The text of a proposed mapping file: what was recognised, which file becomes which table, what was not placed.

    Raises
    ------
    DataError
        If there is no folder or file, or no file of it can be read.
    """
    if not folder_or_file.exists():
        raise DataError(f"data: no folder or file at {folder_or_file}. Give the folder of the export, or its file.")
    paths = [folder_or_file] if folder_or_file.is_file() else list(find_sources(folder_or_file).values())
    opened: list[Opened] = []
    faults = []
    for path in paths:
        try:
            opened += _open(path, scratch, connection)
        except DataError as error:
            faults.append(f"not read: {error}")
    if not opened:
        told = " ".join(faults) or f"data: no table file in {folder_or_file}."
        raise DataError(f"mapping=suggest: {told} Give files such as .csv, .tsv, .xlsx or .parquet.")
    known = _recognised(opened, folder_or_file)
    if known is not None:
        first = f"this looks like {known.name}: -P mapping={known.name} reads it as below."
        return _comments([first, *faults]) + known.text
    return _proposed([look_at(*part, connection) for part in opened], faults, connection)


def _open(path: Path, scratch: Path, connection: duckdb.DuckDBPyConnection) -> list[Opened]:
    """A file, or each sheet of a workbook whose sheets are not of one header."""

    def read(sheet: str | None) -> Opened:
        return path, sheet, read_one_table(path, scratch, connection, ReadOptions(sheet=sheet, rows=_LOOKED_AT))

    sheets = sheet_names(path) if path.suffix.lower() in WORKBOOKS else []
    if len(sheets) < 2:
        return [read(None)]
    try:
        return [read("*")]
    except DataError:
        return [read(sheet) for sheet in sheets]


def _comments(lines: Iterable[str]) -> str:
    return "".join(f"# {part}\n" for line in lines for part in line.splitlines())


def _recognised(opened: list[Opened], folder_or_file: Path) -> ShopMapping | None:
    for name in built_in_names():
        mapping = load_mapping(name)
        export = list_files(mapping, folder_or_file)
        orders = mapping.tables["orders"]
        named = [*orders.files, *(part.file for part in orders.joins if not part.optional)]
        paths = {path for part in named for path in export.find(part)}
        headers = [column for path, _, source in opened if path in paths for column in source.columns]
        plain_names = [part for part in orders.joins if not export.find(part.file)]
        if export.missing(orders.files) or plain_names:
            continue
        if fits_headers(orders, headers):
            return mapping
    return None


def _proposed(looked: list[Looked], faults: list[str], connection: duckdb.DuckDBPyConnection) -> str:
    tables = _assigned(looked)
    body = {name: _table(name, parts, looked, connection) for name, parts in tables.items()}
    head = ["A proposed mapping: read it through, correct it, and give it with -P mapping=FILE.", *faults]
    head += [f"{part.name}: read as {name}" for name, parts in tables.items() for part in parts]
    placed = {part.name for parts in tables.values() for part in parts}
    for part in looked:
        if part.name not in placed:
            joined = any(f"join: {{file: {scalar(part.path.name)}," in text for text in body.values())
            how = "joined" if joined else "not placed"
            head.append(f"{part.name}: {how} ({', '.join(part.source.columns)})")
    if "orders" not in tables:
        head.append("no file was recognised as orders: that table is needed, with user_id and ordered_at.")
    return _comments(head) + "tables:\n" + ("".join(body.values()) or "  {}\n")


def _assigned(looked: list[Looked]) -> dict[str, list[Looked]]:
    """Files by the table that suits each best; of several for one table those with one header."""
    best: dict[str, list[tuple[float, Looked]]] = {}
    for part in looked:
        scores = {table: _score(table, part) for table in _PREFERRED}
        table = max(scores, key=lambda name: scores[name])
        if scores[table] > 0:
            best.setdefault(table, []).append((scores[table], part))
    done: dict[str, list[Looked]] = {}
    for table in sorted(best, key=_PREFERRED.index):
        ranked = [part for _, part in sorted(best[table], key=lambda pair: -pair[0])]
        header = set(ranked[0].source.columns)
        done[table] = [part for part in ranked if set(part.source.columns) == header]
    if "orders" in done and "products" not in done and _describes_products(done["orders"][0]):
        done["products"] = done["orders"]
    return {table: done[table] for table in _PREFERRED if table in done}


def _describes_products(part: Looked) -> bool:
    product, title = match("product_id", part), match("title", part)
    return product is not None and title not in (None, product)


def _score(table: str, part: Looked) -> float:
    found = {name for name in _TELLING[table] if match(name, part) is not None}
    if table == "orders" and ("amount" not in found and price_of(part) is not None):
        found.add("amount")
    # A time that cannot be read, or days that are counted, are told of where the column would stand.
    if table == "orders" and {"order_id", "amount"} & found and named_time("ordered_at", part):
        found.add("ordered_at")
    if table == "events" and "event" in found and named_time("occurred_at", part):
        found.add("occurred_at")
    needed = {name for name, column in TABLES[table].items() if column.needed}
    lines = table == "orders" and {"order_id", "product_id"} <= found
    named = tables_named(part.sheet or part.path.stem)
    if table == "orders":
        enough = (lines and ("orders" in named or "amount" in found)) or (
            {"user_id", "ordered_at"} <= found and bool({"amount", "product_id", "quantity"} & found)
        )
        if "order_id" in found and "ordered_at" in found and "amount" in found:
            enough = True
    elif table == "users":
        enough = "user_id" in found and ("users" in named or "joined_at" in found)
    else:
        enough = needed <= found and (table != "returns" or "returns" in named)
    bonus = 2.0 if table in named else 0.0
    return (len(found) + bonus + (0.5 if table == "returns" else 0.0)) if enough else 0.0


def _table(table: str, parts: list[Looked], looked: list[Looked], connection: duckdb.DuckDBPyConnection) -> str:
    part = parts[0]
    columns = {name: found for name in TABLES[table] if (found := match(name, part)) is not None}
    columns = _distinct(columns)
    lines: list[str] = []
    tail: list[str] = []
    notes: list[str] = []
    if table == "orders":
        notes = _doubtful(columns, part, connection)
        columns, tail = _with_amount(columns, part, connection)
        columns, joins = _with_join(columns, part, looked)
        lines += joins
    lines_too = table == "products" and match("order_id", part) is not None
    if table in OPEN_TABLES and not lines_too:
        columns |= _further(table, part, columns)
    used = {name for value in columns.values() for name in _used(value, part)}
    left = [name for name in part.source.columns if name not in used]
    missing = [name for name, spec in TABLES[table].items() if spec.needed and name not in columns]
    notes += [_told_missing(name, table) for name in missing]
    notes += [told for name in missing if TABLES[table][name].kind == "time" for told in _told_time(name, part)]
    notes += [f"not placed: {', '.join(left)}"] if left and not lines_too else []
    text = "".join(f"  # {note}\n" for note in notes) + f"  {table}:\n" + _from(parts)
    text += "".join(f"    {line}\n" for line in [*lines, *tail])
    key = {"users": "user_id", "products": "product_id"}.get(table)
    if key in columns and (lines_too or repeats(part, columns[key], connection)):
        text += f"    distinct: {key}\n"
    return text + "    columns:\n" + "".join(f"      {name}: {scalar(value)}\n" for name, value in columns.items())


def _from(parts: list[Looked]) -> str:
    files = [scalar(other.path.name) for other in parts]
    text = f"    from: {files[0] if len(files) == 1 else '[' + ', '.join(files) + ']'}\n"
    return text if parts[0].sheet is None else text + f"    read: {{sheet: {scalar(parts[0].sheet)}}}\n"


def _doubtful(columns: dict[str, str], part: Looked, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What looks like a column of the orders and is not; a discount that is a share is taken out of the columns."""
    notes = []
    discount = columns.get("discount")
    if discount is not None:
        value = read_columns(connection, part.source, {discount: "number"})[discount].value
        most = connection.execute(f"SELECT max({value}) FROM {part.source.relation}").fetchone()
        if most is not None and most[0] is not None and 0 < most[0] <= 1:
            del columns["discount"]
            notes.append(f"{discount} holds shares of 0 to 1, not money: multiply it in where prices are before it")
    amount, price = columns.get("amount"), price_of(part)
    if amount is not None and price is not None and "quantity" not in columns and is_whole(part, amount, connection):
        notes.append(f"{amount} holds whole numbers and {price} is there too: {amount} may be a quantity")
    return notes


def _told_time(column: str, part: Looked) -> list[str]:
    name = named_time(column, part)
    if name is None:
        return []
    if part.kinds[name] == "number":
        counted = f"{column}: DATE '2020-01-01' + to_days(CAST({_quoted(name)} AS INT))"
        return [f"{name} holds numbers that are no dates; if they count days, lay them on a calendar: {counted}"]
    return [
        f'{name} cannot be read as times; state how they are written: {column}: {{column: {name}, date: "%Y-%m-%d"}}'
    ]


def _told_missing(name: str, table: str) -> str:
    more = ": a customer number, an e-mail address or a telephone number" if name == "user_id" else ""
    return f"no column was found for {name}{more}; {table} needs it, so add it below"


def _distinct(columns: dict[str, str]) -> dict[str, str]:
    """Each column of a file once, for the contract column that comes first."""
    done: dict[str, str] = {}
    for name, value in columns.items():
        if value not in done.values():
            done[name] = value
    return done


def _used(value: str, part: Looked) -> list[str]:
    return [name for name in part.source.columns if name == value or _quoted(name) in value.split(" * ")]


def _quoted(name: str) -> str:
    """A column name as an expression writes it."""
    return name if re.fullmatch(r"[^\W\d]\w*", name) else identifier(name)


def _with_amount(
    columns: dict[str, str], part: Looked, connection: duckdb.DuckDBPyConnection
) -> tuple[dict[str, str], list[str]]:
    """The amount of a line: a column, quantity times price, or a share of the order's total."""
    price, total = price_of(part), match("order_total", part)
    order, quantity = columns.get("order_id"), columns.get("quantity")
    if "amount" not in columns and price is not None:
        worked = f"{_quoted(quantity)} * {_quoted(price)}" if quantity else price
        return {**columns, "amount": worked}, []
    amount = columns.get("amount", total)
    if amount is None:
        return columns, []
    if order is None or not _is_total(part, order, amount, columns.get("product_id"), connection):
        return {**columns, "amount": amount}, []
    tail = [
        f"# {amount} is the same on all rows of an order: it is taken as the total of the order",
        f"share: {{column: {scalar(amount)}, by: {scalar(order)}}}",
    ]
    return {**columns, "amount": amount}, tail


def _is_total(
    part: Looked, order: str, amount: str, product: str | None, connection: duckdb.DuckDBPyConnection
) -> bool:
    wanted = {order: "id", amount: "number", **({product: "id"} if product else {})}
    readings = read_columns(connection, part.source, wanted)
    values = [readings[name].value for name in (order, amount)]
    item = readings[product].value if product else None
    return repeated_totals(connection, part.source.relation, values[0], values[1], item) is not None


def _with_join(columns: dict[str, str], part: Looked, looked: list[Looked]) -> tuple[dict[str, str], list[str]]:
    """The columns of another file that has the same key and what is missing here: user and time."""
    missing = [name for name in ("user_id", "ordered_at") if name not in columns]
    order = columns.get("order_id")
    if not missing or order is None:
        return columns, []
    for other in looked:
        key = match("order_id", other)
        more = {name: found for name in (*missing, "status", "currency") if (found := match(name, other)) is not None}
        if other.path == part.path or other.sheet or key is None or not set(missing) <= set(more):
            continue
        on = scalar(order) if order == key else f"{{{scalar(order)}: {scalar(key)}}}"
        taken = ", ".join(scalar(value) for value in more.values())
        line = f"join: {{file: {scalar(other.name)}, on: {on}, columns: [{taken}]}}"
        return {**columns, **{name: value for name, value in more.items() if name not in columns}}, [line]
    return columns, []


def _further(table: str, part: Looked, columns: dict[str, str]) -> dict[str, str]:
    """Other columns of people and products, but for what people are called by."""
    personal = personal_words() if table == "users" else frozenset()
    words = {"user_id": column_words("user_id")} if table == "users" else {}
    rest = [
        name
        for name in part.source.columns
        if name not in columns.values()
        and plain(name) not in personal
        and plain(name) not in words.get("user_id", ())
        and part.kinds[name] not in ("nested", "empty")
    ]
    return {_safe(name, place): name for place, name in enumerate(rest, 1)}


def _safe(name: str, place: int) -> str:
    return re.sub(r"\W+", "_", name.strip()).strip("_").lower() or f"column_{place}"


def scalar(text: str) -> str:
    """A text as YAML writes it: in quotes where it could be read as something else."""
    simple = re.fullmatch(r"[^\W\d][\w ./*-]*", text) and text == text.strip()
    words = ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "~")
    if simple and text.lower() not in words:
        return text
    return f"'{text}'" if '"' in text and "'" not in text else json.dumps(text, ensure_ascii=False)
