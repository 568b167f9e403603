"""Settings of a snapshot: where its cutoffs lie, how far a row looks back and ahead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from purchasing_power.errors import DataError

WINDOWS = (7, 14, 28, 56, 84, 168)
KNOWN, ACTIVE, AUTO = "known", "active", "auto"
POPULATIONS = (AUTO, KNOWN, ACTIVE)


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
        see :func:`~purchasing_power.snapshot.cutoffs.cutoffs`.
    step
        Distance between cutoffs; multiples of 7 keep the weekday of a cutoff the same.
    max_documents
        Most texts a row keeps, the newest ones.
    population
        Who has a row at a cutoff: ``"known"`` (a dated sign of the user ever before it), ``"active"`` (within the
        lookback), or ``"auto"``, which is that of the earlier table whose columns are kept, else ``"known"``.

    Raises
    ------
    DataError
        If a length is out of range, the last cutoff lies before the first or the population is no rule.
    """

    lookback: int = 168
    horizon: int = 28
    first_cutoff: date | None = None
    last_cutoff: date | None = None
    step: int = 28
    max_documents: int = 512
    population: str = AUTO

    def __post_init__(self) -> None:
        if self.population not in POPULATIONS:
            raise DataError(
                f"snapshot population: got {self.population!r}; allowed are {', '.join(POPULATIONS)}. Give one of them."
            )
        least = {"lookback": WINDOWS[0], "horizon": 1, "step": 1, "max_documents": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise DataError(
                    f"snapshot {name}: got {getattr(self, name)}; allowed are whole numbers >= {low}. "
                    f"Give {name}={low} or more."
                )
        if self.first_cutoff and self.last_cutoff and self.last_cutoff < self.first_cutoff:
            raise DataError(
                f"snapshot cutoffs: got last_cutoff {self.last_cutoff} before first_cutoff {self.first_cutoff}; the "
                "last must be the first or later. Swap them or leave one out."
            )
