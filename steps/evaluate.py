"""Entry point ``evaluate``: a version on rows it has not seen, beside the baselines, as one report."""

from __future__ import annotations

import argparse
import json
import math

import mlflow
import numpy as np
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.evaluation.bootstrap import Comparison, Interval, MetricName, interval, paired_bootstrap
from purchasing_power.evaluation.cross_validation import primary_metric
from purchasing_power.evaluation.evaluation import Evaluation
from purchasing_power.evaluation.holdout import Judged, comparable, figures, held_back, judge, naive_outputs
from purchasing_power.evaluation.report import evaluation_report
from purchasing_power.explain.model_explanation import explain_model
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.model.replies import ranking
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import CUTOFF
from tracking import registry, runs
from tracking.entry import Outputs, Parser, execute, whole

# What stands on the version's page; the run and the report hold every figure.
SHOWN = ("auc", "auc_macro", "average_precision", "calibration_error", "gain_20", "accuracy", "r2", "mae")


def parser() -> Parser:
    """Parameters of ``evaluate``."""
    return (
        Parser(prog="evaluate")
        .add("users", "user table with the held-back rows: a folder, a runs:/ URI, or latest")
        .add("model", "name of the registered model")
        .add("version", "version number or stage")
        .add("replicates", "bootstrap replicates of the intervals", whole)
        .add("seed", "seed of the bootstrap", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Judge the version on held-back rows, and log the figures and the report."""
    version = registry.find(args.model, args.version)
    model = registry.open_bundle(version)
    table = user_table.read(runs.fetch(args.users, "users")[0])
    judged = judge(model, table, held_back(table, [model]))
    found = figures(model.target, judged)
    for name, values in found.items():
        mlflow.log_metrics({f"{name}.{key}": value for key, value in values.items() if math.isfinite(value)})
    draws = {"replicates": args.replicates, "seed": args.seed}
    evaluation = _evaluation(
        version, model, judged, found, _intervals(model, judged, draws), _floor(model, judged, draws)
    )
    shown = {key: value for key, value in found["model"].items() if key in SHOWN}
    registry.tag(version, {f"evaluation.{key}": f"{value:.6f}" for key, value in shown.items()})
    said = {
        name: {key: _json_number(value) for key, value in values.items()} for name, values in found.items()
    }
    return {
        "evaluation_report": runs.write_text(evaluation_report(evaluation), "evaluation.html"),
        "evaluation": runs.write_text(
            json.dumps({**said, "rows": len(judged.y)}, indent=1), "evaluation.json"
        ),
    }


def _intervals(model: PurchasingModel, judged: Judged, draws: dict[str, int]) -> dict[str, Interval]:
    target = model.target
    if target.task == "regression":
        names: tuple[MetricName, ...] = ("r2",)
    else:
        names = ("auc_macro",) if target.positive is None else ("auc", "average_precision")
    found: dict[str, Interval] = {}
    for name in names:
        y, score = comparable(target, name, judged.y, judged.model)
        found[name] = interval(y, score, judged.users, metric=name, **draws)
    return found


def _floor(model: PurchasingModel, judged: Judged, draws: dict[str, int]) -> Comparison:
    target, metric = model.target, primary_metric(model.target)
    y, score = comparable(target, metric, judged.y, judged.model)
    _, naive = comparable(target, metric, judged.y, naive_outputs(target, metric, judged))
    return paired_bootstrap(y, score, naive, judged.users, metric=metric, **draws)


def _evaluation(
    version: ModelVersion,
    model: PurchasingModel,
    judged: Judged,
    found: dict[str, dict[str, float]],
    intervals: dict[str, Interval],
    floor: Comparison,
) -> Evaluation:
    target, training = model.target, model.training
    # A naive score that ranks nobody is chance; the report then says so by itself.
    named = [name for name in found if name != "naive" or np.ptp(judged.naive) > 0]
    rfm = ranking(target, judged.rfm)
    looked_at = explain_model(model, judged.rows.frame)
    scores = {"naive": judged.naive, "rfm": rfm}
    return Evaluation(
        title=f"{version.name}, version {version.version}",
        sought=sought(model),
        task=target.task,
        model=_description(version, model),
        rows=len(judged.y),
        users=len(set(judged.users)),
        metrics={name: found[name] for name in named},
        y=judged.y,
        outputs=judged.model,
        baselines={name: scores[name] for name in named if name in scores},
        trained=training.cutoffs,
        calibrated=training.calibration_cutoffs,
        tested=_cutoffs(judged),
        intervals=intervals,
        against_naive=floor if "naive" in named else None,
        classes=target.classes,
        positive=target.positive,
        drivers=looked_at.drivers,
        driver_unit="Mean size of its part of the score",
        effects={"Words": looked_at.words, "Categories": looked_at.categories},
        notes=("Neither the features, the model nor its calibration has seen the tested rows.",),
    )


def sought(model: PurchasingModel) -> str:
    """Whom the score finds, in words that follow "finds 62 % of"."""
    days, target = model.meta.horizon_days, model.target
    if target.name == "label":
        named = "" if target.positive is None else f" = {target.classes[target.positive]}"
        return f"{target.column}{named}" if target.classes else f"the total {target.column}"
    return {
        "tier": f"the top-fifth spenders of the next {days} days",
        "intent": f"those who buy in the next {days} days",
        "spend": f"the spend of the next {days} days",
    }[model.target.name]


def _description(version: ModelVersion, model: PurchasingModel) -> dict[str, str]:
    tags = version.tags
    commit = tags.get("git.commit", "unknown")[:10]
    dirty = {"true": ", with uncommitted changes", "false": ", clean"}.get(tags.get("git.dirty", ""), "")
    return {
        "Head": model.params.head.name,
        "Text": model.params.representation,
        "Encoder": model.params.encoder if "encoder" in model.params.text_blocks else "not used",
        "Features": str(len(model.meta.features)),
        "Training rows": f"{model.training.rows:,}",
        "Calibration rows": f"{model.training.calibration_rows:,}",
        "Data digest": model.training.digest,
        "Git commit": f"{commit}{dirty}",
        "Seed": str(model.training.seed),
    }


def _cutoffs(judged: Judged) -> tuple[str, ...]:
    frame = judged.rows.frame
    return tuple(f"{moment:%Y-%m-%d}" for moment in sorted(frame[CUTOFF].unique())) if CUTOFF in frame else ()


def _json_number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def main() -> None:
    """Run from the command line."""
    execute("evaluate", parser(), run)


if __name__ == "__main__":
    main()
