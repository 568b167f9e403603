"""Entry point ``evaluate``: a version on rows it has not learned from, beside baselines, as one report."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Interval, Resampling, measured
from purchasing_power.evaluation.holdout import Predictions, evaluated, held_out
from purchasing_power.kinds import registry as kinds
from purchasing_power.kinds.case import Evaluated
from purchasing_power.kinds.kind import Kind
from tracking import registry, runs
from tracking.entry import Outputs, count, execute, parameter
from tracking.registry import ModelOptions

# What stands on the version's page; the run and the report hold every figure.
SHOWN = ("auc", "auc_macro", "average_precision", "calibration_error", "gain_20", "accuracy", "r2", "mae")
# Figures that get a bootstrap interval in the report.
WITH_INTERVAL = 2


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``evaluate``."""

    users: str = parameter("table with the held-out rows: a folder, a runs:/ URI, or latest")
    version: str = parameter("version number or stage")
    replicates: int = parameter("bootstrap replicates of the intervals", count)
    seed: int = parameter("seed of the bootstrap", count)


def run(options: Options) -> Outputs:
    """Evaluate the version on held-out rows, and log the figures and the report."""
    kind = kinds.kind(options.kind)
    version = registry.find(options.registered, options.version)
    model = registry.open_model(version, kind)
    metrics = kind.metrics(model)
    if not metrics:
        raise DataError(
            f"evaluate: a {kind.name} model learns without labels, so that nothing can be held out to evaluate it on. "
            "Run promote, whose gate has checks of its own for it."
        )
    table = kind.read(runs.fetch(options.users, "users")[0])
    rows = held_out(kind, table, [model])
    predictions = kind.predictions(model, rows, kind.constants(model, table))
    fitted = kind.fitted_baselines(model, table, rows)
    predictions = replace(predictions, baselines={**predictions.baselines, **fitted})
    figures = kind.figures(model, predictions)
    resampling = Resampling(options.replicates, options.seed)
    first = evaluated(kind, model, metrics[0], predictions, resampling)
    found = Evaluated(
        model=model,
        rows=rows,
        predictions=predictions,
        figures=figures,
        intervals={metrics[0]: first.figure, **_intervals(kind, model, predictions, resampling)},
        against_baseline=first.against_baseline,
    )
    title = f"{version.name}, version {version.version}"
    return _log(version, figures, len(predictions.y), kind.report(title, _made(kind, version, model), found))


def _intervals(kind: Kind, model: Any, predictions: Predictions, resampling: Resampling) -> dict[str, Interval]:
    """Of the figures after the first, which has its own."""
    return {
        name: measured(name, kind.measure(model, name, predictions), predictions.users, resampling)
        for name in kind.metrics(model)[1:WITH_INTERVAL]
    }


def _made(kind: Kind, version: ModelVersion, model: Any) -> dict[str, str]:
    """How the version was made, for the report."""
    tags = version.tags
    commit = tags.get("git.commit", "unknown")[:10]
    dirty = {"true": ", with uncommitted changes", "false": ", clean"}.get(tags.get("git.dirty", ""), "")
    return {
        **kind.description(model),
        "Data digest": model.training.digest,
        "Git commit": f"{commit}{dirty}",
        "Seed": str(model.training.seed),
    }


def _log(version: ModelVersion, figures: dict[str, dict[str, float]], rows: int, report: str) -> Outputs:
    for name, values in figures.items():
        mlflow.log_metrics({f"{name}.{key}": value for key, value in values.items() if math.isfinite(value)})
    shown = {key: value for key, value in figures["model"].items() if key in SHOWN}
    registry.tag(version, {f"evaluation.{key}": f"{value:.6f}" for key, value in shown.items()})
    written = {name: {key: _json_number(value) for key, value in values.items()} for name, values in figures.items()}
    text = json.dumps({**written, "rows": rows}, indent=1)
    return {
        "evaluation_report": runs.write_text(report, "evaluation.html"),
        "evaluation": runs.write_text(text, "evaluation.json"),
    }


def _json_number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


if __name__ == "__main__":
    execute("evaluate", Options, run)
