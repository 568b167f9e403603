"""x"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.mapping.files import list_files, unread_files
from purchasing_power.shop.mapping.form import nearest, parse_yaml
from purchasing_power.shop.mapping.rows import Workplace
from purchasing_power.shop.mapping.rules import ShopMapping as ShopMapping
from purchasing_power.shop.mapping.rules import check_mapping
from purchasing_power.shop.mapping.tables import build_table
from purchasing_power.shop.order_rules import OrderRules
from purchasing_power.shop.reading.source import Source

ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class MappedShop:
    """Sources of contract tables that a mapping made of an export.

    Attributes
    ----------
    sources
        By contract table; columns have contract names.
    rules
        What statuses, guests and currencies mean.
    formats
        By contract table, how its columns are written.
    notes, warnings
        What was done and seen, for people, without a value of a row.
    """

    sources: dict[str, Source]
    rules: OrderRules
    formats: dict[str, Formats]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def built_in_names() -> tuple[str, ...]:
    """Names of the mappings that come with the library."""
    folder = resources.files("purchasing_power.shop.mapping") / "built_in"
    return tuple(sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml")))


def load_mapping(name_or_path: str) -> ShopMapping:
    """A checked mapping, from a YAML file or one that is built in.

    Raises
    ------
    DataError
        If there is none of that name, or a key or value in it is wrong, with its path.
    """
    text, name = _text(name_or_path), name_or_path
    digest = hashlib.sha256(text.encode()).hexdigest()
    return check_mapping(parse_yaml(text, name), name, text, digest)


def _text(name_or_path: str) -> str:
    names = built_in_names()
    if name_or_path in names:
        folder = resources.files("purchasing_power.shop.mapping") / "built_in"
        return (folder / f"{name_or_path}.yaml").read_text(encoding="utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        raise DataError(
            f'mapping: no file and no built-in mapping "{name_or_path}"; {nearest(name_or_path, names)}, or a YAML '
            "file. Give one of them, or write one with mapping=suggest."
        )
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"mapping: {path.name} is not UTF-8. Save it as UTF-8.") from error


def apply_mapping(
    mapping: ShopMapping, folder_or_file: Path, scratch: Path, connection: duckdb.DuckDBPyConnection
) -> MappedShop:
    """The contract tables that a mapping makes of an export; what is worked out is written to ``scratch``.

    Raises
    ------
    DataError
        If a file, a column or a partner is missing, or a step would change what the rows mean.
    """
    export, work = list_files(mapping, folder_or_file), Workplace(connection, scratch)
    built = {name: build_table(name, rule, export, work) for name, rule in mapping.tables.items()}
    tables = {name: table for name, table in built.items() if table is not None}
    if "orders" in mapping.tables and "orders" not in tables:
        raise DataError(
            f"mapping {mapping.name}: no file of {', '.join(mapping.tables['orders'].files)} in {folder_or_file}; "
            "orders are needed. Check the folder, or correct tables.orders.from."
        )
    absent = [f"{name}: no file for it, which the mapping does without" for name in built if name not in tables]
    unread = [f"{name} was not read: the mapping names no use for it" for name in unread_files(export)]
    return MappedShop(
        {name: table.source for name, table in tables.items()},
        mapping.rules,
        {name: table.formats for name, table in tables.items()},
        tuple(dict.fromkeys([*(note for table in tables.values() for note in table.notes), *absent, *unread])),
        tuple(warning for table in tables.values() for warning in table.warnings),
    )
