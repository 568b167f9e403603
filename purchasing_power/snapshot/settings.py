"""Settings of a snapshot and the cutoffs that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from purchasing_power.errors import DataError

WINDOWS = (7, 14, 28, 56, 84, 168)
LEAST_HISTORY = 56
RECENT = 28
SUNDAY = 6


@dataclass(frozen=True)
class SnapshotSettings:
    """Where the cutoffs lie and how far a row looks back and ahead, in days.

    Attributes
    ----------
    lookback
        Length of the longest feature window, 7 days or more.
    horizon
        Length of the outcome window.
    first_cutoff, last_cutoff
        Midnights (UTC) of the earliest and the latest cutoff; ``None`` takes them from the orders,
        see :func:`cutoffs`.
    step
        Distance between cutoffs; multiples of 7 keep the weekday of a cutoff the same.
    max_documents
        Most texts a row keeps, the newest ones.

    Raises
    ------
    DataError
        If a length is out of range or the last cutoff lies before the first.
    """

    lookback: int = 168
    horizon: int = 28
    first_cutoff: date | None = None
    last_cutoff: date | None = None
    step: int = 28
    max_documents: int = 512

    def __post_init__(self) -> None:
        least = {"lookback": WINDOWS[0], "horizon": 1, "step": 1, "max_documents": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise DataError(
                    f"snapshot {name}: got {getattr(self, name)}; allowed are whole numbers >= {low}. "
                    f"Give a larger {name}."
                )
        if self.first_cutoff and self.last_cutoff and self.last_cutoff < self.first_cutoff:
            raise DataError(
                f"snapshot cutoffs: got last_cutoff {self.last_cutoff} before first_cutoff {self.first_cutoff}; the "
                "last must be the first or later. Swap them or leave one out."
            )


@dataclass(frozen=True)
class Plan:
    """What is fixed before the first cutoff, so that a later request is computed with the same.

    Attributes
    ----------
    lookback, horizon
        Window lengths, days.
    max_documents
        Most texts a row keeps.
    categories, brands, events
        Values that have columns of their own, most frequent before the first cutoff first.
    profile_numeric, profile_categorical
        Columns of the users table that are features.
    """

    lookback: int = 168
    horizon: int = 28
    max_documents: int = 512
    categories: list[str] = field(default_factory=list)
    brands: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    profile_numeric: list[str] = field(default_factory=list)
    profile_categorical: list[str] = field(default_factory=list)

    @property
    def windows(self) -> tuple[int, ...]:
        """Window lengths (days) that fit the lookback."""
        return tuple(days for days in WINDOWS if days <= self.lookback)

    @property
    def recent(self) -> int:
        """Length (days) of the short window: 28, or the lookback where that is shorter."""
        return min(RECENT, self.lookback)

    def spans(self, *days: int) -> list[int]:
        """The given window lengths that fit the lookback, and the lookback itself, ascending."""
        return sorted({*(length for length in days if length <= self.lookback), self.lookback})


def end_of_data(last_order: datetime) -> date:
    """Day of the last order: it may be half over, so data counts as whole up to its midnight."""
    return last_order.date()


def last_sunday(day: date) -> date:
    """The given day if it is a Sunday, else the Sunday before it."""
    return day - timedelta(days=(day.weekday() - SUNDAY) % 7)


def cutoffs(settings: SnapshotSettings, first_order: datetime, last_order: datetime) -> list[date]:
    """Cutoffs in ascending order, on a grid of ``settings.step`` days that ends at the last cutoff.

    The default last cutoff is the last Sunday whose midnight the orders reach: a shop's rhythm is the
    week, so that every cutoff stands at the same point of it. The default first cutoff is the earliest
    on the grid with 56 days (or the lookback, where that is shorter) of orders before it.

    Raises
    ------
    DataError
        If no cutoff has orders before it, a cutoff lies outside the orders, or no cutoff's horizon is
        over before the orders end (a first cutoff equal to the last may be unripe: it is there to be scored).
    """
    begin, end = first_order.date(), end_of_data(last_order)
    last = settings.last_cutoff or last_sunday(end)
    depth = timedelta(days=min(LEAST_HISTORY, settings.lookback))
    first = settings.first_cutoff or begin + depth
    if last > end or (settings.first_cutoff and first <= begin):
        raise DataError(
            f"snapshot cutoffs: got {first} to {last}; the orders allow {begin + timedelta(days=1)} to "
            f"{end}. Move first_cutoff or last_cutoff into that range, or bring more orders."
        )
    steps = (last - first).days // settings.step
    if steps < 0:
        raise DataError(
            f"snapshot cutoffs: got orders from {begin} to {end} and a last cutoff of {last}; the first "
            f"cutoff must leave {depth.days} days of orders before it. Bring more orders or set first_cutoff."
        )
    grid = [last - timedelta(days=settings.step * back) for back in range(steps, -1, -1)]
    _check_ripe(grid, settings, end)
    return grid


def _check_ripe(grid: list[date], settings: SnapshotSettings, end: date) -> None:
    # A single cutoff that was asked for is a table to score: nobody knows its outcomes yet.
    if settings.first_cutoff is not None and settings.first_cutoff == settings.last_cutoff:
        return
    if grid[0] + timedelta(days=settings.horizon) > end:
        raise DataError(
            f"snapshot horizon: got {settings.horizon} days after the earliest cutoff {grid[0]}, which no "
            f"orders cover (they end {end}); at least one cutoff must have its horizon over by then. "
            "Give a shorter horizon, an earlier first_cutoff or newer orders."
        )
