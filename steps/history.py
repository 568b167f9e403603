"""Entry point ``history``: the ledger of a model, whether it is whole, and what promotions promised and gave."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import mlflow
from jinja2 import Environment

from purchasing_power.errors import DataError
from purchasing_power.snapshot import user_table
from steps.promotion.ledger_words import comparison, missed, sentence, table
from steps.promotion.realised_gain import Gain, gains
from tracking import ledger, runs
from tracking.entry import Outputs, Parser, execute, number, whole
from tracking.ledger_record import Record, problems

TEMPLATE = Path(__file__).with_name("history.html.j2")
RECORDS = ("#", "time (UTC)", "by", "what", "version", "to", "instead of", "try", "why")
GAINS = ("version", "instead of", "promised", "realised", "measured on")


def parser() -> Parser:
    """Parameters of ``history``."""
    return (
        Parser(prog="history")
        .add("users", "user table with ripe labels: a folder, a runs:/ URI, latest, or none")
        .add("model", "name of the registered model")
        .add("level", "level of the interval of a realised difference", number)
        .add("replicates", "bootstrap replicates", whole)
        .add("seed", "seed of the bootstrap", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Print the records and the gains, and write both as a page."""
    known = ledger.records(args.model)
    if not known:
        raise DataError(
            f"history: nothing has been written about {args.model}. Promote a version first, or name another model."
        )
    faults = problems(known, ledger.head(args.model))
    found = (
        []
        if args.users == "none"
        else gains(args, user_table.read(runs.fetch(args.users, "users")[0]), known)
    )
    _print(args.model, known, found, faults)
    mlflow.log_metric("ledger.faults", len(faults))
    mlflow.log_dict(
        {
            "records": [asdict(one) for one in known],
            "gains": [asdict(one) for one in found],
            "faults": faults,
        },
        "history.json",
    )
    page = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    rows = [
        dict(zip(("version", "before", "promised", "realised", "note"), _row(one), strict=True))
        for one in found
    ]
    text = page.render(model=args.model, records=known, gains=rows, faults=faults)
    return {"history_report": runs.write_text(text, "history.html")}


def _print(model: str, known: list[Record], found: list[Gain], faults: list[str]) -> None:
    lines = [f"History of {model}", table(RECORDS, [_line(one) for one in known])]
    lines += [f"! {fault}" for fault in faults] or [f"{len(known)} records, none edited, none missing."]
    if found:
        lines += ["", "Promised and realised", table(GAINS, [_row(one) for one in found])]
    sys.stdout.write("\n".join(lines) + "\n")


def _line(one: Record) -> tuple[str, ...]:
    what = f"{one.action}{' (FORCED)' if one.forced else ''}"
    failed = missed(one)
    why = f"missed: {failed}; {sentence(one)}" if failed else sentence(one)
    return (
        str(one.number),
        one.time[:16].replace("T", " "),
        one.who,
        what,
        one.version,
        one.to_stage or "",
        one.before or "",
        str(one.attempt or ""),
        why,
    )


def _row(one: Gain) -> tuple[str, ...]:
    realised = "-" if one.realised is None else comparison(asdict(one.realised), f"version {one.before}")
    return one.version, one.before, comparison(one.promised, f"version {one.before}"), realised, one.note


def main() -> None:
    """Run from the command line."""
    execute("history", parser(), run)


if __name__ == "__main__":
    main()
