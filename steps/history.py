"""Entry point ``history``: the ledger of a model, whether it is complete, and what its promotions gained."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import mlflow

from purchasing_power.errors import DataError
from purchasing_power.kinds import registry as kinds
from purchasing_power.pages.page import GREEN, ORANGE, render_page, verdict
from steps.promotion.ledger_words import comparison, missed, sentence, table
from tracking import ledger, runs
from tracking.entry import Outputs, count, execute, number, parameter
from tracking.ledger_record import Record, problems
from tracking.registry import ModelOptions

if TYPE_CHECKING:
    from steps.promotion.realised_gain import Gain

RECORDS = ("#", "time (UTC)", "by", "what", "version", "to", "instead of", "try", "why")
GAINS = ("version", "instead of", "expected", "realised", "measured on")


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``history``."""

    users: str = parameter("table with matured labels: a folder, a runs:/ URI, latest, or none")
    level: float = parameter("level of the interval of a realised difference", number)
    replicates: int = parameter("bootstrap replicates", count)
    seed: int = parameter("seed of the bootstrap", count)


def run(options: Options) -> Outputs:
    """Print the records and the gains, and write both as a page."""
    known = ledger.records(options.registered)
    if not known:
        raise DataError(
            f"history: nothing has been written about {options.registered}. Promote a version first, or name another "
            "model."
        )
    faults = problems(known, ledger.head(options.registered))
    found = [] if options.users == "none" else _gains(options, known)
    _print(options.registered, known, found, faults)
    mlflow.log_metric("ledger.faults", len(faults))
    mlflow.log_dict(
        {"records": [asdict(one) for one in known], "gains": [asdict(one) for one in found], "faults": faults},
        "history.json",
    )
    page = _page(options, known, found, faults)
    return {"history_report": runs.write_text(page, "history.html")}


def _page(options: Options, known: list[Record], found: list[Gain], faults: list[str]) -> str:
    complete = f"Each of {len(known)} records follows the one before it; none was edited or is missing."
    nothing = "Not measured: give users, a table with matured labels."
    if options.users != "none":
        nothing = "No version has replaced another by the gate yet."
    return render_page(
        "steps",
        "history.html.j2",
        f"History of {options.registered}",
        colour=ORANGE if faults else GREEN,
        headline="The ledger has been edited or is incomplete." if faults else complete,
        faults=faults,
        note="" if found else nothing,
        head=GAINS,
        gains=[_row(gain) for gain in found],
        records=[_cells(record) for record in reversed(known)],
    )


def _cells(record: Record) -> tuple[object, ...]:
    what = f"{record.action}, forced: {record.forced}" if record.forced else record.action
    source = (
        f"try {record.attempt}" if record.attempt else "",
        f"data {record.data['users.digest']}" if "users.digest" in record.data else "",
        f"commit {record.commit[:10]}{', with uncommitted changes' if record.dirty == 'true' else ''}",
        f"digest {record.digest[:12]}",
    )
    return (
        record.number,
        (record.time[:16].replace("T", " "), record.who),
        verdict(what, good=False) if record.forced or record.action == "refuse" else what,
        (record.version, f"instead of {record.before}" if record.before else ""),
        f"{record.from_stage or ''} → {record.to_stage or ''}" if record.from_stage or record.to_stage else "",
        (record.reason, "; ".join(part for part in source if part)),
    )


def _gains(options: Options, known: list[Record]) -> list[Gain]:
    # Who does not ask for gains need not wait until all that figures take is imported.
    from purchasing_power.evaluation.bootstrap import Resampling
    from steps.promotion.realised_gain import gains

    kind = kinds.kind(options.kind)
    rows = kind.read(runs.fetch(options.users, "users")[0])
    resampling = Resampling(options.replicates, options.seed, options.level)
    return gains(kind, options.registered, rows, known, resampling)


def _print(model: str, known: list[Record], found: list[Gain], faults: list[str]) -> None:
    lines = [f"History of {model}", table(RECORDS, [_line(one) for one in known])]
    lines += [f"! {fault}" for fault in faults] or [f"{len(known)} records, none edited, none missing."]
    if found:
        lines += ["", "Expected and realised", table(GAINS, [_row(one) for one in found])]
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
    return one.version, one.before, comparison(one.expected, f"version {one.before}"), realised, one.note


if __name__ == "__main__":
    execute("history", Options, run)
