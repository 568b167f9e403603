"""Entry point ``tune``: an Optuna study over representation, head and their parameters."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import mlflow
import optuna

from purchasing_power.model import space
from purchasing_power.model.params import HEADS, REPRESENTATIONS, ModelParams
from purchasing_power.model.splits import folds, split
from purchasing_power.model.validation import CrossValidation, primary_metric
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.target import TARGETS, fit_target
from purchasing_power.snapshot.user_table import distinct_texts
from purchasing_power.text.store import warm
from steps.study import best, open_study, search
from steps.study_report import study_report
from tracking import runs
from tracking.entry import Outputs, Parser, choice, execute, whole, words


def parser() -> Parser:
    """Parameters of ``tune``."""
    return (
        Parser(prog="tune")
        .add("users", "user table: a folder, a runs:/ URI, or latest")
        .add("target", "what to predict", choice(*TARGETS))
        .add("positive", "class whose probability is the score, or auto")
        .add("trials", "complete or pruned trials the study shall hold in all", whole)
        .add("folds", "folds within the known rows", whole)
        .add("representations", "text representations to try", words(*REPRESENTATIONS))
        .add("heads", "heads to try", words(*HEADS))
        .add("encoder", "minilm, a model folder or a Hugging Face hub name")
        .add("study", "name of the study to start or resume; auto derives it from data and settings")
        .add("storage", "database URL of the study; auto is studies.db in the workspace")
        .add("threads", "threads a trial may use; 0 takes all cores", whole)
        .add("workspace", "folder for the vector store and the studies")
        .add("seed", "seed of everything random", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Run or resume the study, and log the best parameters and the study's plots."""
    folder, _ = runs.fetch(args.users, "users")
    table = user_table.read(folder)
    workspace = Path(args.workspace)
    workspace.mkdir(parents=True, exist_ok=True)
    known = split(table, args.seed).known
    target = fit_target(args.target, table, known, args.positive)
    pairs = folds(table, known, args.folds, args.seed)
    validation = CrossValidation(
        table, pairs, args.target, args.positive, args.seed, str(workspace / "vectors"), args.threads
    )
    if {"encoder", "both"} & set(args.representations):
        warm(args.encoder, distinct_texts(table), validation.store)
    storage = f"sqlite:///{workspace / 'studies.db'}" if args.storage == "auto" else args.storage
    first = space.starting_points(args.representations, args.heads)
    study = open_study(_name(args, table.digest()), storage, args.seed, first)
    active = mlflow.active_run()
    assert active is not None
    search(study, _objective(validation, args), args.trials, active.info.run_id, active.info.experiment_id)
    return _log(study, primary_metric(target))


def _objective(
    validation: CrossValidation, args: argparse.Namespace
) -> Callable[[optuna.Trial, Callable[[int, float], None]], tuple[ModelParams, list[float]]]:
    def objective(
        trial: optuna.Trial, after_fold: Callable[[int, float], None]
    ) -> tuple[ModelParams, list[float]]:
        params = space.draw(trial, args.representations, args.heads, args.encoder)
        return params, validation.scores(params, after_fold)

    return objective


def _name(args: argparse.Namespace, digest: str) -> str:
    if args.study != "auto":
        return str(args.study)
    parts = [
        digest,
        args.target,
        args.positive,
        args.folds,
        args.representations,
        args.heads,
        args.encoder,
        args.seed,
    ]
    return f"study-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]}"


def _log(study: optuna.Study, metric: str) -> Outputs:
    chosen = best(study)
    mlflow.log_metrics({f"best.{metric}": float(chosen.value or 0.0), "trials": len(study.trials)})
    mlflow.set_tags({"study": study.study_name, "best_trial": str(chosen.number)})
    runs.write_text(study_report(study, metric), "study.html")
    return {"params": runs.write_text(json.dumps(chosen.user_attrs["params"], indent=1), "params.json")}


def main() -> None:
    """Run from the command line."""
    execute("tune", parser(), run)


if __name__ == "__main__":
    main()
