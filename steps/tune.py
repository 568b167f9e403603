"""Entry point ``tune``: an Optuna study over representation, encoder, head and their parameters."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import mlflow
import optuna

from purchasing_power.errors import DataError
from purchasing_power.evaluation.cross_validation import CrossValidation, primary_metric
from purchasing_power.model.params import CHOICES, REPRESENTATIONS
from purchasing_power.model.splits import split
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.target import TARGETS, Target, fit_target
from purchasing_power.snapshot.user_table import UserTable, distinct_texts
from purchasing_power.text.encoder_spec import DEVICES, RUNTIME_CHOICES
from purchasing_power.text.store import prune
from purchasing_power.tuning import space
from steps.study import encoders as study_encoders
from steps.study.blend import blend_of
from steps.study.encoders import StudyEncoder, compare
from steps.study.report import study_report
from steps.study.setup import objective_of, space_of, validation_of
from steps.study.trial_runs import best, open_study, search
from steps.study.workers import Plan, helpers
from tracking import runs
from tracking.entry import Outputs, Parser, choice, execute, whole, words

# What the score of a trial depends on, besides the trial's own parameters, the rows and the encoders.
MADE_OF = (
    *("target", "positive", "folds", "representations", "heads", "imbalance", "losses", "weightings"),
    *("reductions", "space", "seed"),
)


def parser() -> Parser:
    """Parameters of ``tune``."""
    what = (
        Parser(prog="tune")
        .add("users", "user table: a folder, a runs:/ URI, or latest")
        .add("target", "what to predict", choice(*TARGETS))
        .add("positive", "class whose probability is the score, or auto")
        .add("trials", "complete or pruned trials the study shall hold in all", whole)
        .add("folds", "folds within the known rows", whole)
        .add("representations", "text representations to try", words(*REPRESENTATIONS))
        .add("heads", "heads to try", words(*space.STUDY_HEADS))
        .add("encoder", "encoders to try: minilm, model folders, hub names, with ?options", references)
        .add(
            "runtime", "how encoders run; exact and auto leave it to the processor", choice(*RUNTIME_CHOICES)
        )
        .add("device", "where encoders run", choice(*DEVICES))
        .add("imbalance", "what to try about rare classes", words(*CHOICES["imbalance"]))
        .add("losses", "losses of a regression to try", words(*CHOICES["loss"]))
        .add("weightings", "weights of a user's documents to try", words(*CHOICES["weighting"]))
        .add("reductions", "reductions of encoder vectors to try", words(*CHOICES["reduction"]))
        .add("space", "values of further parameters to try, NAME=VALUE|VALUE,… or none", settings)
        .add("blend", "most trials that may enter a blend; 0 makes none", whole)
    )
    return (
        what.add("study", "name of the study to start or resume; auto derives it from data and settings")
        .add("storage", "database URL of the study; auto is studies.db in the workspace")
        .add("workers", "processes that run trials", whole)
        .add("threads", "threads a trial may use; 0 shares all cores out among the workers", whole)
        .add("store_mb", "size that the vector store is pruned to afterwards, MB; 0 leaves it", whole)
        .add("workspace", "folder for the vector store and the studies")
        .add("seed", "seed of everything random", whole)
    )


def references(text: str) -> list[str]:
    """Encoder references between commas; a comma within one is written %2C."""
    found = [one.strip() for one in text.split(",") if one.strip()]
    if not found:
        raise argparse.ArgumentTypeError("got nothing; name an encoder, such as minilm")
    return found


def settings(text: str) -> dict[str, tuple[object, ...]]:
    """Values of further parameters to draw from."""
    try:
        return space.read_settings(text)
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(args: argparse.Namespace) -> Outputs:
    """Run or resume the study, and log the best parameters and the study's report."""
    folder, _ = runs.fetch(args.users, "users")
    table = user_table.read(folder)
    Path(args.workspace).mkdir(parents=True, exist_ok=True)
    known = split(table, args.seed).known
    target = fit_target(args.target, table, known, args.positive)
    validation = validation_of(args, table, progress=True)
    encoders = _encoders(args, distinct_texts(table, known))
    taken = [one.reference for one in encoders] or args.encoder
    study = _search(args, folder, table, validation, target, taken)
    outputs = _log(args, study, validation, target, encoders)
    if args.store_mb:
        prune(str(validation.store), args.store_mb)
    return outputs


def _encoders(args: argparse.Namespace, texts: list[str]) -> list[StudyEncoder]:
    """The encoders of a study that reads frozen vectors; others only name a model to start from."""
    if not space_of(args, args.encoder, False).frozen:
        return []
    return study_encoders.prepare(args.encoder, texts, args.runtime, args.device, Path(args.workspace))


def _search(
    args: argparse.Namespace,
    folder: Path,
    table: UserTable,
    validation: CrossValidation,
    target: Target,
    encoders: list[str],
) -> optuna.Study:
    asked = space_of(args, encoders, target.task == "regression")
    made_of = _made_of(args, table.digest(), encoders)
    name = (
        f"study-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}" if args.study == "auto" else args.study
    )
    storage = f"sqlite:///{Path(args.workspace) / 'studies.db'}" if args.storage == "auto" else args.storage
    first = space.starting_points(asked)
    study = open_study(name, storage, args.seed, first, made_of, shared=args.workers > 1)
    active = mlflow.active_run()
    assert active is not None
    at = (active.info.run_id, active.info.experiment_id)
    plan = Plan(vars(args), str(folder), tuple(encoders), name, storage, made_of, *at)
    with helpers(plan, max(0, args.workers - 1)):
        search(study, objective_of(validation, asked), args.trials, *at)
    return study


def _made_of(args: argparse.Namespace, digest: str, encoders: list[str]) -> str:
    return json.dumps(
        {"users": digest, "encoders": encoders, **{name: getattr(args, name) for name in MADE_OF}}
    )


def _log(
    args: argparse.Namespace,
    study: optuna.Study,
    validation: CrossValidation,
    target: Target,
    encoders: list[StudyEncoder],
) -> Outputs:
    metric = primary_metric(target)
    chosen = best(study)
    blended = blend_of(study, validation, args.blend, metric)
    compared = compare(study, validation, encoders)
    score, params, winner = float(chosen.value or 0.0), chosen.user_attrs["params"], str(chosen.number)
    if blended is not None and blended.better:
        score, params, winner = blended.score, blended.params.to_dict(), "blend"
    mlflow.log_metrics({f"best.{metric}": score, "trials": len(study.trials)})
    mlflow.set_tags({"study": study.study_name, "best_trial": winner})
    runs.write_text(study_report(study, metric, compared, blended), "study.html")
    return {"params": runs.write_text(json.dumps(params, indent=1), "params.json")}


def main() -> None:
    """Run from the command line."""
    execute("tune", parser(), run)


if __name__ == "__main__":
    main()
