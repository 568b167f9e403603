"""What a monitoring run leaves in MLflow: metrics, tags, figures as JSON and the two HTML reports."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import mlflow
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

from monitoring.drift.results import ColumnDrift
from monitoring.evidence import Evidence
from monitoring.policy.decision import MonitoringDecision, drifted_columns
from monitoring.policy.past_jobs import step_of
from monitoring.policy.policy import Policy
from monitoring.policy.window_history import MonitoredWindow
from tracking import runs

PAGE, DETAILS, EVIDENTLY_PAGE = "monitor.html", "details.html", "evidently.html"
MOST_WINDOWS, MOST_IN_BATCH = 100, 1000


def action(decision: MonitoringDecision) -> str:
    """What the decision leads to, for tags: ``retrain``, ``alert`` or ``none``."""
    return "retrain" if decision.retrain else "alert" if decision.drifted else "none"


def log(
    evidence: Evidence,
    scores: dict[str, ColumnDrift],
    decision: MonitoringDecision,
    policy: Policy,
    verdict: str,
    reasons: Sequence[str],
    past: Sequence[MonitoredWindow],
) -> None:
    """Log everything but the pages to the active run, metrics with the windows as steps."""
    log_metrics(metrics(evidence), decision.window.moment, past)
    tags = {"decision": action(decision), "drifted": str(decision.drifted).lower(), "verdict": verdict}
    mlflow.set_tags({**tags, "why": " ".join(reasons)[: runs.LONGEST_TAG]})
    runs.write_text(as_json(drift_record(evidence, scores)), "drift.json")
    record = decision_record(evidence, decision, policy, verdict, reasons)
    runs.write_text(as_json(record), "decision.json")


def log_metrics(figures: dict[str, float], moment: str, past: Sequence[MonitoredWindow]) -> None:
    """Log this window's figures at its step, and those of the windows before it at theirs: a run shows the whole trend.

    The latest value of a metric, which MLflow shows and searches by, is that of the highest step: this window's.
    """
    run, now = mlflow.active_run(), int(time.time() * 1000)
    assert run is not None, "figures are logged inside a run"
    logged = [
        Metric(name, value, now, step_of(at))
        for at, values in [*((one.moment, one.figures) for one in past[-MOST_WINDOWS:]), (moment, figures)]
        for name, value in values.items()
        if math.isfinite(value) and name in figures
    ]
    for start in range(0, len(logged), MOST_IN_BATCH):
        MlflowClient().log_batch(run.info.run_id, metrics=logged[start : start + MOST_IN_BATCH])


def log_evidently(html: str, json_text: str) -> None:
    """Log Evidently's report to the active run."""
    runs.write_text(html, EVIDENTLY_PAGE)
    runs.write_text(json_text, "evidently.json")


def drift_record(evidence: Evidence, scores: dict[str, ColumnDrift]) -> dict[str, Any]:
    """Drift results of rows, columns, texts and scores."""
    drifted = {column.column for column in drifted_columns(evidence)}
    columns = [
        {**asdict(column), "weighted_effect": column.weighted_effect, "drifted": column.column in drifted}
        for column in evidence.columns
    ]
    return {
        "window": None if evidence.window is None else asdict(evidence.window),
        "quality": [asdict(check) for check in evidence.quality],
        "columns": columns,
        "scores": [asdict(score) for score in scores.values()],
        "tiers": [asdict(share) for share in evidence.tiers],
        "text": None if evidence.text is None else asdict(evidence.text),
        "categories": [asdict(change) for change in evidence.categories],
    }


def metrics(evidence: Evidence) -> dict[str, float]:
    """Figures of a job by name; NaN where one is not defined.

    Names of metrics are stored, and people's dashboards and alerts go by them: ``drift.matter`` is the share of feature
    importance on what drifted, ``promised.<metric>`` the reference performance.
    """
    drifted, columns = len(drifted_columns(evidence)), len(evidence.columns)
    figures = {
        "users": float(evidence.users),
        "reference_users": float(evidence.reference_users),
        "drift.columns": float(drifted),
        "drift.share": drifted / columns if columns else math.nan,
        "score.moved": evidence.score.effect,
        "score.p_value": evidence.score.p_value,
    }
    figures |= {f"tier.{share.tier}": share.realised for share in evidence.tiers}
    if evidence.window is not None:
        figures["drift.window"] = float(evidence.window.drifted)
        figures["drift.matter"] = evidence.window.importance
    if evidence.text is not None:
        figures |= {"text.auc": evidence.text.auc, "text.mmd": evidence.text.mmd}
        figures["text.p_value"] = evidence.text.p_value
    figures["quality.looks"] = float(sum(check.status != "good" for check in evidence.quality))
    for realised in evidence.performance.figures:
        figures[f"realised.{realised.figure.metric}"] = realised.figure.value
        figures[f"naive.{realised.figure.metric}"] = realised.naive.champion
        if realised.reference is not None:
            figures[f"promised.{realised.figure.metric}"] = realised.reference.figure.value
    figures |= {f"estimated.{one.current.metric}": one.current.value for one in evidence.estimates}
    listed = evidence.campaign
    if listed is not None:
        figures["campaign.users"] = float(listed.users)
        if listed.before:
            figures |= {"campaign.entered": float(listed.entered), "campaign.left": float(listed.left)}
    return figures


def decision_record(
    evidence: Evidence, decision: MonitoringDecision, policy: Policy, verdict: str, reasons: Sequence[str]
) -> dict[str, Any]:
    """The decision with what it rests on, but for the columns."""
    return {
        "verdict": verdict,
        "reasons": reasons,
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
