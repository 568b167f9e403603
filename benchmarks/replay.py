"""Replays past months under four policies: does the loop pay?

Month by month each policy decides, with what was known then, whether to make a new version; the version in charge
scores the month, and its average precision is read once the outcome is known. Policies: ``never`` retrains, ``monthly``
always does, ``evidently`` when Evidently's ``DataDriftPreset`` with its defaults calls the dataset drifted, ``ours`` by
the monitor's own evidence and policy with MLproject's defaults. Under every policy a new version replaces the old one
only if it is better on held-back rows that neither has seen, by the gate's interval. Data: Complete Journey, and
simulated years in which nothing changes (``calm``), other users come (``crowd``) or the same users behave otherwise
(``concept``).

Prints a table, and one JSON line: ``POLICY_average_precision`` (mean over the data sets of the mean over months),
``POLICY_retrains`` and ``POLICY_seconds`` (looking and training), the same by data set, and ours minus monthly with
its 95 % interval over users.
Run: ``python benchmarks/replay.py`` (``--users 300 --months 4`` for a short look).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from past_months import as_of, months, rows_at, sample, simulated, version
from replay_evidence import evidence_of, evidently_drifted, history_of
from tqdm import tqdm

from monitoring.policy.decision import decide
from monitoring.policy.policy import Policy
from monitoring.policy.window_history import MonitoredWindow
from purchasing_power.evaluation.bootstrap import Resampling, draws, paired_bootstrap, percentiles, weighted_metric
from purchasing_power.evaluation.holdout import held_out
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.user_table import USER, UserTable
from tracking.chain import entry_points

# The first version has three cutoffs to learn from, and one each to calibrate and to hold back.
FIRST = 5
SIMULATED_USERS, REPLICATES, LEVEL = 2000, 300, 0.95


@dataclass
class Course:
    """One policy on one data set as it goes.

    Attributes
    ----------
    model, made_from
        The version in charge, and what it was made from.
    scores
        Probability of the positive class by month.
    """

    policy: str
    model: PurchasingModel
    made_from: UserTable
    windows: list[MonitoredWindow] = field(default_factory=list)
    retrained: str = ""
    retrains: int = 0
    seconds: float = 0.0
    scores: list[np.ndarray] = field(default_factory=list)


def policy_of_defaults() -> Policy:
    """The monitor's policy with MLproject's defaults."""
    given = entry_points()["monitor"].defaults
    integers = ("min_users", "poor_windows", "windows", "cool_down_days", "max_age_days")
    return Policy(
        drift_share=float(given["drift_share"]),
        drift_importance=float(given["drift_importance"]),
        retrain=given["retrain"],
        **{name: int(given[name]) for name in integers},
    )


def ours(course: Course, known: UserTable, moment: pd.Timestamp) -> bool:
    """What the monitor decides."""
    at = f"{moment:%Y-%m-%d}"
    past = history_of(course.windows, course.retrained, course.model, at)
    decision = decide(evidence_of(course.model, course.made_from, known, moment), policy_of_defaults(), past, at)
    course.windows.append(decision.window)
    return decision.retrain


POLICIES: dict[str, Callable[[Course, UserTable, pd.Timestamp], bool]] = {
    "never": lambda course, known, moment: False,
    "monthly": lambda course, known, moment: True,
    "evidently": lambda course, known, moment: evidently_drifted(course.model, course.made_from, known, moment),
    "ours": ours,
}


def replay(table: UserTable, name: str, most: int) -> tuple[list[Course], list[UserTable]]:
    """Every policy over the months of a table, in turn, and the rows of those months."""
    moments = months(table, FIRST)[: most or None]
    first = as_of(table, moments[0])
    model = version(first)
    courses = [Course(policy, model, first) for policy in POLICIES]
    # The first version stands at the first month; from the second on there is something to decide.
    rows = [rows_at(table, moment) for moment in moments[1:]]
    for moment, here in zip(tqdm(moments[1:], desc=name, unit="month"), rows, strict=True):
        known = as_of(table, moment)
        for course in courses:
            _month(course, known, moment)
            course.scores.append(course.model.outputs(here.frame)[:, course.model.target.positive])
    return courses, rows


def _month(course: Course, known: UserTable, moment: pd.Timestamp) -> None:
    start = time.perf_counter()
    if POLICIES[course.policy](course, known, moment):
        course.retrains += 1
        course.retrained = f"{moment:%Y-%m-%d}"
        made = version(known)
        if is_better(made, course.model, known):
            course.model, course.made_from, course.windows = made, known, []
    course.seconds += time.perf_counter() - start


def is_better(made: PurchasingModel, before: PurchasingModel, known: UserTable) -> bool:
    """Whether a new version's average precision lies above the old one's on held-back rows, as the gate asks."""
    rows = held_out(KIND, known, [made, before])
    y = (made.target.labels(rows.frame) == made.target.positive).astype(np.int64)
    mine, theirs = (model.outputs(rows.frame)[:, model.target.positive] for model in (made, before))
    users = rows.frame[USER].to_numpy()
    return paired_bootstrap(y, mine, theirs, users, resampling=Resampling(REPLICATES)).low > 0


def outcomes(courses: list[Course], rows: list[UserTable]) -> list[np.ndarray]:
    """Who was of the high tier in each month, by the thresholds of the first version, the same for every policy."""
    target = courses[0].model.target
    return [(target.labels(one.frame) == target.positive).astype(np.int64) for one in rows]


def precisions(course: Course, happened: list[np.ndarray]) -> list[float]:
    """Realised average precision of each month."""
    return [
        float(weighted_metric("average_precision", y, score)(np.ones((1, len(y))))[0])
        for y, score in zip(happened, course.scores, strict=True)
    ]


def difference(
    one: Course, other: Course, rows: list[UserTable], happened: list[np.ndarray]
) -> tuple[float, float, float]:
    """Mean over months of one's average precision minus the other's, with its interval over users."""
    users = pd.Index(sorted({user for month in rows for user in month.frame[USER]}))
    places = [users.get_indexer(month.frame[USER]) for month in rows]
    pairs = [
        (weighted_metric("average_precision", y, mine), weighted_metric("average_precision", y, theirs))
        for y, mine, theirs in zip(happened, one.scores, other.scores, strict=True)
    ]

    def mean(weights: np.ndarray) -> np.ndarray:
        return np.mean(
            [first(weights[:, at]) - second(weights[:, at]) for (first, second), at in zip(pairs, places, strict=True)],
            axis=0,
        )

    drawn = [mean(weights) for weights in draws(np.arange(len(users)), len(users), Resampling(REPLICATES))]
    low, high, _ = percentiles(drawn, LEVEL)
    return float(mean(np.ones((1, len(users))))[0]), low, high


def main() -> None:
    """Replay every data set, print what came of it, and say plainly whether ours lies on the better edge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=0, help="users of each data set; 0 for all")
    parser.add_argument("--months", type=int, default=0, help="months of each data set; 0 for all")
    parser.add_argument("--data", default="sample,calm,crowd,concept", help="data sets, separated by commas")
    args = parser.parse_args()
    tables = {
        name: sample(args.users) if name == "sample" else simulated(name, args.users or SIMULATED_USERS)
        for name in args.data.split(",")
    }
    lines, figures, edges = [], {}, []
    for name, table in tables.items():
        courses, rows = replay(table, name, args.months)
        happened = outcomes(courses, rows)
        by_policy = {course.policy: course for course in courses}
        for policy, course in by_policy.items():
            mean = float(np.mean(precisions(course, happened)))
            lines.append((name, policy, round(mean, 4), course.retrains, round(course.seconds, 1)))
        gap = difference(by_policy["ours"], by_policy["monthly"], rows, happened)
        figures |= dict(
            zip((f"{name}_ours_minus_monthly{end}" for end in ("", "_low", "_high")), np.round(gap, 4), strict=True)
        )
        half = by_policy["ours"].retrains <= by_policy["monthly"].retrains / 2
        edges.append((name, gap[2] >= 0, half))
    _report(lines, figures, edges)


def _report(
    lines: list[tuple[str, str, float, int, float]], figures: dict[str, float], edges: list[tuple[str, bool, bool]]
) -> None:
    table = pd.DataFrame(lines, columns=["data", "policy", "average_precision", "retrains", "seconds"])
    print(table.to_string(index=False))
    for name, good, seldom in edges:
        place = "on the better edge" if good and seldom else "NOT on the better edge"
        why = f"{'as good as' if good else 'worse than'} monthly within its interval, "
        print(f"{name}: ours is {place}: {why}{'at most' if seldom else 'more than'} half its retrains")
    for policy, of in table.groupby("policy"):
        figures[f"{policy}_average_precision"] = round(float(of["average_precision"].mean()), 4)
        figures[f"{policy}_retrains"] = int(of["retrains"].sum())
        figures[f"{policy}_seconds"] = round(float(of["seconds"].sum()), 1)
    for name, policy, precision, retrains, seconds in lines:
        figures |= {f"{name}_{policy}_average_precision": precision, f"{name}_{policy}_retrains": retrains}
        figures[f"{name}_{policy}_seconds"] = seconds
    print(json.dumps({key: float(value) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
