"""Entry point ``ingest``: a shop folder (or one flat file) to checked, pseudonymised tables."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlflow

from purchasing_power.errors import DataError
from purchasing_power.shop.flat import read_flat
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.pseudonym import read_key
from purchasing_power.shop.samples import SAMPLES
from purchasing_power.shop.tables import write_tables
from purchasing_power.snapshot import user_table
from tracking import runs
from tracking.entry import Outputs, choice, execute, number, parameter


@dataclass(frozen=True)
class Options:
    """Parameters of ``ingest``."""

    data: str = parameter(f"a shop folder, a flat CSV or Parquet file, or a sample: {', '.join(SAMPLES)}")
    text: str = parameter("flat file: the column of texts, or several separated by commas")
    label: str = parameter("flat file: the column to predict")
    user: str = parameter("flat file: the column of user ids, rows of one user stay together")
    task: str = parameter("flat file: what the label is", choice("auto", "binary", "multiclass", "regression"))
    max_amount: float = parameter("shop: order lines above this amount are quarantined", number)
    workspace: str = parameter("folder for the pseudonym key and caches")


def run(options: Options) -> Outputs:
    """Take in a shop or a flat file and log the tables."""
    if options.data not in SAMPLES and not Path(options.data).exists():
        raise DataError(
            f"data: got {options.data}, where there is neither file nor folder; allowed are a folder of shop tables, "
            f"a flat CSV or Parquet file, and the samples {', '.join(SAMPLES)}. Correct the path."
        )
    key = read_key(Path(options.workspace), sample=options.data in SAMPLES)
    with tempfile.TemporaryDirectory() as scratch:
        source = SAMPLES[options.data](Path(scratch) / "sample") if options.data in SAMPLES else Path(options.data)
        flat = source.is_file()
        return _flat(options, source, key, Path(scratch)) if flat else _shop(options, source, key, Path(scratch))


def _shop(options: Options, source: Path, key: bytes, scratch: Path) -> Outputs:
    report = ingest(source, scratch / "tables", key=key, max_amount=options.max_amount)
    mlflow.log_metrics(
        {f"{name}.{what}": getattr(counts, what) for name, counts in report.tables.items() for what in COUNTED}
    )
    runs.write_text(report.summary(), "intake.txt")
    return {"tables": runs.hand_over(scratch / "tables", "tables")}


COUNTED = ("read", "kept", "quarantined")


def _flat(options: Options, source: Path, key: bytes, scratch: Path) -> Outputs:
    table, quarantine = read_flat(
        source, text=options.text, label=options.label, user=options.user, key=key, task=options.task
    )
    user_table.write(table, scratch / "users")
    write_tables({"quarantine": quarantine}, scratch / "quarantine")
    runs.hand_over(scratch / "quarantine", "quarantine")
    mlflow.log_metrics(
        {
            "flat.read": len(table.frame) + len(quarantine),
            "flat.kept": len(table.frame),
            "flat.quarantined": len(quarantine),
        }
    )
    return {"users": runs.hand_over(scratch / "users", "users")}


if __name__ == "__main__":
    execute("ingest", Options, run)
