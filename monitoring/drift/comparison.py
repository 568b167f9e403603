"""The two sides of a comparison: what is stored of the reference, and the current rows counted alike."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from monitoring.drift.results import Check
from monitoring.drift.row_quality import check_rows, schema
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.reference.columns import feature_columns, score_columns
from purchasing_power.reference.measure import Reference, counted
from purchasing_power.reference.sketch import Counts
from purchasing_power.reference.texts import Vectors, sampled_bag, user_vectors
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, UserTable
from purchasing_power.text.bag import Bag


@dataclass(frozen=True)
class Sides:
    """Counts by column of the current users, beside the reference.

    Attributes
    ----------
    reference
        Its scores are of other rows than its features, see ``rows.score_rows``.
    columns, scores
        Features and text descriptors of now, and score and tier of now, counted on the reference's sketches.
    vectors, documents
        Texts of now; ``None`` for a table without documents.
    quality
        What was looked at in the rows.
    users
        Current users.
    moment
        Cutoff of the current rows; ``None`` for a flat table.
    described
        What stands on either side, for people.
    """

    reference: Reference
    columns: dict[str, Counts]
    scores: dict[str, Counts]
    vectors: Vectors | None
    documents: Bag | None
    quality: tuple[Check, ...]
    users: int
    moment: pd.Timestamp | None
    described: dict[str, str]


def sides(model: PurchasingModel, reference: Reference, current: UserTable, seed: int) -> Sides:
    """Count the current rows of a model as its reference statistics are counted.

    Raises
    ------
    DataError
        If the current rows lack a feature of the model.
    """
    # The model refuses rows that lack a feature.
    said = score_columns(model.predict(current.frame))
    now, shape = feature_columns(current, model.meta), schema(current, model.meta)
    # A table without documents has no text descriptors: what is not there is not compared.
    columns = {name: counted(sketch, now[name]) for name, sketch in reference.columns.items() if name in now}
    moment = current.frame[CUTOFF].iloc[0] if CUTOFF in current.frame else None
    users, has_texts = len(current.frame), DOCUMENTS in current.frame
    return Sides(
        reference=reference,
        columns=columns,
        scores={name: counted(sketch, said[name]) for name, sketch in reference.scores.items()},
        vectors=user_vectors(model, current, seed) if has_texts else None,
        documents=sampled_bag(current, seed) if has_texts else None,
        quality=(shape, *check_rows(reference, columns, users, None if moment is None else moment.date())),
        users=users,
        moment=moment,
        described=_described(reference, users, moment),
    )


def _described(reference: Reference, users: int, moment: pd.Timestamp | None) -> dict[str, str]:
    return {
        "Users now": f"{users:,}",
        "Cutoff now": "no time" if moment is None else f"{moment:%Y-%m-%d}",
        "Users then": f"{reference.users:,}",
        "Cutoffs then": _span(reference.cutoffs),
        "Scores then": f"{reference.score_users:,} at {_span(reference.score_cutoffs)}",
    }


def _span(dates: tuple[str, ...]) -> str:
    if not dates:
        return "no time"
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
