"""Records of the ledger in words: a move, its decisive figures, and a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from purchasing_power.evaluation.bootstrap import metric_name
from tracking.ledger_record import Record

SHORT = 150
STOPPED = ("refuse", "overtaken")


def sentence(record: Record) -> str:
    """What decided: the comparison with production or the naive baseline, the figures of serving, or the reason."""
    if record.action in STOPPED and not missed(record):
        # Every check held: something else than the gate stopped the move, and its figures would say the contrary.
        return shortened(record.reason)
    forced = f"forced ({shortened(record.forced)}): " if record.forced else ""
    compared, load = record.figures.get("production"), record.figures.get("load")
    if compared is not None:
        return forced + comparison(compared, f"version {record.against}")
    # Records from before there were kinds of model call the baseline the floor.
    baseline = record.figures.get("baseline") or record.figures.get("floor")
    if baseline is not None:
        return forced + comparison(baseline, record.figures.get("baseline_name", "the naive baseline"))
    if load is not None:
        said = f"served: p99 {_ms(load['p99_ms'])} with {load['clients']} clients, {load['failed']} requests failed"
        return forced + said
    return shortened(record.reason)


def comparison(one: dict[str, Any], other: str) -> str:
    """Both figures, and the difference with its interval."""
    if one["low"] is None:
        return f"{metric_name(one['metric'])} is not defined on these rows"
    return (
        f"{metric_name(one['metric'])} {one['challenger']:.4f} against {one['champion']:.4f} of {other} "
        f"({one['difference']:+.4f}, {one['low']:+.4f} to {one['high']:+.4f})"
    )


def missed(record: Record) -> str:
    """The checks that did not hold, by name."""
    return ", ".join(check["name"] for check in record.checks if not check["held"])


def shortened(text: str) -> str:
    """The text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under each other, two spaces apart, for a terminal."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _ms(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.0f} ms"
