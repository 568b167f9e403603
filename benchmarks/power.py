"""Counts how often a planted shift of known size is called drift, by the monitor and by Evidently's defaults.

The shifts: ``mean`` (the means of three columns of amounts rise by 0.2 of their standard deviation, nothing staying
nothing), ``category`` (a category's share rises by
5 points), ``text`` (each user's texts of one department stand twice), ``price`` (everything that is paid rises by 10 %)
and ``concept`` (the features stay and the labels change hands, which no look at features can see). ``ours_SHIFT_N`` is
the share of windows of N users in which the monitor's verdict is drift, ``evidently_SHIFT_N`` that in which
Evidently's ``DataDriftPreset`` says that the dataset drifted (half of the columns), and ``evidently_any_SHIFT_N`` that
in which its default tests flag a column at all. ``performance_concept_N`` is what sees a concept: realised average
precision below the reference performance, once the labels are known. Run: ``python benchmarks/power.py``; a small try:
``--windows 3 --users 200``.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import pandas as pd
from drift_windows import (
    CUTOFF_USED,
    EVIDENTLY_SHARE,
    Population,
    evidently_share,
    feature_importance,
    our_window,
    population,
    sample,
)
from tqdm import tqdm

from purchasing_power.evaluation.bootstrap import Interval, Resampling, interval
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.cutoffs import at_cutoff
from purchasing_power.snapshot.user_table import UserTable, document_codes, documents_array

MEAN_SIZE, POINTS, RISE = 0.2, 0.05, 1.1
MONEY = ("spend", "amount_per_line", "order_amount", "coupon_discount", "amount")
NO_MONEY = ("growth", "slope")
REPLICATES = 200
SHIFTS = ("mean", "category", "text", "price", "concept")


def shifted(table: UserTable, shift: str, three: list[str], columns: tuple[str, ...]) -> UserTable:
    """The households after one shift; a concept leaves every feature as it was."""
    frame = table.frame.copy()
    if shift == "mean":
        for name in three:
            # Adding would move every user without any spend off zero, which any test sees.
            frame[name] = frame[name] * (1 + MEAN_SIZE * frame[name].std() / frame[name].mean())
    elif shift == "category":
        name = table.meta.categorical[0]
        frame[name] = risen(frame[name].astype(object), POINTS)
    elif shift == "price":
        paid = amounts(columns)
        frame[paid] = frame[paid] * RISE
    elif shift == "text":
        frame["documents"] = doubled(frame["documents"])
    return UserTable(frame, table.meta)


def amounts(columns: tuple[str, ...]) -> list[str]:
    """The columns in currency."""
    return [name for name in columns if name.startswith(MONEY) and not any(no in name for no in NO_MONEY)]


def risen(column: pd.Series, points: float) -> pd.Series:
    """The column after random users have moved to its most frequent category, whose share rises by ``points``."""
    top = column.value_counts().index[0]
    others = np.flatnonzero((column != top).to_numpy())
    moving = np.random.default_rng(0).permutation(others)[: round(points * len(column))]
    changed = column.copy()
    changed.iloc[moving] = top
    return changed


def doubled(documents: pd.Series) -> pd.Series:
    """Documents of the second largest department twice: its name stands before the text's first comma."""
    offsets, codes, texts = document_codes(documents)
    department = pd.Series([text.partition(",")[0] for text in texts])
    chosen = department.iloc[codes].value_counts().index[1]
    times = np.where((department == chosen).to_numpy()[codes], 2, 1)
    ends = np.concatenate([[0], np.cumsum(times)])[offsets]
    return documents_array(ends, np.repeat(codes, times), texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--users", type=int, nargs="+", default=[50, 200, 1_000, 10_000])
    parser.add_argument("--reference", type=int, default=5_000, help="users of the reference")
    args = parser.parse_args()
    model, table = sample()
    one = at_cutoff(table, CUTOFF_USED)
    three = [name for name in amounts(model.meta.numeric) if name.startswith("spend")][:3]
    before, importance = population(model, one), feature_importance(model, one)
    figures: dict[str, float] = {}
    print(f"mean: {', '.join(three)}; category: {model.meta.categorical[0]}; reference of {args.reference:,} users")
    print(f"\n{'shift':<10}{'users':>7}{'ours':>8}{'Evidently':>11}{'any column of its':>19}{'performance':>13}")
    for shift in SHIFTS:
        now = population(model, shifted(one, shift, three, model.meta.numeric))
        for users in args.users:
            figures |= power(model, importance, (before, now), shift, args.reference, users, args.windows)
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


def power(
    model: PurchasingModel,
    importance: dict[str, float],
    populations: tuple[Population, Population],
    shift: str,
    reference: int,
    users: int,
    windows: int,
) -> dict[str, float]:
    before, now = populations
    rng, whole = np.random.default_rng(users), len(before.table.frame)
    ours, shares, below = [], [], []
    for number in tqdm(range(windows), desc=f"{shift}, {users:,} users", unit="window", leave=False):
        then, rows = rng.integers(0, whole, reference), rng.integers(0, whole, users)
        ours.append(our_window(model, importance, before, then, now, rows).drifted)
        shares.append(evidently_share(before, then, now, rows))
        if shift == "concept":
            below.append(below_reference(model, before.table, then, rows, number))
    found = {
        f"ours_{shift}_{users}": float(np.mean(ours)),
        f"evidently_{shift}_{users}": float(np.mean(np.array(shares) >= EVIDENTLY_SHARE)),
        f"evidently_any_{shift}_{users}": float(np.mean(np.array(shares) > 0)),
    }
    if below:
        found[f"performance_{shift}_{users}"] = float(np.mean(below))
    cells = [f"{value:.0%}" for value in found.values()] + ["" if below else "-"]
    print(f"{shift:<10}{users:>7,}{cells[0]:>8}{cells[1]:>11}{cells[2]:>19}{cells[3]:>13}")
    return found


def below_reference(model: PurchasingModel, table: UserTable, then: np.ndarray, rows: np.ndarray, seed: int) -> bool:
    """Whether average precision after the labels changed hands is below the reference performance, by our rule."""
    y = (model.target.labels(table.frame) == model.target.positive).astype(int)
    score = model.predict(table.frame)["score"].to_numpy()
    # The best-scored users are now the others: a label goes to the user at the mirrored rank.
    order = np.argsort(score)
    flipped = y.copy()
    flipped[order] = y[order[::-1]]
    reference, figure = _figure(y, score, then, seed), _figure(flipped, score, rows, seed)
    return bool(figure.value < reference.low and figure.high < reference.value)


def _figure(y: np.ndarray, score: np.ndarray, rows: np.ndarray, seed: int) -> Interval:
    return interval(y[rows], score[rows], np.arange(len(rows)), "average_precision", Resampling(REPLICATES, seed))


if __name__ == "__main__":
    main()
