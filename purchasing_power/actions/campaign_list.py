"""How drift changes the campaign list: users on it now and one cutoff before, and those who entered and left it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.snapshot.target_choice import TIERS
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable

LISTED = TIERS[-1]


@dataclass(frozen=True)
class CampaignList:
    """The users of the high tier, who are the campaign list.

    Attributes
    ----------
    users
        On the list now.
    before
        ISO date of the cutoff before; empty where the table has none.
    users_before, entered, left
        Users on the list then, those on it now who were not, and those on it then who are not; 0 without a cutoff
        before.
    """

    users: int
    before: str = ""
    users_before: int = 0
    entered: int = 0
    left: int = 0


def campaign_list(
    current: UserTable, table: UserTable, tiers: Callable[[UserTable], pd.Series | None]
) -> CampaignList | None:
    """The list now beside the list one cutoff before; ``None`` where predictions give no tier.

    Parameters
    ----------
    current
        The current rows.
    table
        All cutoffs.
    tiers
        Predicted tiers of rows, shape (n_rows,); ``None`` for a model that predicts none.
    """
    now = _listed(current, tiers)
    before = _rows_before(table, current)
    if now is None or before is None:
        return None if now is None else CampaignList(len(now))
    then = _listed(before, tiers) or set()
    moment = f"{before.frame[CUTOFF].iloc[0]:%Y-%m-%d}"
    return CampaignList(len(now), moment, len(then), len(now - then), len(then - now))


def _listed(rows: UserTable, tiers: Callable[[UserTable], pd.Series | None]) -> set[str] | None:
    predicted = tiers(rows)
    return None if predicted is None else set(rows.frame[USER].to_numpy()[predicted.to_numpy() == LISTED])


def _rows_before(table: UserTable, current: UserTable) -> UserTable | None:
    if CUTOFF not in current.frame:
        return None
    moments = table.frame[CUTOFF]
    earlier = moments[moments < current.frame[CUTOFF].iloc[0]]
    return table.rows(np.flatnonzero(moments == earlier.max())) if len(earlier) else None
