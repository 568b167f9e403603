"""Realised and estimated performance of a version: a figure with its interval, and whether it fell behind."""

from __future__ import annotations

from dataclasses import dataclass

from purchasing_power.evaluation.bootstrap import Comparison, Interval

LOWER_IS_BETTER = ("calibration_error",)


@dataclass(frozen=True)
class Realised:
    """A figure on rows whose outcome became known after training, beside the naive baseline and the promise.

    Attributes
    ----------
    figure
        The model's figure with its bootstrap interval.
    naive
        The paired comparison with the naive baseline on the same rows.
    promised
        The same figure as the gate saw it, or on the held-back rows of the table that the version was trained from;
        ``None`` where it had none.
    promised_naive
        The paired comparison with the naive baseline on the rows of the promise.
    """

    figure: Interval
    naive: Comparison
    promised: Interval | None
    promised_naive: Comparison | None = None

    @property
    def below_promise(self) -> bool:
        """Whether it is worse than the promised interval by more than its own chance variation."""
        if self.promised is None:
            return False
        if self.figure.metric in LOWER_IS_BETTER:
            return self.figure.value > self.promised.high and self.figure.low > self.promised.value
        return self.figure.value < self.promised.low and self.figure.high < self.promised.value

    @property
    def keeps_its_lead(self) -> bool:
        """Whether the model is as far ahead of the naive baseline, on the same rows, as was promised.

        A month that is hard for both is no fault of the model, and training again would not make it easier.
        """
        promised, now = self.promised_naive, self.naive
        if promised is None or not now.low > 0:
            return False
        return not (now.difference < promised.low and now.high < promised.difference)

    @property
    def poor(self) -> bool:
        """Whether the model is to blame: below its promise, and not as far ahead of the naive baseline as promised."""
        return self.below_promise and not self.keeps_its_lead


@dataclass(frozen=True)
class Estimate:
    """What a figure is to be expected before outcomes are known, see ``estimate.estimated``. It is not a measurement.

    Attributes
    ----------
    now
        Expected figure of the current users, without the error that the estimate had on the rows of the promise, and
        the interval in which chance alone would place the realised one.
    then
        The same on the rows of the promise, where it is what was realised.
    raw_then
        The estimate there before it was corrected.
    """

    now: Interval
    then: Interval
    raw_then: float

    @property
    def dropped(self) -> bool:
        """Whether it lies below the same estimate on the rows of the promise by more than chance."""
        return self.now.value < self.then.low and self.now.high < self.then.value


@dataclass(frozen=True)
class Performance:
    """Realised performance, or why it is not known.

    Attributes
    ----------
    figures
        The figure that the model was chosen by first; empty while nothing is known.
    why
        A sentence: which rows were judged, or why none could be.
    users
        Distinct users judged.
    moment
        ISO date of the cutoff judged; empty for a flat table and where nothing was judged.
    """

    figures: tuple[Realised, ...]
    why: str
    users: int
    moment: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a figure."""
        return bool(self.figures)
