"""What a monitoring run leaves in MLflow: metrics, tags, figures as JSON and the two HTML reports."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import mlflow

from monitoring.drift import Drift
from monitoring.evidence import Evidence
from monitoring.policy import Decision, Policy, drifted_columns
from tracking import runs

PAGE, EVIDENTLY_PAGE = "monitor.html", "evidently.html"
LONGEST_TAG = 4900


def word(decision: Decision) -> str:
    """The decision as one word for tags: ``retrain``, ``alert`` or ``none``."""
    return "retrain" if decision.retrain else "alert" if decision.drifted else "none"


def log(found: Drift, evidence: Evidence, decision: Decision, policy: Policy, said: str) -> None:
    """Log everything but the page to the active run."""
    mlflow.log_metrics({name: value for name, value in metrics(evidence).items() if math.isfinite(value)})
    tags = {"decision": word(decision), "drifted": str(decision.drifted).lower(), "verdict": said}
    mlflow.set_tags({**tags, "why": " ".join(decision.reasons)[:LONGEST_TAG]})
    drifted = {column.column for column in drifted_columns(evidence.columns)}
    columns = [{**asdict(column), "drifted": column.column in drifted} for column in evidence.columns]
    scores = [asdict(score) for score in found.scores.values()]
    runs.write_text(as_json({"columns": columns, "scores": scores}), "drift.json")
    runs.write_text(as_json(decision_record(evidence, decision, policy, said)), "decision.json")
    runs.write_text(found.html, EVIDENTLY_PAGE)
    runs.write_text(found.json, "evidently.json")


def metrics(evidence: Evidence) -> dict[str, float]:
    """Figures of a job by name; NaN where one is not defined."""
    drifted, columns = len(drifted_columns(evidence.columns)), len(evidence.columns)
    figures = {
        "users": float(evidence.users),
        "reference_users": float(evidence.reference_users),
        "drift.columns": float(drifted),
        "drift.share": drifted / columns if columns else math.nan,
        "score.moved": evidence.score.effect,
        "score.p_value": evidence.score.p_value,
    }
    for realised in evidence.performance.figures:
        figures[f"realised.{realised.figure.metric}"] = realised.figure.value
        figures[f"naive.{realised.figure.metric}"] = realised.naive.champion
        if realised.promised is not None:
            figures[f"promised.{realised.figure.metric}"] = realised.promised.value
    return figures


def decision_record(evidence: Evidence, decision: Decision, policy: Policy, said: str) -> dict[str, Any]:
    """The decision with what it rests on, but for the columns."""
    return {
        "verdict": said,
        **asdict(decision),
        "policy": asdict(policy),
        "figures": metrics(evidence),
        "performance": asdict(evidence.performance),
    }


def as_json(value: Any) -> str:
    """JSON text in which a number that is not finite is null."""
    return json.dumps(_finite(value), indent=1, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
