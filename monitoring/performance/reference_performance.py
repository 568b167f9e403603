"""Reference performance of a version: its figures when the gate let it pass, as the ledger recorded them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from purchasing_power.evaluation.bootstrap import Comparison, Interval
from tracking import registry
from tracking.ledger_record import Record


@dataclass(frozen=True)
class ReferencePerformance:
    """A figure of the model, and its paired comparison with the naive baseline on the same rows."""

    figure: Interval
    naive: Comparison | None


def recorded_performance(records: Sequence[Record], version: str) -> dict[str, ReferencePerformance]:
    """The figure by which the gate to staging last moved a version, by metric; empty without a record."""
    for record in reversed(records):
        if (record.action, record.to_stage, record.version) == ("promote", registry.STAGING, version):
            challenger = record.figures.get("challenger")
            # Records of the gate before kinds of model called the baseline the floor.
            baseline = record.figures.get("baseline") or record.figures.get("floor")
            if challenger is not None and _complete(Interval, challenger):
                naive = None
                if baseline is not None and _complete(Comparison, baseline):
                    naive = Comparison(**baseline)
                return {challenger["metric"]: ReferencePerformance(Interval(**challenger), naive)}
    return {}


def _complete(kind: Any, values: dict[str, Any]) -> bool:
    """A record keeps a figure that was not defined as null."""
    return set(values) == {one.name for one in fields(kind)} and None not in values.values()
