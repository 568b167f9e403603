"""Entry point ``ingest``: a shop folder (or one flat file) to checked, pseudonymised tables."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import mlflow

from purchasing_power.errors import DataError
from purchasing_power.pages.page import LANGUAGES
from purchasing_power.shop.flat import flat_report, read_flat
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.intake_page.page import intake_page
from purchasing_power.shop.mapping.mapping import load_mapping
from purchasing_power.shop.mapping.suggest import suggest
from purchasing_power.shop.order_lines import DUPLICATES
from purchasing_power.shop.pseudonym import read_key
from purchasing_power.shop.report import IntakeReport, summary
from purchasing_power.shop.samples import SAMPLES
from purchasing_power.shop.tables import write_tables
from purchasing_power.snapshot import user_table
from tracking import runs
from tracking.entry import Outputs, choice, execute, number, parameter

COUNTED = ("read", "kept", "quarantined", "added_up", "returned", "guests")
SUGGEST = "suggest"


@dataclass(frozen=True)
class Options:
    """Parameters of ``ingest``."""

    data: str = parameter(f"a shop folder, a flat file of any format, or a sample: {', '.join(SAMPLES)}")
    text: str = parameter("flat file: the column of texts, or several separated by commas")
    label: str = parameter("flat file: the column to predict")
    user: str = parameter("flat file: the column of user ids, rows of one user stay together")
    task: str = parameter("flat file: what the label is", choice("auto", "binary", "multiclass", "regression"))
    max_amount: float = parameter("shop: order lines above this amount are quarantined", number)
    mapping: str = parameter("a mapping file, one built in, suggest to have one proposed, or none")
    duplicates: str = parameter("shop: order lines that repeat one in every column", choice(*DUPLICATES))
    language: str = parameter("language of the intake page: en or zh", choice(*LANGUAGES))
    workspace: str = parameter("folder for the pseudonym key and caches")


def run(options: Options) -> Outputs:
    """Take in a shop or a flat file and log the tables."""
    if options.data not in SAMPLES and not Path(options.data).exists():
        raise DataError(
            f"data: got {options.data}, where there is neither file nor folder; allowed are a folder of shop tables, "
            f"a flat CSV or Parquet file, and the samples {', '.join(SAMPLES)}. Correct the path."
        )
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        source = SAMPLES[options.data](scratch / "sample") if options.data in SAMPLES else Path(options.data)
        if options.mapping == SUGGEST:
            return _suggest(source, scratch)
        key = read_key(Path(options.workspace), sample=options.data in SAMPLES)
        read = _flat if is_flat(source, options.mapping) else _shop
        return read(options, source, key, scratch)


def is_flat(source: Path, mapping: str) -> bool:
    """Whether data is a flat file: one file, of which no mapping makes a shop's tables."""
    return source.is_file() and (mapping == "none" or not load_mapping(mapping).tables)


def _suggest(source: Path, scratch: Path) -> Outputs:
    """Propose a mapping, to be read through and given with ``-P mapping=FILE``."""
    with duckdb.connect() as connection:
        proposed = suggest(source, scratch, connection)
    sys.stdout.write(proposed + "\n")
    return {"mapping": runs.write_text(proposed, "mapping.yaml")}


def _shop(options: Options, source: Path, key: bytes, scratch: Path) -> Outputs:
    report = ingest(
        source,
        scratch / "tables",
        key=key,
        max_amount=options.max_amount,
        mapping=None if options.mapping == "none" else options.mapping,
        duplicates=options.duplicates,
    )
    return {"tables": runs.hand_over(scratch / "tables", "tables"), "intake_page": _tell(options, report)}


def _tell(options: Options, report: IntakeReport) -> str:
    """Log what the intake found as metrics, as text and as a page."""
    mlflow.log_metrics(
        {f"{name}.{what}": getattr(table, what) for name, table in report.tables.items() for what in COUNTED}
    )
    for one in report.money:
        amounts = {"gross": one.gross, "returned": one.returned, "net": one.net}
        currency = f".{one.currency}" if one.currency else ""
        mlflow.log_metrics({f"money{currency}.{name}": amount for name, amount in amounts.items()})
    mlflow.log_metric("warnings", len(report.warnings))
    runs.write_text(summary(report), "intake.txt")
    if options.mapping != "none":
        runs.write_text(load_mapping(options.mapping).text, "mapping.yaml")
    page = intake_page(report, Path(options.data).name or options.data, options.language)
    return runs.write_text(page, "intake.html")


def _flat(options: Options, source: Path, key: bytes, scratch: Path) -> Outputs:
    table, quarantine = read_flat(
        source,
        text=options.text,
        label=options.label,
        user=options.user,
        key=key,
        task=options.task,
        mapping=None if options.mapping == "none" else options.mapping,
    )
    user_table.write(table, scratch / "users")
    write_tables({"quarantine": quarantine}, scratch / "quarantine")
    runs.hand_over(scratch / "quarantine", "quarantine")
    page = _tell(options, flat_report(source.name, table, quarantine))
    return {"users": runs.hand_over(scratch / "users", "users"), "intake_page": page}


if __name__ == "__main__":
    execute("ingest", Options, run)
