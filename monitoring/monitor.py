"""Entry point ``monitor``: a later cutoff against the reference statistics of the production version."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from tqdm import tqdm

from monitoring.drift.comparison import compare
from monitoring.evidence import DriftResult, detect
from monitoring.performance.estimate import estimated_performance
from monitoring.performance.realised import realised_performance
from monitoring.performance.results import recorded_performance
from monitoring.policy import past_jobs
from monitoring.policy.decision import decide
from monitoring.policy.policy import RETRAIN, Policy
from monitoring.policy.reasons import reasons, verdict
from monitoring.policy.retraining import retrain
from monitoring.reports import alerts, job_report, prometheus, record
from monitoring.reports.job_report import JobReport
from monitoring.reports.stakeholder_report import LANGUAGES
from purchasing_power.errors import DataError
from purchasing_power.kinds import registry as kinds
from purchasing_power.kinds.kind import Kind
from purchasing_power.reference.columns import meanings
from tracking import ledger, lock, registry, runs
from tracking.entry import Outputs, choice, count, execute, number, optional_date, parameter
from tracking.reference import open_reference
from tracking.registry import ModelOptions


@dataclass(frozen=True)
class JobOptions(ModelOptions):
    """Parameters of ``monitor`` that ``watch`` has too."""

    RENAMED: ClassVar[dict[str, str]] = {"matter": "drift_importance"}

    users: str = parameter("user table with a later cutoff: a folder, a runs:/ URI, or latest")
    cutoff: date | None = parameter("cutoff to compare, YYYY-MM-DD; auto is the latest", optional_date)
    drift_share: float = parameter("share of drifted columns above which the features count as drifted", number)
    drift_importance: float = parameter(
        "share of feature importance on what drifted that makes drift important", number
    )
    min_users: int = parameter("fewest users from which anything is concluded", count)
    poor_windows: int = parameter("poor windows among the newest that call for retraining", count)
    windows: int = parameter("newest windows that are looked at", count)
    cool_down_days: int = parameter("days after a retraining in which no other is started", count)
    max_age_days: int = parameter("age at which a version is retrained on schedule; 0 for never", count)
    retrain: str = parameter("whether to start a retraining", choice(*RETRAIN))
    tables: str = parameter("checked tables that a retraining takes its snapshot of: as for snapshot")
    language: str = parameter("language of the stakeholder report", choice(*LANGUAGES))
    webhook: str = parameter("where alerts go: a URL that takes Slack's JSON, env:NAME, or none")
    prometheus: str = parameter("folder of the node exporter's textfile collector, or none")
    workspace: str = parameter("folder for Evidently's workspace and the caches of a retraining")
    seed: int = parameter("seed of the draws, and of a retraining", count)

    @property
    def policy(self) -> Policy:
        """The policy that they set.

        Raises
        ------
        DataError
            If one of them is out of range.
        """
        return Policy(**{one.name: getattr(self, one.name) for one in fields(Policy)})


@dataclass(frozen=True)
class Options(JobOptions):
    """Parameters of ``monitor``."""

    exit_code: str = parameter("whether the exit code is that of the state that was found", choice("off", "on"))


@dataclass(frozen=True)
class Job:
    """What one job looks at.

    Attributes
    ----------
    table
        The table that was given, with every row.
    current
        The rows of the window.
    """

    kind: Kind
    version: ModelVersion
    model: Any
    table: Any
    current: Any


def run(options: JobOptions) -> Outputs:
    """Compare, decide, log the reports, and retrain where the decision says so; one job on a model at a time."""
    policy, url = options.policy, alerts.webhook_url(options.webhook)
    prometheus.check_folder(options.prometheus)
    with lock.held(f"monitor of {options.registered}"):
        return _job(options, policy, url)


def _job(options: JobOptions, policy: Policy, url: str | None) -> Outputs:
    kind = kinds.kind(options.kind)
    version = registry.find(options.registered, registry.PRODUCTION)
    folder, uri = runs.fetch(options.users, "users")
    table, model = kind.read(folder), registry.open_model(version, kind)
    current = kind.current_rows(model, table, options.cutoff, options.seed)
    job = Job(kind, version, model, table, current)
    result = _gather(job, options.seed)
    earlier = past_jobs.jobs(version.name)
    report = _report(job, result, policy, earlier, options.language)
    page = job_report.log(report, options.prometheus, Path(options.workspace))
    job_report.alert(report, url, earlier)
    if report.decision.retrain:
        _retrain(options, job, uri, report, url)
    return {
        "monitor_report": page,
        "monitor_verdict": report.verdict,
        "decision": record.action(report.decision),
        "state": report.decision.state,
    }


def _gather(job: Job, seed: int) -> DriftResult:
    kind, version, model, current = job.kind, job.version, job.model, job.current
    reference = open_reference(version)
    held = reference.held_out
    recorded = recorded_performance(ledger.records(version.name), str(version.version))
    with tqdm(total=4, desc="monitor", unit="part", delay=2, leave=False) as bar:
        comparison = compare(kind, model, reference, current, seed)
        bar.update()
        performance = realised_performance(kind, model, held, job.table, comparison.moment, seed, recorded)
        bar.update()
        result = detect(comparison, meanings(model.meta), performance, seed)
        bar.update()
        outputs = model.outputs(current.frame)
        evidence = replace(
            result.evidence,
            estimates=estimated_performance(kind, model, held, outputs, seed),
            campaign=kind.campaign(model, job.table, current),
        )
        bar.update()
    return replace(result, evidence=evidence)


def _report(job: Job, result: DriftResult, policy: Policy, earlier: list[Run], language: str) -> JobReport:
    """The decision from the drift result and the windows before, with all that the reports are made from."""
    key = past_jobs.key_of(job.kind, job.current)
    moment = past_jobs.moment_of(key, job.kind, job.current, earlier)
    history = past_jobs.history(job.version, job.model, moment, earlier)
    decision = decide(result.evidence, policy, history, moment)
    return JobReport(
        version=job.version,
        result=result,
        decision=decision,
        policy=policy,
        history=history,
        verdict=verdict(result.evidence, decision, policy),
        reasons=reasons(result.evidence, decision, policy, history),
        key=key,
        content=job.table.digest(),
        language=language,
    )


def _retrain(options: JobOptions, job: Job, users: str, report: JobReport, url: str | None) -> None:
    """Retrain, write the result where people look, and raise where it failed."""
    shared = {"model": options.model, "kind": options.kind, "workspace": options.workspace, "seed": str(options.seed)}
    own = job.kind.retraining_parameters(job.model, users, options.tables)
    retraining = retrain({**own, **shared})
    job_report.close_loop(report, retraining, url, Path(options.workspace))
    if retraining.status == "failed":
        raise DataError(f"monitor: {retraining.sentence} Look at that run's output above, and start retrain by itself.")


def main() -> None:
    """Run from the command line; the exit code is that of the state that was found where ``exit_code`` is on."""
    codes = [0]

    def work(options: Options) -> Outputs:
        outputs = run(options)
        if options.exit_code == "on":
            codes.append(alerts.EXIT_CODES[outputs["state"]])
        return outputs

    execute("monitor", Options, work)
    raise SystemExit(codes[-1])


if __name__ == "__main__":
    main()
