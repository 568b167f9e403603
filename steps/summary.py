"""What ``main`` prints at its end: the version in production, its figures, and where to go next."""

from __future__ import annotations

import json
import os

import mlflow

from tracking import registry, runs

FIGURES = (
    ("auc", "AUC"),
    ("average_precision", "average precision"),
    ("gain_20", "caught in the top 20 %"),
    ("r2", "R2"),
)
OF_CLASSES = (("auc_macro", "AUC over classes"), ("accuracy", "accuracy"))
REPORTS = ("evaluation_report", "promotion_report", "monitor_report")


def summary(model: str, outputs: dict[str, str]) -> str:
    """Under 15 lines for a terminal."""
    production = registry.at_stage(model, registry.PRODUCTION)
    version = f"version {production.version}" if production is not None else "no version yet"
    lines = [
        f"In production: {version} of {model} (version {outputs['candidate']} was {outputs['gate']} by the gate)",
        _figures(outputs["evaluation"]),
    ]
    if "monitor_verdict" in outputs:
        lines.append(f"Monitoring: {outputs['monitor_verdict']}")
    lines += [
        f"{name.replace('_', ' ').capitalize()}: {_short(outputs[name])}"
        for name in REPORTS
        if name in outputs
    ]
    if "predictions" in outputs:
        lines.append(f"Predictions: {outputs['predictions']}")
    return "\n".join([*lines, *_next(model, production is not None, "monitor_report" in outputs)])


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
    return (
        os.path.relpath(where)
        if os.path.exists(where) and not os.path.relpath(where).startswith("..")
        else where
    )
