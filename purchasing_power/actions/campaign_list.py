"""How drift changes the campaign list: users on it now and one cutoff before, and those who entered and left it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.target import TIERS
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
    model: PurchasingModel, table: UserTable, current: UserTable, outputs: np.ndarray
) -> CampaignList | None:
    """The list now beside the same model's list one cutoff before; ``None`` for a model that gives no tier.

    Parameters
    ----------
    table
        All cutoffs.
    current
        The current rows.
    outputs
        The model's outputs for them, see ``PurchasingModel.outputs``.
    """
    now = _listed(model, current, outputs)
    if now is None:
        return None
    before = _rows_before(table, current)
    if before is None:
        return CampaignList(len(now))
    then = _listed(model, before, model.outputs(before.frame))
    assert then is not None, "a model gives a tier for all rows or for none"
    moment = f"{before.frame[CUTOFF].iloc[0]:%Y-%m-%d}"
    return CampaignList(len(now), moment, len(then), len(now - then), len(then - now))


def _listed(model: PurchasingModel, rows: UserTable, outputs: np.ndarray) -> set[str] | None:
    columns = model.answers(outputs)
    if "tier" not in columns:
        return None
    return set(rows.frame[USER].to_numpy()[columns["tier"] == LISTED])


def _rows_before(table: UserTable, current: UserTable) -> UserTable | None:
    if CUTOFF not in current.frame:
        return None
    moments = table.frame[CUTOFF]
    earlier = moments[moments < current.frame[CUTOFF].iloc[0]]
    return table.rows(np.flatnonzero(moments == earlier.max())) if len(earlier) else None
