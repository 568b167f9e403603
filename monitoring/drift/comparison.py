"""The current rows of a window, counted as the stored reference statistics are, so that both can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd

from monitoring.drift.results import QualityCheck
from monitoring.drift.row_quality import check_rows, schema
from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Model, Table
from purchasing_power.reference.measure import Reference, count_column
from purchasing_power.reference.sketch import Counts
from purchasing_power.reference.texts import Vectors, sampled_bag, user_vectors
from purchasing_power.snapshot.user_table import DOCUMENTS
from purchasing_power.text.bag import Bag


@dataclass(frozen=True)
class WindowComparison:
    """The reference statistics of a version, and the same counts of the current users.

    Attributes
    ----------
    reference
        Its scores are of other rows than its features, see ``rows.score_rows``.
    columns, scores
        Current features and text descriptors, and current scores and tiers, counted on the reference's sketches.
    vectors, documents
        Current texts; ``None`` for a table without documents.
    quality
        Checks of the current rows.
    users
        Current users.
    moment
        Cutoff of the current rows; ``None`` for a flat table.
    described
        Users and cutoffs of both, for people.
    """

    reference: Reference
    columns: dict[str, Counts]
    scores: dict[str, Counts]
    vectors: Vectors | None
    documents: Bag | None
    quality: tuple[QualityCheck, ...]
    users: int
    moment: pd.Timestamp | None
    described: dict[str, str]


def compare(kind: Kind, model: Model, reference: Reference, current: Table, seed: int) -> WindowComparison:
    """Count the current rows of a model as its reference statistics are counted.

    Raises
    ------
    DataError
        If the current rows lack a feature of the model.
    """
    # The model refuses rows that lack a feature.
    scores = kind.watched_predictions(model.predict(current.frame))
    features, shape = kind.watched_columns(model, current), schema(current, model.meta)
    # A table without documents has no text descriptors: what is not there is not compared.
    columns = {
        name: count_column(sketch, features[name]) for name, sketch in reference.columns.items() if name in features
    }
    moment, users = kind.moment(current), len(current.frame)
    vectors = documents = None
    if DOCUMENTS in current.frame:
        vectors = user_vectors(current.frame, kind.group, partial(kind.text_vectors, model), seed)
        documents = sampled_bag(current.frame, seed)
    return WindowComparison(
        reference=reference,
        columns=columns,
        scores={name: count_column(sketch, scores[name]) for name, sketch in reference.scores.items()},
        vectors=vectors,
        documents=documents,
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
