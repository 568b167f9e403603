"""What a version promised when the gate let it pass, as the ledger recorded it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from purchasing_power.evaluation.bootstrap import Comparison, Interval
from tracking import registry
from tracking.ledger_record import Record


@dataclass(frozen=True)
class Promise:
    """A figure of the model, and its paired comparison with the naive baseline on the same rows."""

    figure: Interval
    naive: Comparison | None


def recorded(records: Sequence[Record], version: str) -> dict[str, Promise]:
    """The figure that the gate to staging saw of a version when it last moved it, by metric; empty without a record."""
    for one in reversed(records):
        if one.action == "promote" and one.to_stage == registry.STAGING and one.version == version:
            challenger, floor = one.figures.get("challenger"), one.figures.get("floor")
            if challenger is not None and _complete(Interval, challenger):
                naive = Comparison(**floor) if floor is not None and _complete(Comparison, floor) else None
                return {challenger["metric"]: Promise(Interval(**challenger), naive)}
    return {}


def _complete(kind: Any, values: dict[str, Any]) -> bool:
    """A record keeps a figure that was not defined as null."""
    return set(values) == {one.name for one in fields(kind)} and None not in values.values()
