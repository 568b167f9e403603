"""Features of raw rows: the expressions of the snapshot, on the small shop that a request is."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from purchasing_power.snapshot.build import features
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTableMeta


def user_rows(
    tables: dict[str, pd.DataFrame], users: list[str], days: list[date], meta: UserTableMeta
) -> pd.DataFrame:
    """A user table row for each user at that user's cutoff, in their order: features and documents.

    Parameters
    ----------
    users, days
        User and cutoff of each row, shapes (n_rows,).
    """
    # A connection of its own: requests in other threads do not meet. It ends when nothing refers to it any more;
    # what Ibis has cached in it must be dropped while it is open.
    connection = ibis.duckdb.connect()
    shop = {name: connection.create_table(name, _arrow(frame)) for name, frame in tables.items()}
    found = features(shop, sorted(set(days)), meta.settings)
    keys = pd.DataFrame({USER: pd.array(users, dtype="str"), CUTOFF: np.array(days, "datetime64[us]")})
    rows = keys.merge(found, how="left", on=[USER, CUTOFF], validate="one_to_one")
    wanted = rows.reindex(columns=[USER, CUTOFF, *meta.features, DOCUMENTS])
    return wanted.astype(dict.fromkeys(meta.numeric, "float64"))


def _arrow(frame: pd.DataFrame) -> pa.Table:
    """The frame with its types stated: a column of nothing but nulls has none that could be seen."""
    kinds = {"f": pa.float64(), "M": pa.timestamp("us")}
    schema = pa.schema(
        [(str(name), kinds.get(kind.kind, pa.string())) for name, kind in frame.dtypes.items()]
    )
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
