"""Windows of Complete Journey's users for the drift benchmarks, and what the monitor and Evidently find in one.

The population are the households of one cutoff, with 60 columns of the user table and with their texts. A
reference and a window are drawn from it anew each time, independently and with replacement: without a planted
shift nothing has drifted. Ours is what the monitor does with them. Evidently's are the tests that its
``DataDriftPreset`` takes by default, called without drawing pictures; on the first window they are checked against
the preset itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from monitoring.drift.comparison import WindowComparison
from monitoring.drift.results import WindowDrift
from monitoring.evidence import detect
from monitoring.performance.results import Performance
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.reference.columns import ComparedColumns, feature_columns, is_numeric, meanings, score_columns
from purchasing_power.reference.held_out import HeldOut
from purchasing_power.reference.measure import Reference, count_column, shap_importance, sketches
from purchasing_power.reference.texts import MOST_VECTORS, Vectors, fold_codes, hashed_words, known_terms, projected
from purchasing_power.shop.intake import ingest
from purchasing_power.shop.samples import complete_journey
from purchasing_power.shop.tables import scan
from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import USER, UserTable, UserTableMeta
from purchasing_power.text.bag import Bag, bag

COLUMNS = 60
CUTOFF_USED = date(2017, 10, 8)
# Evidently calls a dataset drifted from this share of drifted columns on.
EVIDENTLY_SHARE = 0.5
NOTHING_KNOWN = Performance((), "No outcome is looked at.", 0)


@dataclass(frozen=True)
class Population:
    """Everything that is drawn from, row by row.

    Attributes
    ----------
    columns, scores
        As the monitor compares them.
    vectors, folds, documents
        Texts of each household.
    """

    table: UserTable
    columns: ComparedColumns
    scores: ComparedColumns
    vectors: np.ndarray
    folds: np.ndarray
    documents: Bag


def sample() -> tuple[PurchasingModel, UserTable]:
    """A model on 60 columns of the Complete Journey sample, and the table it was made from."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "tables"
        ingest(complete_journey(Path(place) / "raw"), folder, key=b"benchmark key of no secret at all")
        whole = build(scan(folder), SnapshotSettings(), progress=False)
    table = UserTable(whole.frame, narrowed(whole.meta))
    parts = split(table)
    params = model_params(representation="none", head="logistic")
    return fit(table, parts, fit_target("auto", table, parts.train), params), table


def narrowed(meta: UserTableMeta) -> UserTableMeta:
    """The categories, and numeric features drawn from all, 60 in all."""
    kept = COLUMNS - len(meta.categorical)
    chosen = np.sort(np.random.default_rng(0).permutation(len(meta.numeric))[:kept])
    return UserTableMeta(**{**vars(meta), "numeric": tuple(meta.numeric[place] for place in chosen)})


def population(model: PurchasingModel, table: UserTable) -> Population:
    """Prepare the rows of one cutoff, shifted or not."""
    documents = bag(table.frame["documents"])
    return Population(
        table=table,
        columns=feature_columns(table.frame, model.meta),
        scores=score_columns(model.predict(table.frame)),
        vectors=projected(hashed_words(documents)),
        folds=fold_codes(table.frame[USER]),
        documents=documents,
    )


def our_window(
    model: PurchasingModel,
    importance: Mapping[str, float],
    before: Population,
    then: np.ndarray,
    now: Population,
    rows: np.ndarray,
) -> WindowDrift:
    """Drift by the monitor of the drawn rows ``rows`` of ``now``, against the drawn rows ``then`` of ``before``."""
    documents = drawn_documents(before, then)
    reference = Reference(
        columns=sketches(_taken(before.columns, then)),
        scores=sketches(_taken(before.scores, then)),
        users=len(then),
        score_users=len(then),
        cutoffs=(),
        cutoff_users=(),
        score_cutoffs=(),
        importance=dict(importance),
        vectors=_vectors(before, then),
        terms=known_terms(documents),
        held_out=HeldOut({"prior": np.zeros(1)}),
    )
    comparison = WindowComparison(
        reference=reference,
        columns=_counted(reference.columns, now.columns, rows),
        scores=_counted(reference.scores, now.scores, rows),
        vectors=_vectors(now, rows),
        documents=drawn_documents(now, rows),
        quality=(),
        users=len(rows),
        moment=None,
        described={},
    )
    window = detect(comparison, meanings(model.meta), NOTHING_KNOWN, 0).evidence.window
    assert window is not None, "a job gives its window's drift"
    return window


def evidently_share(before: Population, then: np.ndarray, now: Population, rows: np.ndarray) -> float:
    """Share of the 60 columns that Evidently's default tests call drifted."""
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    drifted = 0
    for name, column in before.columns.items():
        if name not in before.table.meta.features:
            continue
        kind = ColumnType.Numerical if is_numeric(column) else ColumnType.Categorical
        first, second = column.iloc[then].dropna(), now.columns[name].iloc[rows].dropna()
        if len(first) and len(second):
            drifted += get_stattest(first, second, kind, None)(first, second, kind, None).drifted
    return drifted / COLUMNS


def evidently_preset_share(before: Population, then: np.ndarray, now: Population, rows: np.ndarray) -> float:
    """The same from the preset itself, which takes seconds: it draws every column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    features = before.table.meta.features
    frames = [
        pd.DataFrame({name: side.columns[name].iloc[at].reset_index(drop=True) for name in features})
        for side, at in ((now, rows), (before, then))
    ]
    filled = [name for name in features if all(frame[name].notna().any() for frame in frames)]
    numeric = [name for name in filled if is_numeric(frames[1][name])]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in filled if name not in numeric]
    )
    snapshot = Report([DataDriftPreset()]).run(*(Dataset.from_pandas(frame[filled], definition) for frame in frames))
    counted_columns = [
        metric["value"]["count"]
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith("DriftedColumnsCount")
    ]
    return float(counted_columns[0]) / COLUMNS


def feature_importance(model: PurchasingModel, table: UserTable) -> dict[str, float]:
    """Feature importance of each column, once for all windows."""
    return shap_importance(model, table, 0)


def drawn_documents(side: Population, rows: np.ndarray) -> Bag:
    """Documents of drawn households."""
    return Bag(side.documents.texts, side.documents.counts[rows], side.documents.recency[rows])


def _taken(columns: ComparedColumns, rows: np.ndarray) -> ComparedColumns:
    return {name: column.iloc[rows].reset_index(drop=True) for name, column in columns.items()}


def _counted(of: Mapping[str, Any], columns: ComparedColumns, rows: np.ndarray) -> dict[str, Any]:
    return {name: count_column(sketch, columns[name].iloc[rows].reset_index(drop=True)) for name, sketch in of.items()}


def _vectors(side: Population, rows: np.ndarray) -> Vectors:
    have = rows[np.diff(side.documents.counts.indptr)[rows] > 0][:MOST_VECTORS]
    return Vectors(side.vectors[have], side.folds[have])
