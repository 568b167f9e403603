"""Counts how often a window without drift is called drifted, by the monitor and by Evidently's defaults.

Reference and window are drawn independently from the same households, so that every alarm is a false one.
``ours_N`` is the share of windows of N users in which the monitor's verdict is drift (allowed: at most 5 % at every
size); ``evidently_N`` the share in which half of the columns or more are drifted by Evidently's default tests, which
is when its ``DataDriftPreset`` says that the dataset drifted, and ``evidently_columns_N`` the mean share of columns
that it calls drifted.
Run: ``python benchmarks/false_alarms.py``; a small try: ``--windows 5 --users 50 200``.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from drift_windows import (
    COLUMNS,
    CUTOFF_USED,
    EVIDENTLY_SHARE,
    Population,
    evidently_preset_share,
    evidently_share,
    feature_importance,
    our_window,
    population,
    sample,
)
from scipy.stats import binomtest
from tqdm import tqdm

from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.cutoffs import at_cutoff

ALLOWED = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--users", type=int, nargs="+", default=[50, 200, 1_000, 10_000])
    parser.add_argument("--reference", type=int, default=5_000, help="users of the reference")
    args = parser.parse_args()
    model, table = sample()
    one = at_cutoff(table, CUTOFF_USED)
    drawn, importance = population(model, one), feature_importance(model, one)
    print(f"{len(one.frame):,} households x {COLUMNS} columns; reference of {args.reference:,} users")
    print(f"\n{'users':>7}{'ours':>9}{'95 % interval':>18}{'Evidently':>11}{'its columns':>13}{'s/window':>16}")
    figures: dict[str, float] = {}
    for users in args.users:
        figures |= alarms(model, importance, drawn, args.reference, users, args.windows)
    ours = [value for name, value in figures.items() if name.startswith("ours_")]
    print(f"\nat most {ALLOWED:.0%} at every size: {'yes' if max(ours) <= ALLOWED else 'no'}")
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


def alarms(
    model: PurchasingModel, importance: dict[str, float], drawn: Population, reference: int, users: int, windows: int
) -> dict[str, float]:
    rng, whole = np.random.default_rng(users), len(drawn.table.frame)
    called, shares = [], []
    seconds = [0.0, 0.0]
    for number in tqdm(range(windows), desc=f"{users:,} users", unit="window", leave=False):
        then, rows = rng.integers(0, whole, reference), rng.integers(0, whole, users)
        start = time.perf_counter()
        called.append(our_window(model, importance, drawn, then, drawn, rows).drifted)
        middle = time.perf_counter()
        shares.append(evidently_share(drawn, then, drawn, rows))
        seconds = [seconds[0] + middle - start, seconds[1] + time.perf_counter() - middle]
        if not number:
            preset = evidently_preset_share(drawn, then, drawn, rows)
            assert abs(preset - shares[0]) < 1e-9, f"the preset says {preset}, its tests {shares[0]}"
    ours, theirs = float(np.mean(called)), float(np.mean(np.array(shares) >= EVIDENTLY_SHARE))
    within = binomtest(int(sum(called)), windows).proportion_ci(method="wilson")
    each = f"{seconds[0] / windows:.2f} / {seconds[1] / windows:.2f}"
    print(
        f"{users:>7,}{ours:>9.1%}{f'{within.low:.1%} to {within.high:.1%}':>18}{theirs:>11.1%}"
        f"{float(np.mean(shares)):>13.1%}{each:>16}"
    )
    return {f"ours_{users}": ours, f"evidently_{users}": theirs, f"evidently_columns_{users}": float(np.mean(shares))}


if __name__ == "__main__":
    main()
