"""The two sides of a comparison: columns of the reference users and of the current ones."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from monitoring.columns import Columns, feature_columns, score_columns
from monitoring.reference import reference_rows, score_rows
from purchasing_power.errors import DataError
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.user_table import CUTOFF, UserTable


@dataclass(frozen=True)
class Sides:
    """Columns by name on either side.

    Attributes
    ----------
    reference, current
        Features, text descriptors, score and tier. The reference's scores are of other rows than its
        features, see ``reference.score_rows``.
    reference_users, users
        Users behind the features of either side.
    moment
        Cutoff of the current rows; ``None`` for a flat table.
    described
        What stands on either side, for people.
    """

    reference: Columns
    current: Columns
    reference_users: int
    users: int
    moment: pd.Timestamp | None
    described: dict[str, str]


def sides(model: PurchasingModel, trained_on: UserTable, current: UserTable, seed: int) -> Sides:
    """Both sides for a model, the user table it was trained from and the rows to compare with that.

    Raises
    ------
    DataError
        If the current rows lack a feature of the model, or ``trained_on`` is not the model's table.
    """
    lacking = [name for name in model.meta.features if name not in current.frame]
    if lacking:
        raise DataError(
            f"user table: {len(lacking)} columns are missing ({', '.join(lacking[:10])}); all "
            f"{len(model.meta.features)} features of the model are needed. Take the snapshot with like set to the "
            "table that the model was trained on."
        )
    then, scored = reference_rows(model, trained_on, seed), score_rows(model, trained_on, seed)
    return Sides(
        reference={**feature_columns(then, model.meta), **score_columns(model.predict(scored.frame))},
        current={**feature_columns(current, model.meta), **score_columns(model.predict(current.frame))},
        reference_users=len(then.frame),
        users=len(current.frame),
        moment=current.frame[CUTOFF].iloc[0] if CUTOFF in current.frame else None,
        described={
            "Users now": f"{len(current.frame):,}",
            "Cutoff now": _span(current),
            "Users then": f"{len(then.frame):,}",
            "Cutoffs then": _span(then),
            "Scores then": f"{len(scored.frame):,} at {_span(scored)}",
        },
    )


def _span(table: UserTable) -> str:
    if CUTOFF not in table.frame:
        return "no time"
    first, last = table.frame[CUTOFF].min(), table.frame[CUTOFF].max()
    return f"{last:%Y-%m-%d}" if first == last else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
