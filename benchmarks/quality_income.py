"""Tells household income of 75,000 dollars a year or more from one year of Complete Journey shopping alone.

A row is one of the 801 households that gave their income: the user table's features of orders and products
over 364 days, and the title of everything bought. The profile columns are left out; income is the label of
a flat table. Ten stratified folds, drawn twice: in each, parameters are chosen by cross-validation within
the training rows, the model is fitted on all of them, and the fold that is left is scored once. Figures
are means over the folds' AUCs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from purchasing_power.evaluation.baselines import rfm_proba
from purchasing_power.evaluation.bootstrap import Comparison, paired_bootstrap
from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import fit
from purchasing_power.model.scorer import RunSettings
from purchasing_power.model.splits import Split, folds
from purchasing_power.shop.tables import scan
from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable, UserTableMeta, distinct_texts
from purchasing_power.text.store import warm

LABEL, LEAST_THOUSANDS = "income_75k", 75
CUTOFF_DAY, LOOKBACK = date(2017, 12, 31), 364
OUTER, SEEDS = 10, (0, 1)
INNER = 3  # as many as the tune step takes
TEXT, RFM, WITHOUT = "with text", "recency, frequency, money", "without text"
REPRESENTATIONS = {TEXT: ("tfidf", "encoder", "both"), WITHOUT: ("none",)}
# A linear head alone: 720 rows bear no forest of many columns, and the choice is fixed before any score.
COMPONENTS, STRENGTHS = (32, 64), (0.001, 0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True)
class Income:
    """Figures of the income task by way: with text, without, and recency-frequency-money regression.

    Attributes
    ----------
    aucs
        AUC of every fold, seeds one after another.
    chosen
        How often each setting was chosen.
    gain
        AUC with text minus without, over households; a score is a household's mean rank in its folds.
    """

    households: int
    positives: int
    aucs: dict[str, list[float]]
    chosen: dict[str, Counter[str]]
    gain: Comparison


def households(tables: dict[str, ir.Table]) -> UserTable:
    """One row per household of known income, sorted by household, as a flat table."""
    bought = {name: tables[name] for name in ("orders", "products")}
    settings = SnapshotSettings(LOOKBACK, first_cutoff=CUTOFF_DAY, last_cutoff=CUTOFF_DAY, max_documents=10**6)
    built = build(bought, settings, progress=False)
    year = _year(tables["orders"])
    income = tables["users"].select(USER, "income").to_pandas().dropna()
    # "Under 15K", "15-24K" to "250K+": the first number is the least income of the class, in thousands.
    least = income["income"].str.extract(r"^(\d+)")[0].astype("float64")
    known = income.assign(**{LABEL: np.where(least >= LEAST_THOUSANDS, "1", "0")})[[USER, LABEL]]
    outcomes = [CUTOFF, str(built.meta.spend_outcome), str(built.meta.orders_outcome)]
    frame = built.frame.drop(columns=outcomes).merge(known, on=USER).merge(year, how="left", on=USER)
    added = [name for name in year if name != USER]
    meta = UserTableMeta(kind="flat", numeric=(*built.meta.numeric, *added), categorical=(), label=LABEL, task="binary")
    return UserTable(frame.fillna(dict.fromkeys(added, 0.0)), meta)


def _year(orders: ir.Table) -> pd.DataFrame:
    """Orders and spend of the whole lookback, which has no window of its own in the user table."""
    since = ibis.timestamp((CUTOFF_DAY - timedelta(LOOKBACK)).isoformat())
    inside = orders.filter(orders.ordered_at >= since, orders.ordered_at < ibis.timestamp(CUTOFF_DAY.isoformat()))
    sums = {f"orders_{LOOKBACK}d": inside.order_id.nunique().cast("float64"), f"spend_{LOOKBACK}d": inside.amount.sum()}
    return inside.group_by(USER).aggregate(**sums).to_pandas()


def candidates(representations: Sequence[str]) -> list[ModelParams]:
    """The settings that are chosen among, the same with and without text."""
    return [
        model_params(representation=name, head="logistic", text_components=components, C=strength)
        for name in representations
        for components, strength in product(COMPONENTS if name != "none" else COMPONENTS[:1], STRENGTHS)
    ]


def measure(folder: Path, store: str) -> Income:
    """The income task on checked tables; vectors of titles are kept in ``store``."""
    table = households(scan(folder))
    warm(model_params().encoder, distinct_texts(table), store)
    positive = (table.frame[LABEL] == "1").to_numpy(np.int64)
    rows, ways = np.arange(len(positive)), (TEXT, RFM, WITHOUT)
    aucs: dict[str, list[float]] = {way: [] for way in ways}
    ranks = {way: np.zeros(len(positive)) for way in ways}
    chosen: dict[str, Counter[str]] = {way: Counter() for way in REPRESENTATIONS}
    pairs = [(seed, pair) for seed in SEEDS for pair in folds(table, rows, OUTER, seed)]
    # Small matrices: more than one thread costs more than it gives, and much more on a busy machine.
    with threadpool_limits(1):
        for seed, (train, test) in tqdm(pairs, desc="income", unit="fold"):
            scores, params = _fold(table, train, test, seed, store)
            for way, score in scores.items():
                aucs[way].append(float(roc_auc_score(positive[test], score)))
                ranks[way][test] += rankdata(score) / len(test)
            for way, one in params.items():
                chosen[way][f"{one.representation} C={one.head.values()['C']:g}"] += 1
    gain = paired_bootstrap(positive, ranks[TEXT], ranks[WITHOUT], rows, metric="auc")
    return Income(len(positive), int(positive.sum()), aucs, chosen, gain)


def _fold(
    table: UserTable, train: np.ndarray, test: np.ndarray, seed: int, store: str
) -> tuple[dict[str, np.ndarray], dict[str, ModelParams]]:
    """Scores of the test rows by way, and the settings chosen within the training rows."""
    before, later = table.frame.iloc[train], table.frame.iloc[test]
    target = fit_target("label", table, train)
    settings = RunSettings(seed=seed, store=store, threads=1)
    within = CrossValidation(table, folds(table, train, INNER, seed), "label", **settings.run_settings)
    scores = {RFM: rfm_proba(before, target.labels(before), later, target.task)[:, 1]}
    params = {}
    for way, representations in REPRESENTATIONS.items():
        params[way] = max(candidates(representations), key=lambda one: float(np.mean(within.scores(one))))
        # Calibration keeps the order, and order is all that AUC sees: it needs no rows of its own here.
        model = fit(table, Split(train, train, test), target, params[way], settings)
        scores[way] = model.score(model.outputs(later))
    return scores, params
