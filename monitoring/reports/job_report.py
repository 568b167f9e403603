"""The report of a job: its records and pages, Prometheus text, the alert, and the result of a retraining."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from monitoring.evidence import DriftResult
from monitoring.policy import past_jobs
from monitoring.policy.decision import MonitoringDecision
from monitoring.policy.policy import Policy
from monitoring.policy.retraining import RetrainingResult
from monitoring.policy.window_history import WindowHistory
from monitoring.reports import alerts, details, prometheus, record, stakeholder_report
from monitoring.reports.details import DetailsPage
from monitoring.reports.pictures import scores_then_and_now
from monitoring.reports.stakeholder_report import StakeholderReport
from monitoring.reports.synthetic_sample import synthetic_samples
from tracking import registry, runs

ALERT = "monitor.alert"
DELIVERED = "delivered"
LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class JobReport:
    """All that the reports of a job are made from.

    Attributes
    ----------
    verdict, reasons
        The decision in one sentence, and a sentence for each kind of evidence.
    key, content
        The window's key, see ``past_jobs.key_of``, and the digest of the user table.
    """

    version: ModelVersion
    result: DriftResult
    decision: MonitoringDecision
    policy: Policy
    history: WindowHistory
    verdict: str
    reasons: tuple[str, ...]
    key: str
    content: str
    language: str

    @property
    def number(self) -> str:
        """Number of the version."""
        return str(self.version.version)


def log(report: JobReport, prometheus_folder: str, workspace: Path) -> str:
    """Log metrics, records and pages, then the tags that make the window count, and give the URI of the page."""
    evidence, decision, name = report.result.evidence, report.decision, report.version.name
    snapshot = _log_evidently(report)
    record.log(
        evidence,
        report.result.scores,
        decision,
        report.policy,
        report.verdict,
        report.reasons,
        report.history.windows,
    )
    page = log_pages(report, None)
    window, figures = decision.window, record.metrics(evidence)
    gauges = prometheus.gauges(name, report.number, window.moment, decision.state, decision.retrain, figures)
    runs.write_text(prometheus.as_text(gauges), prometheus.FILE)
    prometheus.write(gauges, prometheus_folder, name)
    mlflow.set_tags(past_jobs.tags_of(window, report.version, report.key, report.content))
    _add_to_workspace(report, workspace, snapshot)
    return page


def _log_evidently(report: JobReport) -> Any:
    """Log Evidently's report, and give it as the run of the window in its workspace."""
    from monitoring.reports import evidently_report

    run, evidence = mlflow.active_run(), report.result.evidence
    assert run is not None, "a window is looked at inside a run"
    both = report.result.comparison
    sketches = {**both.reference.columns, **both.reference.scores}
    snapshot = evidently_report.report(
        *synthetic_samples(sketches, {**both.columns, **both.scores}),
        evidence,
        report.result.scores,
        # Evidently says "drifted" from its share on, the policy above its own.
        max(report.policy.drift_share, LEAST_SHARE),
        replace(report.decision.window, run_id=run.info.run_id, figures=record.metrics(evidence)),
        report.number,
    )
    record.log_evidently(evidently_report.html(snapshot), snapshot.json())
    return snapshot


def _add_to_workspace(report: JobReport, workspace: Path, snapshot: Any) -> None:
    from monitoring.reports import evidently_report

    evidently_report.add_windows(
        workspace / evidently_report.FOLDER,
        report.version.name,
        report.number,
        report.history.windows,
        report.decision.window.moment,
        snapshot,
    )


def log_pages(report: JobReport, retraining: RetrainingResult | None) -> str:
    """Log the stakeholder report and the details, with the result of a retraining once that is known."""
    both, started = report.result.comparison, report.decision.retrain
    action = "Retraining was started." if started else "Nothing: no retraining was started."
    page = DetailsPage(
        title=f"{report.version.name}, version {report.number}",
        verdict=report.verdict,
        reasons=report.reasons,
        evidence=report.result.evidence,
        compared=both.described,
        picture=scores_then_and_now(*synthetic_samples(both.reference.scores, both.scores)),
        action=action if retraining is None else retraining.sentence,
        evidently=record.EVIDENTLY_PAGE,
    )
    runs.write_text(details.render(page), record.DETAILS)
    stakeholders = StakeholderReport(
        language=report.language,
        model=report.version.name,
        version=report.number,
        evidence=report.result.evidence,
        decision=report.decision,
        policy=report.policy,
        past=report.history.windows,
        figures=record.metrics(report.result.evidence),
        details=record.DETAILS,
        evidently=record.EVIDENTLY_PAGE,
        retraining=retraining,
    )
    return runs.write_text(stakeholder_report.render(stakeholders), record.PAGE)


def alert(report: JobReport, url: str | None, earlier: list[Run]) -> None:
    """Send what people have to know of, once for a window and a state, and tag the run with what became of it."""
    state = report.decision.state
    if url is None or state not in alerts.ALERTING:
        return
    known = any(
        run.data.tags.get(ALERT) == DELIVERED
        and run.data.tags[past_jobs.KEY] == report.key
        and run.data.tags[past_jobs.STATE] == state
        and run.data.tags[past_jobs.VERSION] == report.number
        for run in earlier
    )
    if known:
        mlflow.set_tag(ALERT, "sent by an earlier job on this window")
        return
    text = f"{report.version.name}, version {report.number}: {report.verdict}"
    mlflow.set_tag(ALERT, DELIVERED if alerts.send(url, text) else "failed")


def close_loop(report: JobReport, retraining: RetrainingResult, url: str | None, workspace: Path) -> None:
    """Write the result of a retraining where people look, and the drift that caused it into the new version.

    People look at the run, at its pages, and at Evidently's dashboard in the folder ``workspace``.
    """
    from monitoring.reports import evidently_report

    mlflow.set_tags({f"retrain.{name}": value for name, value in vars(retraining).items()})
    log_pages(report, retraining)
    evidently_report.add_tag(
        workspace / evidently_report.FOLDER,
        report.version.name,
        report.number,
        report.decision.window.moment,
        retraining.tag,
    )
    if retraining.version.isdigit():
        _lead_back(registry.find(report.version.name, retraining.version), report.verdict)
    if url is not None:
        alerts.send(url, f"{report.version.name}: {retraining.sentence}")


def _lead_back(version: ModelVersion, verdict: str) -> None:
    """On the new version's page: which monitoring run caused it, and that run's verdict."""
    run = mlflow.active_run()
    assert run is not None, "a retraining is started inside a run"
    registry.tag(version, {"monitor.run_id": run.info.run_id, "monitor.verdict": verdict[: runs.LONGEST_TAG]})
    cause = f"Trained because of the verdict of monitoring run `{run.info.run_id}`: {verdict}"
    registry.describe(version, "\n\n".join(part for part in (version.description, cause) if part))
