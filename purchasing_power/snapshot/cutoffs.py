"""The cutoffs of a snapshot, and which cutoff of a user table is meant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.snapshot.settings import WINDOWS, SnapshotSettings
from purchasing_power.snapshot.user_table import CUTOFF, UserTable, UserTableFile

LEAST_HISTORY = 56
SUNDAY = 6


def last_sunday(day: date) -> date:
    """The given day if it is a Sunday, else the Sunday before it."""
    return day - timedelta(days=(day.weekday() - SUNDAY) % 7)


def cutoffs(settings: SnapshotSettings, begin: date, end: date, seen: Callable[[], str] = lambda: "") -> list[date]:
    """Cutoffs in ascending order, on a grid of ``settings.step`` days that ends at the last cutoff.

    The default last cutoff is the last Sunday whose midnight the orders reach: a shop's rhythm is the
    week, so that every cutoff stands at the same point of it. The default first cutoff is the earliest
    on the grid with 56 days (or the lookback, where that is shorter) of orders before it.

    Parameters
    ----------
    begin, end
        Days of the first and the last order, isolated ones left aside, see
        :func:`~purchasing_power.snapshot.order_dates.order_dates`.
    seen
        What a message tells of the orders, asked for where there is one.

    Raises
    ------
    DataError
        If no cutoff has orders before it, a cutoff lies outside the orders, or no cutoff's horizon is
        over before the orders end. A first cutoff equal to the last is excepted: it is there to be scored.
    """
    last = settings.last_cutoff or last_sunday(end)
    depth = timedelta(days=min(LEAST_HISTORY, settings.lookback))
    first = settings.first_cutoff or begin + depth
    if last > end or (settings.first_cutoff and first <= begin):
        raise DataError(
            f"snapshot cutoffs: got {first} to {last}; the orders allow {begin + timedelta(days=1)} to "
            f"{end}. {_told(seen)}Move first_cutoff or last_cutoff into that range, or bring more orders."
        )
    steps = (last - first).days // settings.step
    if steps < 0:
        raise DataError(
            f"snapshot cutoffs: got orders from {begin} to {end} and a last cutoff of {last}; the first "
            f"cutoff must leave {depth.days} days of orders before it. {_told(seen)}"
            "Bring more orders or set first_cutoff."
        )
    grid = [last - timedelta(days=settings.step * back) for back in range(steps, -1, -1)]
    _check_matured(grid, settings, end, seen)
    return grid


def _told(seen: Callable[[], str]) -> str:
    text = seen()
    return f"{text} " if text else ""


def _check_matured(grid: list[date], settings: SnapshotSettings, end: date, seen: Callable[[], str]) -> None:
    # A single cutoff that was asked for is a table to score: nobody knows its outcomes yet.
    if settings.first_cutoff is not None and settings.first_cutoff == settings.last_cutoff:
        return
    if grid[0] + timedelta(days=settings.horizon) > end:
        fitting = [days for days in WINDOWS if days <= (end - grid[0]).days]
        shorter = f"a shorter horizon (-P horizon={fitting[-1]})" if fitting else "a shorter horizon"
        raise DataError(
            f"snapshot horizon: got {settings.horizon} days after the earliest cutoff {grid[0]}, which no "
            f"orders cover (they end {end}); at least one cutoff must have its horizon over by then. "
            f"{_told(seen)}Give {shorter}, an earlier first_cutoff or newer orders."
        )


def choose(have: list[pd.Timestamp], cutoff: date | None) -> pd.Timestamp:
    """The cutoff of the given name among those that a table has, ascending; the last one for ``None``.

    Raises
    ------
    DataError
        If it is not among them, or there is none.
    """
    if not have:
        raise DataError("user table: it has no rows; at least one is needed. Take a new snapshot.")
    chosen = have[-1] if cutoff is None else pd.Timestamp(cutoff)
    if chosen not in have:
        raise DataError(
            f"cutoff: got {cutoff}; the user table holds {', '.join(f'{one:%Y-%m-%d}' for one in have)}. "
            "Name one of them, or take a new snapshot."
        )
    return chosen


def chosen_cutoff(table: UserTable | UserTableFile, cutoff: date | None) -> pd.Timestamp | None:
    """The cutoff of a table that is meant, by default the latest; ``None`` of a flat table, whose rows all count.

    Raises
    ------
    DataError
        If the table has no such cutoff.
    """
    return None if table.meta.kind == "flat" else choose(table.cutoffs(), cutoff)


def at_cutoff(table: UserTable, cutoff: date | None) -> UserTable:
    """The rows of one cutoff of a table, by default the latest; all rows of a flat table.

    Raises
    ------
    DataError
        If the table has no such cutoff.
    """
    chosen = chosen_cutoff(table, cutoff)
    return table if chosen is None else table.rows((table.frame[CUTOFF] == chosen).to_numpy().nonzero()[0])
