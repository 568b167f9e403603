"""What a monitoring job found out: drift of each column, drift of the scores, realised performance."""

from __future__ import annotations

from dataclasses import dataclass

from purchasing_power.model.comparison import Comparison, Interval


@dataclass(frozen=True)
class ColumnDrift:
    """How one column differs between the reference and the current users.

    Attributes
    ----------
    kind
        ``"numeric"`` or ``"categorical"``.
    test
        Which test gave the p-value, in words.
    p_value
        Chance of a difference this large with no drift, not corrected for the number of columns.
    effect
        Share of users (0 to 1) that would have to move for both sides to be alike: the largest distance of
        the distribution functions (Kolmogorov-Smirnov), the total variation distance of categories, or the
        difference of the missing shares, whichever is largest.
    place
        Where the sides differ most: ``"at most <value>"``, a category, or ``"missing"``.
    reference_share, current_share
        Share of users there, 0 to 1.
    reference_mean, current_mean
        Mean of the values that are present; NaN for categories.
    meaning
        What the column says, in one sentence; empty where that is not known.
    """

    column: str
    kind: str
    test: str
    p_value: float
    effect: float
    place: str
    reference_share: float
    current_share: float
    reference_mean: float
    current_mean: float
    meaning: str = ""


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
        The same figure on the held-back rows of the table that the version was trained from; ``None`` where
        it had none.
    """

    figure: Interval
    naive: Comparison
    promised: Interval | None

    @property
    def below_promise(self) -> bool:
        """Whether it lies below the promised interval by more than its own chance variation."""
        if self.promised is None:
            return False
        return self.figure.value < self.promised.low and self.figure.high < self.promised.value


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
    """

    figures: tuple[Realised, ...]
    why: str
    users: int

    @property
    def known(self) -> bool:
        """Whether there is a figure."""
        return bool(self.figures)


@dataclass(frozen=True)
class Evidence:
    """All that a decision rests on.

    Attributes
    ----------
    users, reference_users
        Distinct users compared on either side.
    columns
        Drift of each feature and of the text descriptors.
    score
        Drift of the model's score.
    """

    users: int
    reference_users: int
    columns: tuple[ColumnDrift, ...]
    score: ColumnDrift
    performance: Performance
