"""The reports of a job: its pages, Prometheus text, the alert, and what came of a retraining."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from monitoring.detect import Found
from monitoring.drift.synthetic_sample import shown
from monitoring.policy import past_jobs
from monitoring.policy.decision import Decision, Policy
from monitoring.policy.past_windows import Past
from monitoring.policy.retraining import Retrained
from monitoring.reports import alerts, prometheus, record
from monitoring.reports.details import Page, render
from monitoring.reports.pictures import scores_then_and_now
from monitoring.reports.stakeholder_report import Briefing, render_briefing
from tracking import registry, runs

ALERT = "monitor.alert"
DELIVERED = "delivered"
LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class Told:
    """All that the reports of a job tell.

    Attributes
    ----------
    said
        The decision in one sentence.
    key, content
        The window's key, see ``past_jobs.key_of``, and the digest of the user table.
    """

    version: ModelVersion
    found: Found
    decision: Decision
    policy: Policy
    past: Past
    said: str
    key: str
    content: str
    language: str


def log(told: Told, args: argparse.Namespace) -> str:
    """Log metrics, records and pages, then the tags that make the window count, and give the URI of the page."""
    evidence, decision = told.found.evidence, told.decision
    snapshot = _evidently(told)
    record.log(evidence, told.found.scores, decision, told.policy, told.said, told.past.windows)
    report = pages(told, None)
    held = prometheus.registry_of(
        told.version.name,
        str(told.version.version),
        decision.window.moment,
        decision.word,
        decision.retrain,
        record.metrics(evidence),
    )
    runs.write_text(prometheus.as_text(held), prometheus.FILE)
    prometheus.write(held, args.prometheus, told.version.name)
    mlflow.set_tags(past_jobs.tags_of(decision.window, told.version, told.key, told.content))
    _to_workspace(told, Path(args.workspace), snapshot)
    return report


def _evidently(told: Told) -> Any:
    """Log Evidently's report, and give it as the run of the window in its workspace."""
    from monitoring.reports import evidently_report

    run, both, evidence = mlflow.active_run(), told.found.sides, told.found.evidence
    assert run is not None, "a window is looked at inside a run"
    snapshot = evidently_report.report(
        *shown({**both.reference.columns, **both.reference.scores}, {**both.columns, **both.scores}),
        evidence,
        told.found.scores,
        # Evidently says "drifted" from its share on, the policy above its own.
        max(told.policy.drift_share, LEAST_SHARE),
        replace(told.decision.window, run_id=run.info.run_id, figures=record.metrics(evidence)),
        str(told.version.version),
    )
    record.log_evidently(evidently_report.html(snapshot), snapshot.json())
    return snapshot


def _to_workspace(told: Told, folder: Path, snapshot: Any) -> None:
    from monitoring.reports import evidently_workspace

    evidently_workspace.add(
        folder / evidently_workspace.FOLDER,
        told.version.name,
        str(told.version.version),
        told.past.windows,
        told.decision.window.moment,
        snapshot,
    )


def pages(told: Told, done: Retrained | None) -> str:
    """Log the stakeholder's page and the details, with what came of a retraining once that is known."""
    both, decision = told.found.sides, told.decision
    nothing = "Retraining was started." if decision.retrain else "Nothing: no retraining was started."
    details = Page(
        title=f"{told.version.name}, version {told.version.version}",
        verdict=told.said,
        decision=decision,
        evidence=told.found.evidence,
        compared=both.described,
        picture=scores_then_and_now(*shown(both.reference.scores, both.scores)),
        done=nothing if done is None else done.sentence,
        evidently=record.EVIDENTLY_PAGE,
    )
    runs.write_text(render(details), record.DETAILS)
    briefing = Briefing(
        language=told.language,
        model=told.version.name,
        version=str(told.version.version),
        evidence=told.found.evidence,
        decision=decision,
        policy=told.policy,
        past=told.past.windows,
        figures=record.metrics(told.found.evidence),
        details=record.DETAILS,
        evidently=record.EVIDENTLY_PAGE,
        done=done,
    )
    return runs.write_text(render_briefing(briefing), record.PAGE)


def alert(told: Told, url: str | None, earlier: list[Run]) -> None:
    """Send what people have to know of, once for a window and a word, and tag the run with what became of it."""
    word = told.decision.word
    if url is None or word not in alerts.ALERTING:
        return
    known = any(
        run.data.tags.get(ALERT) == DELIVERED
        and run.data.tags[past_jobs.KEY] == told.key
        and run.data.tags[past_jobs.WORD] == word
        and run.data.tags[past_jobs.VERSION] == str(told.version.version)
        for run in earlier
    )
    if known:
        mlflow.set_tag(ALERT, "sent by an earlier job on this window")
        return
    text = f"{told.version.name}, version {told.version.version}: {told.said}"
    mlflow.set_tag(ALERT, DELIVERED if alerts.send(url, text) else "failed")


def close_loop(told: Told, done: Retrained, url: str | None, workspace: Path) -> None:
    """Write what came of a retraining where people look, and the drift that caused it into the new version.

    People look at the run, at its pages, and at Evidently's dashboard in the folder ``workspace``.
    """
    from monitoring.reports import evidently_workspace

    tags = {"run_id": done.run_id, "status": done.status, "gate": done.gate, "version": done.version}
    mlflow.set_tags({f"retrain.{name}": value for name, value in tags.items()})
    pages(told, done)
    evidently_workspace.tell(
        workspace / evidently_workspace.FOLDER,
        told.version.name,
        str(told.version.version),
        told.decision.window.moment,
        done.tag,
    )
    if done.version.isdigit():
        _lead_back(registry.find(told.version.name, done.version), told.said)
    if url is not None:
        alerts.send(url, f"{told.version.name}: {done.sentence}")


def _lead_back(version: ModelVersion, said: str) -> None:
    """On the new version's page: which monitoring run caused it, and what that run said."""
    run = mlflow.active_run()
    assert run is not None, "a retraining is started inside a run"
    registry.tag(version, {"monitor.run_id": run.info.run_id, "monitor.verdict": said[: runs.LONGEST_TAG]})
    cause = f"Trained because monitoring run `{run.info.run_id}` said: {said}"
    registry.describe(version, "\n\n".join(part for part in (version.description, cause) if part))
