"""Entry point ``main``: the whole life of a model, from raw tables to a watched version in production."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.snapshot.target_choice import LABEL
from steps.ingest import is_flat
from tracking import registry, runs
from tracking.chain import check_steps, run_steps
from tracking.entry import Outputs, execute, parameter
from tracking.production_target import beside_production, check_comparable

SHOP = ["ingest", "snapshot", "tune", "train", "evaluate", "promote"]
FLAT = [step for step in SHOP if step != "snapshot"]
# What needs a version in production; a flat file has no later rows to monitor.
SHOP_USE, FLAT_USE = ["score", "monitor"], ["score"]
FIGURES = (
    ("auc", "AUC"),
    ("average_precision", "average precision"),
    ("gain_20", "caught in the top 20 %"),
    ("r2", "R2"),
)
OF_CLASSES = (("auc_macro", "AUC over classes"), ("accuracy", "accuracy"))
REPORTS = ("intake_page", "evaluation_report", "promotion_report", "monitor_report")


def summary(model: str, outputs: dict[str, str]) -> str:
    """Under 15 lines for a terminal."""
    production = registry.at_stage(model, registry.PRODUCTION)
    version = f"version {production.version}" if production is not None else "no version yet"
    lines = [
        f"In production: {version} of {model} (version {outputs['candidate']} was {outputs['gate']} by the gate)",
        _figures(outputs["evaluation"]),
        *_target(registry.find(model, outputs["candidate"])),
    ]
    if "monitor_verdict" in outputs:
        lines.append(f"Monitoring: {outputs['monitor_verdict']}")
    lines += [f"{name.replace('_', ' ').capitalize()}: {_short(outputs[name])}" for name in REPORTS if name in outputs]
    if "predictions" in outputs:
        lines.append(f"Predictions: {outputs['predictions']}")
    return "\n".join([*lines, *_next(model, production is not None, "monitor_report" in outputs)])


def _target(version: ModelVersion) -> list[str]:
    """What the version predicts and why, where that was to be chosen."""
    why = version.tags.get("target.why")
    return [] if why is None else [f"Target: {version.tags.get('target.classes', version.tags['target'])} ({why})"]


def _next(model: str, serves: bool, later: bool) -> list[str]:
    """Commands to go on with; ``later`` where the data has rows after those trained on."""
    store = mlflow.get_tracking_uri().replace(f"sqlite:///{os.getcwd()}/", "sqlite:///")
    lines = [
        "Next, with the environment active (. .venv/bin/activate):",
        f"  MLflow UI:  mlflow ui --backend-store-uri {store}",
    ]
    if not serves:
        return [*lines, "  Nothing can be served yet: the promotion report says what the gate missed."]
    monitor = f"mlflow run . -e monitor --env-manager local -P model={model}"
    return [
        *lines,
        f"  Serve:      mlflow run . -e serve --env-manager local -P model={model}",
        f"  Monitor:    {monitor if later else f'ingest a later file (-e ingest -P data=FILE), then {monitor}'}",
    ]


def _figures(uri: str) -> str:
    path, _ = runs.fetch(uri, "evaluation")
    said = json.loads(path.read_text(encoding="utf-8"))
    shown = FIGURES if said["model"].get("auc") is not None or "r2" in said["model"] else OF_CLASSES
    parts = []
    for name, label in shown:
        if said["model"].get(name) is not None:
            naive = said["naive"].get(name)
            beside = f" (naive {naive:.3f})" if naive is not None else ""
            parts.append(f"{label} {said['model'][name]:.3f}{beside}")
    return f"On {said['rows']:,} held-back rows: " + ", ".join(parts)


def _short(uri: str) -> str:
    where = runs.location(uri)
    return os.path.relpath(where) if os.path.exists(where) and not os.path.relpath(where).startswith("..") else where


@dataclass(frozen=True)
class Options:
    """Parameters of ``main``; each is checked by the step that it is handed to."""

    data: str = parameter("a shop folder, a flat file of any format, or a sample")
    target: str = parameter("what to predict")
    trials: str = parameter("trials of the study")
    horizon: str = parameter("outcome window, days")
    lookback: str = parameter("longest feature window, days")
    first_cutoff: str = parameter("earliest cutoff, or auto")
    last_cutoff: str = parameter("latest cutoff, or auto")
    step: str = parameter("days between cutoffs")
    population: str = parameter("who has a row at a cutoff: known, active within the lookback, or auto")
    representations: str = parameter("text representations to try")
    heads: str = parameter("heads to try")
    encoder: str = parameter("encoders to try: minilm, model folders, hub names, with ?options")
    runtime: str = parameter("how encoders run; exact and auto leave it to the processor")
    device: str = parameter("where encoders and networks run")
    imbalance: str = parameter("what to try about rare classes")
    losses: str = parameter("losses of a regression to try")
    space: str = parameter("values of further parameters to try, or none")
    blend: str = parameter("most trials that may enter a blend; 0 makes none")
    workers: str = parameter("processes that run trials")
    text: str = parameter("flat file: the column of texts, or several separated by commas")
    label: str = parameter("flat file: the column to predict")
    user: str = parameter("flat file: the column of user ids")
    task: str = parameter("flat file: what the label is")
    max_amount: str = parameter("shop: order lines above this amount are quarantined")
    mapping: str = parameter("a mapping file, one built in, or none")
    duplicates: str = parameter("shop: order lines that repeat one in every column")
    language: str = parameter("language of the intake page and of reasons: en or zh")
    positive: str = parameter("class whose probability is the score, or auto")
    leak: str = parameter("columns that alone give the outcome away: refuse, or accepted")
    model: str = parameter("name of the registered model")
    workspace: str = parameter("folder for the pseudonym key and caches")
    seed: str = parameter("seed of everything random")


def run(options: Options) -> Outputs:
    """Run every step as a nested run, and print what came of it."""
    given = {name: str(value) for name, value in vars(options).items()}
    given["output"] = str(Path(options.workspace) / "predictions.parquet")
    if options.mapping == "suggest":
        raise DataError(
            "mapping: got suggest, which proposes a mapping and makes no model; main takes a mapping file, one that is "
            "built in, or none. Run -e ingest -P mapping=suggest first, and give its file here."
        )
    flat = is_flat(Path(options.data), options.mapping)
    check_steps((FLAT + FLAT_USE) if flat else (SHOP + SHOP_USE), given)
    production = registry.at_stage(options.model, registry.PRODUCTION)
    check_comparable(production, options.model, LABEL if flat else options.target)
    given["target"] = beside_production(production, options.target)
    outputs = run_steps(FLAT if flat else SHOP, given)
    production = registry.at_stage(options.model, registry.PRODUCTION)
    if production is not None:
        outputs["version"] = str(production.version)
        outputs |= run_steps(FLAT_USE if flat else SHOP_USE, {**given, **outputs})
    sys.stdout.write(summary(options.model, outputs) + "\n")
    return {}


if __name__ == "__main__":
    execute("main", Options, run)
