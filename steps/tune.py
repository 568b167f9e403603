"""Entry point ``tune``: an Optuna study over representation, encoder, head and their parameters."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import mlflow
import optuna

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.evaluation.target_metrics import primary_metric
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.splits import split
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.target import Target, fit_target
from purchasing_power.snapshot.target_choice import LABEL, THREE_TIERS
from purchasing_power.snapshot.user_table import UserTable, distinct_texts
from purchasing_power.text.store import prune
from purchasing_power.tuning import space
from steps.study import encoders as study_encoders
from steps.study.blend import blend_of
from steps.study.encoders import StudyEncoder, compare
from steps.study.options import Options
from steps.study.report import study_report
from steps.study.setup import choice_of, objective_of, space_of, validation_of
from steps.study.trial_runs import best, open_study, search
from steps.study.workers import WorkerTask, helpers
from tracking import runs
from tracking.entry import Outputs, execute

log = logging.getLogger(__name__)

# What the score of a trial depends on, besides the trial's own parameters, the rows and the encoders.
MADE_OF = (
    *("target", "positive", "folds", "representations", "heads", "imbalance", "losses", "weightings"),
    *("reductions", "space", "seed"),
)


def run(options: Options) -> Outputs:
    """Run or resume the study, and log the best parameters and the study's report."""
    folder, _ = runs.fetch(options.users, "users")
    table = user_table.read(folder)
    Path(options.workspace).mkdir(parents=True, exist_ok=True)
    known = split(table, options.seed).known
    choice = choice_of(options, table)
    target = fit_target(choice, table, known, options.positive)
    mlflow.set_tags({"target": choice.name, "target.why": choice.why})
    if choice.why:
        log.info("target %s: %s", choice.name, choice.why)
    validation = validation_of(options, table, progress=True)
    encoders = _encoders(options, distinct_texts(table, known))
    taken = [one.spec for one in encoders] or options.encoder
    study = _search(options, folder, table, validation, target, taken)
    outputs = _log(options, study, validation, target, encoders)
    if options.store_mb:
        prune(str(validation.store), options.store_mb)
    return outputs


def _encoders(options: Options, texts: list[str]) -> list[StudyEncoder]:
    """The encoders of a study that reads frozen vectors; others only name a model to start from."""
    if not space_of(options, options.encoder, False).frozen:
        return []
    return study_encoders.prepare(options.encoder, texts, options.runtime, options.device, Path(options.workspace))


def _search(
    options: Options, folder: Path, table: UserTable, validation: CrossValidation, target: Target, encoders: list[str]
) -> optuna.Study:
    asked = space_of(options, encoders, target.task == "regression")
    made_of = _made_of(options, table.digest(), encoders, target)
    name = f"study-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}" if options.study == "auto" else options.study
    storage = f"sqlite:///{Path(options.workspace) / 'studies.db'}" if options.storage == "auto" else options.storage
    first = space.starting_points(asked)
    study = open_study(name, storage, options.seed, first, made_of, shared=options.workers > 1)
    active = mlflow.active_run()
    assert active is not None
    at = (active.info.run_id, active.info.experiment_id)
    task = WorkerTask(options, str(folder), tuple(encoders), name, storage, made_of, *at)
    with helpers(task, max(0, options.workers - 1)):
        search(study, objective_of(validation, asked), options.trials, *at)
    return study


def _made_of(options: Options, digest: str, encoders: list[str], target: Target) -> str:
    settings = {name: getattr(options, name) for name in MADE_OF}
    # What auto and tier were before there was a choice: a study of then goes on.
    if target.full_name not in (THREE_TIERS, LABEL):
        settings["target"] = target.full_name
    settings["space"] = space.study_settings(settings["space"])
    return json.dumps({"users": digest, "encoders": encoders, **settings})


def _log(
    options: Options, study: optuna.Study, validation: CrossValidation, target: Target, encoders: list[StudyEncoder]
) -> Outputs:
    metric = primary_metric(target)
    chosen = best(study)
    blended = blend_of(study, validation, options.blend, metric)
    compared = compare(study, validation, encoders)
    score, params, winner = float(chosen.value or 0.0), chosen.user_attrs["params"], str(chosen.number)
    if blended is not None and blended.better:
        score, params, winner = blended.score, blended.params.to_dict(), "blend"
    mlflow.log_metrics({f"best.{metric}": score, "trials": len(study.trials)})
    mlflow.set_tags({"study": study.study_name, "best_trial": winner})
    runs.write_text(study_report(study, metric, compared, blended), "study.html")
    outputs = {"params": runs.write_text(json.dumps(params, indent=1), "params.json")}
    # A study of an earlier version did not keep them.
    if winner != "blend" and (scores := chosen.user_attrs.get("scores")):
        scored = validation.fold_scores(model_params(params), scores)
        outputs["fold_scores"] = runs.write_text(scored.to_json(), "fold_scores.json")
    return outputs


if __name__ == "__main__":
    execute("tune", Options, run)
