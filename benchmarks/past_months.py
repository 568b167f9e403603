"""Past months of the sample and of simulated years, as they were known at the time, for the replay benchmarks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.scorer import RunSettings
from purchasing_power.model.splits import split
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.samples import complete_journey
from purchasing_power.shop.tables import scan
from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable, UserTableMeta

# A shorter lookback than the default leaves more cutoffs of one year to replay.
LOOKBACK_DAYS, HORIZON_DAYS = 84, 28
# A version needs a cutoff each to train, to calibrate and to hold back, all of known outcome, before its first month.
FIRST_MONTH = 3
MONTHS, SHIFT_MONTH = 16, 7
SIGNALS = 5
PARAMS = model_params(representation="none", head="lightgbm", trees=100)


def sample(users: int) -> UserTable:
    """Complete Journey at every cutoff, or that many of its households (0 for all), without texts."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "tables"
        ingest(complete_journey(Path(place) / "raw"), folder, key=b"benchmark key of no secret at all")
        table = build(scan(folder), SnapshotSettings(lookback=LOOKBACK_DAYS), progress=False)
    frame = table.frame.drop(columns="documents")
    if users:
        frame = frame[frame[USER].isin(sorted(frame[USER].unique())[:users])]
    return UserTable(frame.reset_index(drop=True), table.meta)


def simulated(kind: str, users: int, seed: int = 0) -> UserTable:
    """A year and more of a simulated shop with a shift from the eighth month on.

    Parameters
    ----------
    kind
        ``"calm"`` (nothing changes), ``"crowd"`` (other users, who behave alike: features move, the concept stays) or
        ``"concept"`` (the same users, whose spend follows other features).
    """
    rng = np.random.default_rng(seed)
    names = [f"signal_{number}" for number in range(SIGNALS)]
    level = rng.normal(size=(users, SIGNALS))
    before, after = np.array([1.0, 0.6, 0.3, 0.0, 0.0]), np.array([0.2, 0.0, 0.0, 1.0, 0.6])
    blocks = []
    for month, moment in enumerate(pd.date_range("2023-01-01", periods=MONTHS, freq=f"{HORIZON_DAYS}D")):
        late = month >= SHIFT_MONTH
        now = level + 0.5 * rng.normal(size=level.shape) + (0.8 if late and kind == "crowd" else 0.0)
        weights = after if late and kind == "concept" else before
        spend = np.exp(3 + now @ weights + 0.5 * rng.normal(size=users))
        earlier = np.exp(3 + now @ before + 0.8 * rng.normal(size=users))
        block = pd.DataFrame(now, columns=names).assign(spend_28d=earlier, spend_next_28d=spend)
        blocks.append(block.assign(user_id=[f"u{n:05}" for n in range(users)], cutoff=moment))
    meta = UserTableMeta(
        kind="panel",
        numeric=(*names, "spend_28d"),
        categorical=(),
        horizon_days=HORIZON_DAYS,
        lookback_days=HORIZON_DAYS,
        spend_outcome="spend_next_28d",
        orders_outcome="spend_next_28d",
    )
    return UserTable(pd.concat(blocks, ignore_index=True), meta)


def months(table: UserTable, first: int = FIRST_MONTH) -> list[pd.Timestamp]:
    """Cutoffs that can be replayed: ``first`` cutoffs come before them, and their outcome is known by now."""
    known = table.frame.loc[table.frame[str(table.meta.spend_outcome)].notna(), CUTOFF]
    return [pd.Timestamp(moment) for moment in sorted(known.unique())[first:]]


def as_of(table: UserTable, moment: pd.Timestamp) -> UserTable:
    """The table as it was known at a cutoff: nothing later, and no outcome that was not complete."""
    frame = table.frame[table.frame[CUTOFF] <= moment].reset_index(drop=True)
    open_yet = frame[CUTOFF] + pd.Timedelta(days=int(table.meta.horizon_days or 0)) > moment
    names = {str(table.meta.spend_outcome), str(table.meta.orders_outcome)}
    return UserTable(frame.assign(**{name: frame[name].mask(open_yet) for name in names}), table.meta)


def rows_at(table: UserTable, moment: pd.Timestamp) -> UserTable:
    """The rows of one cutoff."""
    return table.rows(np.flatnonzero(table.frame[CUTOFF] == moment))


def version(known: UserTable, seed: int = 0) -> PurchasingModel:
    """A version made from what was known: the tier of spend, LightGBM on the table's columns."""
    parts = split(known)
    return fit(known, parts, fit_target("tier", known, parts.train), PARAMS, RunSettings(seed=seed))
