"""Realised and estimated performance of a version: a figure with its interval, and whether it fell behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from purchasing_power.evaluation.bootstrap import Comparison, Interval
from tracking import registry
from tracking.ledger_record import Record

LOWER_IS_BETTER = ("calibration_error",)


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


@dataclass(frozen=True)
class RealisedFigure:
    """A figure on rows whose labels matured after training, beside the naive baseline and the reference performance.

    Attributes
    ----------
    figure
        The model's figure with its bootstrap interval.
    naive
        The paired comparison with the naive baseline on the same rows.
    reference
        The same figure as the gate recorded it, or on the held-back rows of the table that the version was trained
        from; ``None`` where it had none.
    """

    figure: Interval
    naive: Comparison
    reference: ReferencePerformance | None

    @property
    def below_reference(self) -> bool:
        """Whether it is worse than the reference interval by more than its own chance variation."""
        if self.reference is None:
            return False
        figure, reference = self.figure, self.reference.figure
        if figure.metric in LOWER_IS_BETTER:
            return figure.value > reference.high and figure.low > reference.value
        return figure.value < reference.low and figure.high < reference.value

    @property
    def keeps_its_lead(self) -> bool:
        """Whether the model is as far ahead of the naive baseline, on the same rows, as in the reference performance.

        A month that is hard for both is no fault of the model, and training again would not make it easier.
        """
        before, now = None if self.reference is None else self.reference.naive, self.naive
        if before is None or not now.low > 0:
            return False
        return not (now.difference < before.low and now.high < before.difference)

    @property
    def poor(self) -> bool:
        """Whether the model is to blame: below its reference performance, and less far ahead of the naive baseline."""
        return self.below_reference and not self.keeps_its_lead


@dataclass(frozen=True)
class EstimatedFigure:
    """A figure that is expected before labels mature, see ``estimate.estimated_performance``. It is no measurement.

    Attributes
    ----------
    current
        Expected figure of the current users, without the error that the estimate had on the held-back rows, and the
        interval in which chance alone would place the realised one.
    reference
        The same on the held-back rows, where it is what was realised.
    uncorrected_reference
        The estimate there before it was corrected.
    """

    current: Interval
    reference: Interval
    uncorrected_reference: float

    @property
    def dropped(self) -> bool:
        """Whether it lies below the same estimate on the held-back rows by more than chance."""
        return self.current.value < self.reference.low and self.current.high < self.reference.value


@dataclass(frozen=True)
class Performance:
    """Realised performance, or why it is not known.

    Attributes
    ----------
    figures
        The figure that the model was chosen by first; empty while nothing is known.
    why
        A sentence: which rows were evaluated, or why none could be.
    users
        Distinct users evaluated.
    moment
        ISO date of the cutoff evaluated; empty for a flat table and where nothing was evaluated.
    """

    figures: tuple[RealisedFigure, ...]
    why: str
    users: int
    moment: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a figure."""
        return bool(self.figures)
