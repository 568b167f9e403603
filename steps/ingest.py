"""Entry point ``ingest``: a shop folder (or one flat file) to checked, pseudonymised tables."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import mlflow

from purchasing_power.shop.flat import read_flat
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.pseudonym import read_key
from purchasing_power.shop.samples import SAMPLES
from purchasing_power.shop.tables import write_tables
from purchasing_power.snapshot import user_table
from tracking import runs
from tracking.entry import Outputs, Parser, choice, execute, number


def parser() -> Parser:
    """Parameters of ``ingest``."""
    return (
        Parser(prog="ingest")
        .add("data", f"a shop folder, a flat CSV or Parquet file, or a sample: {', '.join(SAMPLES)}")
        .add("text", "flat file: the column of texts, or several separated by commas")
        .add("label", "flat file: the column to predict")
        .add("user", "flat file: the column of user ids, rows of one user stay together")
        .add("task", "flat file: what the label is", choice("auto", "binary", "multiclass", "regression"))
        .add("max_amount", "shop: order lines above this amount are quarantined", number)
        .add("workspace", "folder for the pseudonym key and caches")
    )


def run(args: argparse.Namespace) -> Outputs:
    """Take in a shop or a flat file and log the tables."""
    key = read_key(Path(args.workspace))
    with tempfile.TemporaryDirectory() as scratch:
        source = SAMPLES[args.data](Path(scratch) / "sample") if args.data in SAMPLES else Path(args.data)
        flat = source.is_file()
        return _flat(args, source, key, Path(scratch)) if flat else _shop(args, source, key, Path(scratch))


def _shop(args: argparse.Namespace, source: Path, key: bytes, scratch: Path) -> Outputs:
    report = ingest(source, scratch / "tables", key=key, max_amount=args.max_amount)
    mlflow.log_metrics(
        {
            f"{name}.{what}": getattr(counts, what)
            for name, counts in report.tables.items()
            for what in COUNTED
        }
    )
    runs.write_text(report.summary(), "intake.txt")
    return {"tables": runs.hand_over(scratch / "tables", "tables")}


COUNTED = ("read", "kept", "quarantined")


def _flat(args: argparse.Namespace, source: Path, key: bytes, scratch: Path) -> Outputs:
    table, quarantine = read_flat(
        source, text=args.text, label=args.label, user=args.user, key=key, task=args.task
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


def main() -> None:
    """Run from the command line."""
    execute("ingest", parser(), run)


if __name__ == "__main__":
    main()
