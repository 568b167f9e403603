"""Entry point ``monitor``: a later cutoff against the reference statistics of the production version."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import ClassVar

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from tqdm import tqdm

from monitoring.detect import DriftResult, detect
from monitoring.drift.comparison import compare
from monitoring.drift.current_rows import current_rows
from monitoring.performance.estimate import estimated_performance
from monitoring.performance.realised import realised_performance
from monitoring.performance.reference_performance import recorded_performance
from monitoring.policy import past_jobs
from monitoring.policy.decision import decide
from monitoring.policy.policy import RETRAIN, Policy
from monitoring.policy.reasons import reasons, verdict
from monitoring.policy.retraining import retrain
from monitoring.reports import alerts, job_report, prometheus, record
from monitoring.reports.job_report import JobReport
from monitoring.reports.stakeholder_report import LANGUAGES
from purchasing_power.actions.campaign_list import campaign_list
from purchasing_power.errors import DataError
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.reference.columns import meanings
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import UserTable
from tracking import ledger, lock, registry, runs
from tracking.entry import Outputs, choice, execute, number, optional_date, parameter, whole
from tracking.reference import open_reference


@dataclass(frozen=True)
class JobOptions:
    """Parameters of ``monitor`` that ``watch`` has too."""

    RENAMED: ClassVar[dict[str, str]] = {"matter": "drift_importance"}

    users: str = parameter("user table with a later cutoff: a folder, a runs:/ URI, or latest")
    model: str = parameter("name of the registered model, whose production version is monitored")
    cutoff: date | None = parameter("cutoff to compare, YYYY-MM-DD; auto is the latest", optional_date)
    drift_share: float = parameter(
        "share of drifted columns above which the features count as drifted", number
    )
    drift_importance: float = parameter(
        "share of feature importance on what drifted that makes drift important", number
    )
    min_users: int = parameter("fewest users from which anything is concluded", whole)
    poor_windows: int = parameter("poor windows among the newest that call for retraining", whole)
    windows: int = parameter("newest windows that are looked at", whole)
    cool_down_days: int = parameter("days after a retraining in which no other is started", whole)
    max_age_days: int = parameter("age at which a version is retrained on schedule; 0 for never", whole)
    retrain: str = parameter("whether to start a retraining", choice(*RETRAIN))
    tables: str = parameter("checked tables that a retraining takes its snapshot of: as for snapshot")
    language: str = parameter("language of the stakeholder report", choice(*LANGUAGES))
    webhook: str = parameter("where alerts go: a URL that takes Slack's JSON, env:NAME, or none")
    prometheus: str = parameter("folder of the node exporter's textfile collector, or none")
    workspace: str = parameter("folder for Evidently's workspace and the caches of a retraining")
    seed: int = parameter("seed of the draws, and of a retraining", whole)

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

    exit_code: str = parameter(
        "whether the exit code is that of the state that was found", choice("off", "on")
    )


def run(options: JobOptions) -> Outputs:
    """Compare, decide, log the reports, and retrain where the decision says so; one job on a model at a time."""
    policy, url = options.policy, alerts.webhook_url(options.webhook)
    prometheus.check_folder(options.prometheus)
    with lock.held(f"monitor of {options.model}"):
        return _job(options, policy, url)


def _job(options: JobOptions, policy: Policy, url: str | None) -> Outputs:
    version = registry.find(options.model, registry.PRODUCTION)
    model = registry.open_bundle(version)
    folder, uri = runs.fetch(options.users, "users")
    table = user_table.read(folder)
    current = current_rows(model, table, options.cutoff, options.seed)
    result = _gather(version, model, table, current, options.seed)
    earlier = past_jobs.jobs(version.name)
    report = _report(version, model, table, current, result, policy, earlier, options.language)
    page = job_report.log(report, options.prometheus, Path(options.workspace))
    job_report.alert(report, url, earlier)
    if report.decision.retrain:
        _retrain(options, model, uri, report, url)
    return {
        "monitor_report": page,
        "monitor_verdict": report.verdict,
        "decision": record.action(report.decision),
        "state": report.decision.state,
    }


def _gather(
    version: ModelVersion, model: PurchasingModel, table: UserTable, current: UserTable, seed: int
) -> DriftResult:
    reference = open_reference(version)
    held = reference.held_back
    recorded = recorded_performance(ledger.records(version.name), str(version.version))
    with tqdm(total=4, desc="monitor", unit="part", delay=2, leave=False) as bar:
        comparison = compare(model, reference, current, seed)
        bar.update()
        performance = realised_performance(model, held, table, comparison.moment, seed, recorded)
        bar.update()
        result = detect(comparison, meanings(model.meta), performance, seed)
        bar.update()
        outputs = model.outputs(current.frame)
        evidence = replace(
            result.evidence,
            estimates=estimated_performance(model, held, outputs, seed),
            campaign=campaign_list(model, table, current, outputs),
        )
        bar.update()
    return replace(result, evidence=evidence)


def _report(
    version: ModelVersion,
    model: PurchasingModel,
    table: UserTable,
    current: UserTable,
    result: DriftResult,
    policy: Policy,
    earlier: list[Run],
    language: str,
) -> JobReport:
    """The decision from the drift result and the windows before, with all that the reports are made from."""
    key = past_jobs.key_of(current)
    moment = past_jobs.moment_of(key, current, earlier)
    history = past_jobs.history(version, model, moment, earlier)
    decision = decide(result.evidence, policy, history, moment)
    return JobReport(
        version=version,
        result=result,
        decision=decision,
        policy=policy,
        history=history,
        verdict=verdict(result.evidence, decision, policy),
        reasons=reasons(result.evidence, decision, policy, history),
        key=key,
        content=table.digest(),
        language=language,
    )


def _retrain(
    options: JobOptions, model: PurchasingModel, users: str, report: JobReport, url: str | None
) -> None:
    """Retrain, write the result where people look, and raise where it failed."""
    flat = model.meta.kind == "flat"
    source = {"users": users} if flat else {"tables": options.tables, "last_cutoff": "auto"}
    named = model.target.positive if flat else None
    shared = {
        "target": model.target.name,
        "positive": "auto" if named is None else model.target.classes[named],
        "model": options.model,
        "workspace": options.workspace,
        "seed": str(options.seed),
    }
    retraining = retrain({**source, **shared})
    job_report.close_loop(report, retraining, url, Path(options.workspace))
    if retraining.status == "failed":
        raise DataError(
            f"monitor: {retraining.sentence} Look at that run's output above, and start retrain by itself."
        )


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
