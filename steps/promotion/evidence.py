"""What the gate to staging looks at: fresh scores of both versions on rows that neither has seen."""

from __future__ import annotations

import argparse
import os
import time

import mlflow
import numpy as np
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import (
    Comparison,
    MetricName,
    interval,
    paired_bootstrap,
    replicates_for,
)
from purchasing_power.evaluation.cross_validation import primary_metric
from purchasing_power.evaluation.holdout import Judged, comparable, held_back, judge, naive_outputs
from purchasing_power.evaluation.slices import SliceComparison, profile_columns, slice_comparisons
from purchasing_power.gates.calibration import calibration_evidence
from purchasing_power.gates.level import corrected_level
from purchasing_power.gates.staging import Advantage, GateEvidence
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys, unseen
from purchasing_power.model.splits import split
from purchasing_power.snapshot.user_table import UserTable

# Timed on so many rows, so often in turn; the fastest of each counts.
TIMED_ROWS, ROUNDS = 200, 3
CHEAPER = 0.9


class Unservable(DataError):
    """A version that cannot be loaded as a server loads it."""


def check_serves(version: ModelVersion) -> None:
    """Load the version as a server would, with pickle forbidden, and predict its input example.

    Raises
    ------
    Unservable
        If it cannot be loaded or does not predict.
    """
    before = os.environ.get("MLFLOW_ALLOW_PICKLE_DESERIALIZATION")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    try:
        served = mlflow.pyfunc.load_model(f"models:/{version.name}/{version.version}")
        served.predict(served.input_example)
    except Exception as error:
        raise Unservable(
            f"promote: version {version.version} of {version.name} cannot be loaded and asked for a prediction "
            f"({type(error).__name__}: {error}). Train it again; the stages stay as they are."
        ) from error
    finally:
        os.environ.pop("MLFLOW_ALLOW_PICKLE_DESERIALIZATION")
        if before is not None:
            os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = before


def evaluation_rows(
    table: UserTable, challenger: PurchasingModel, champion: PurchasingModel | None
) -> UserTable:
    """Rows that both versions are compared on, unseen by both.

    Raises
    ------
    DataError
        If they predict different things, or one of them has seen every held-back row.
    """
    if champion is not None and champion.target.name != challenger.target.name:
        raise DataError(
            f"promote: the version predicts {challenger.target.name}, production predicts {champion.target.name}; "
            "they cannot be compared. Train under another registered model (-P model=NAME)."
        )
    return held_back(table, [challenger] + ([champion] if champion else []))


def gather(
    args: argparse.Namespace,
    table: UserTable,
    rows: UserTable,
    challenger: PurchasingModel,
    champion: PurchasingModel | None,
    attempt: int,
) -> GateEvidence:
    """Figures of the challenger, the production version and the naive baseline on the same rows."""
    judged = judge(challenger, table, rows)
    target = challenger.target
    metric = primary_metric(target) if args.metric == "auto" else args.metric
    y, score = comparable(target, metric, judged.y, judged.model)
    _, naive = comparable(target, metric, judged.y, naive_outputs(target, metric, judged))
    draws = {"metric": metric, "replicates": args.replicates, "seed": args.seed, "level": args.level}
    against, slices = None, None
    if champion is not None:
        _, theirs = comparable(target, metric, judged.y, champion.outputs(rows.frame))
        against = _against(args, y, score, theirs, judged, metric, attempt)
        slices = _slices(args, rows, y, score, theirs, metric)
    return GateEvidence(
        challenger=interval(y, score, judged.users, **draws),
        floor=paired_bootstrap(y, score, naive, judged.users, **draws),
        production=against,
        rows=len(y),
        users=len(set(judged.users)),
        overlap=_overlap(rows, challenger, champion),
        left_out=len(split(table, challenger.training.seed).test) - len(rows.frame),
        attempt=attempt,
        advantages=_advantages(args.accept, challenger, champion, rows) if champion is not None else (),
        calibration=calibration_evidence(target, judged.y, judged.model, args.seed),
        slices=slices,
    )


def _against(
    args: argparse.Namespace,
    y: np.ndarray,
    score: np.ndarray,
    theirs: np.ndarray,
    judged: Judged,
    metric: MetricName,
    attempt: int,
) -> Comparison:
    level = corrected_level(args.level, attempt)
    replicates = replicates_for(level, args.replicates) if attempt > 1 else args.replicates
    draws = {"metric": metric, "replicates": replicates, "seed": args.seed, "level": level}
    return paired_bootstrap(y, score, theirs, judged.users, **draws)


def _slices(
    args: argparse.Namespace,
    rows: UserTable,
    y: np.ndarray,
    score: np.ndarray,
    theirs: np.ndarray,
    metric: MetricName,
) -> tuple[SliceComparison, ...] | None:
    if not profile_columns(rows):
        return None
    sizes = {"least_users": args.slice_users, "level": args.level, "replicates": args.replicates}
    return slice_comparisons(rows, y, score, theirs, metric, seed=args.seed, **sizes)


def _overlap(
    rows: UserTable, challenger: PurchasingModel, champion: PurchasingModel | None
) -> dict[str, int]:
    """How many rows each model was trained on; counted anew on what is compared, whatever was left out before."""
    models = {"the challenger": challenger} | ({"production": champion} if champion is not None else {})
    keys = row_keys(rows)
    counts = {}
    for name, model in models.items():
        seen = np.isin(keys, model.seen)
        seen[np.setdiff1d(np.arange(len(keys)), unseen(model, rows))] = True
        counts[name] = int(seen.sum())
    return counts


def _advantages(
    accept: str, challenger: PurchasingModel, champion: PurchasingModel, rows: UserTable
) -> tuple[Advantage, ...]:
    """What the policy asks for; time is measured on this machine, on the same rows, in turn."""
    found = []
    until, theirs = challenger.training.known_until, champion.training.known_until
    if "newer" in accept and until is not None and theirs is not None and until > theirs:
        found.append(Advantage("newer", f"its labels reach {until}, production's {theirs}"))
    if "cheaper" in accept:
        mine, other = _seconds_in_turn((challenger, champion), rows)
        if mine <= CHEAPER * other:
            text = f"{mine * 1e6:,.0f} µs a row against {other * 1e6:,.0f} of production"
            found.append(Advantage("cheaper", text))
    return tuple(found)


def _seconds_in_turn(models: tuple[PurchasingModel, PurchasingModel], rows: UserTable) -> list[float]:
    """Least seconds a row of each model."""
    frame, times = rows.frame.head(TIMED_ROWS), np.zeros((ROUNDS, len(models)))
    for turn in range(ROUNDS):
        for number, model in enumerate(models):
            start = time.perf_counter()
            model.outputs(frame)
            times[turn, number] = (time.perf_counter() - start) / len(frame)
    return [float(least) for least in times.min(axis=0)]
