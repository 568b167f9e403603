"""Entry point ``monitor``: a later cutoff against the reference statistics of the production version."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path

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
from tracking import entry, ledger, lock, registry, runs
from tracking.entry import Outputs, Parser, choice, execute, number, optional_date, whole
from tracking.reference import open_reference


@dataclass(frozen=True)
class MonitorOptions:
    """Parameters of ``monitor``, see :func:`parser`."""

    users: str
    model: str
    cutoff: date | None
    drift_share: float
    drift_importance: float
    min_users: int
    poor_windows: int
    windows: int
    cool_down_days: int
    max_age_days: int
    retrain: str
    tables: str
    language: str
    webhook: str
    prometheus: str
    exit_code: str
    workspace: str
    seed: int

    @property
    def policy(self) -> Policy:
        """The policy that they set.

        Raises
        ------
        DataError
            If one of them is out of range.
        """
        return Policy(**{one.name: getattr(self, one.name) for one in fields(Policy)})


def parser() -> Parser:
    """Parameters of ``monitor``."""
    return (
        Parser(prog="monitor")
        .add("users", "user table with a later cutoff: a folder, a runs:/ URI, or latest")
        .add("model", "name of the registered model, whose production version is watched")
        .add("cutoff", "cutoff to compare, YYYY-MM-DD; auto is the latest", optional_date)
        .add("drift_share", "share of drifted columns above which the features count as drifted", number)
        .add(
            "drift_importance",
            "share of feature importance on what drifted that makes drift important",
            number,
        )
        .add("min_users", "fewest users from which anything is concluded", whole)
        .add("poor_windows", "poor windows among the newest that call for retraining", whole)
        .add("windows", "newest windows that are looked at", whole)
        .add("cool_down_days", "days after a retraining in which no other is started", whole)
        .add("max_age_days", "age at which a version is retrained on schedule; 0 for never", whole)
        .add("retrain", "whether to start a retraining", choice(*RETRAIN))
        .add("tables", "checked tables that a retraining takes its snapshot of: as for snapshot")
        .add("language", "language of the stakeholder report", choice(*LANGUAGES))
        .add("webhook", "where alerts go: a URL that takes Slack's JSON, env:NAME, or none")
        .add("prometheus", "folder of the node exporter's textfile collector, or none")
        .add("exit_code", "whether the exit code is that of the state that was found", choice("off", "on"))
        .add("workspace", "folder for Evidently's workspace and the caches of a retraining")
        .add("seed", "seed of the draws, and of a retraining", whole)
        .renamed("matter", "drift_importance")
    )


def run(args: argparse.Namespace) -> Outputs:
    """Compare, decide, log the reports, and retrain where the decision says so; one job on a model at a time."""
    options = entry.options(MonitorOptions, args)
    policy, url = options.policy, alerts.webhook_url(options.webhook)
    prometheus.check_folder(options.prometheus)
    with lock.held(f"monitor of {options.model}"):
        return _job(options, policy, url)


def _job(options: MonitorOptions, policy: Policy, url: str | None) -> Outputs:
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
    options: MonitorOptions, model: PurchasingModel, users: str, report: JobReport, url: str | None
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

    def work(args: argparse.Namespace) -> Outputs:
        outputs = run(args)
        if args.exit_code == "on":
            codes.append(alerts.EXIT_CODES[outputs["state"]])
        return outputs

    execute("monitor", parser(), work)
    raise SystemExit(codes[-1])


if __name__ == "__main__":
    main()
