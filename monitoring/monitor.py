"""Entry point ``monitor``: a later cutoff against the reference statistics of the production version."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from tqdm import tqdm

from monitoring.detect import Found, find
from monitoring.drift.comparison import sides
from monitoring.drift.current_rows import current_rows
from monitoring.performance.estimate import estimated
from monitoring.performance.realised import realised
from monitoring.performance.reference_performance import recorded
from monitoring.policy import past_jobs
from monitoring.policy.decide import decide
from monitoring.policy.decision import RETRAIN, Policy
from monitoring.policy.reasons import verdict
from monitoring.policy.retraining import retrain
from monitoring.reports import alerts, prometheus, record, reports
from monitoring.reports.reports import Told
from monitoring.reports.stakeholder_report import LANGUAGES
from purchasing_power.actions.campaign_list import campaign_list
from purchasing_power.errors import DataError
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.reference.columns import meanings
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import UserTable
from tracking import ledger, lock, registry, runs
from tracking.entry import Outputs, Parser, choice, execute, number, optional_date, whole
from tracking.reference import open_reference


def parser() -> Parser:
    """Parameters of ``monitor``."""
    return (
        Parser(prog="monitor")
        .add("users", "user table with a later cutoff: a folder, a runs:/ URI, or latest")
        .add("model", "name of the registered model, whose production version is watched")
        .add("cutoff", "cutoff to compare, YYYY-MM-DD; auto is the latest", optional_date)
        .add("drift_share", "share of drifted columns above which the features count as drifted", number)
        .add("matter", "share of the model's attention from which on drift matters", number)
        .add("min_users", "fewest users from which anything is concluded", whole)
        .add("poor_windows", "poor windows among the newest that call for retraining", whole)
        .add("windows", "newest windows that are looked at", whole)
        .add("cool_down_days", "days after a retraining in which no other is started", whole)
        .add("max_age_days", "age at which a version is retrained on schedule; 0 for never", whole)
        .add("retrain", "whether to start a retraining", choice(*RETRAIN))
        .add("tables", "checked tables that a retraining takes its snapshot of: as for snapshot")
        .add("language", "language of the stakeholder's page", choice(*LANGUAGES))
        .add("webhook", "where alerts go: a URL that takes Slack's JSON, env:NAME, or none")
        .add("prometheus", "folder of the node exporter's textfile collector, or none")
        .add("exit_code", "whether the verdict is the exit code", choice("off", "on"))
        .add("workspace", "folder for Evidently's workspace and the caches of a retraining")
        .add("seed", "seed of the draws, and of a retraining", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Compare, decide, log the reports, and retrain where the decision says so; one job on a model at a time."""
    policy = Policy(
        drift_share=args.drift_share,
        min_users=args.min_users,
        retrain=args.retrain,
        matter=args.matter,
        poor_windows=args.poor_windows,
        windows=args.windows,
        cool_down_days=args.cool_down_days,
        max_age_days=args.max_age_days,
    )
    url = alerts.webhook_url(args.webhook)
    prometheus.check_folder(args.prometheus)
    with lock.held(f"monitor of {args.model}"):
        return _job(args, policy, url)


def _job(args: argparse.Namespace, policy: Policy, url: str | None) -> Outputs:
    version = registry.find(args.model, registry.PRODUCTION)
    model = registry.open_bundle(version)
    folder, uri = runs.fetch(args.users, "users")
    table = user_table.read(folder)
    current = current_rows(model, table, args.cutoff, args.seed)
    found = _gather(version, model, table, current, args)
    earlier = past_jobs.jobs(version.name)
    key = past_jobs.key_of(current)
    moment = past_jobs.moment_of(key, current, earlier)
    past = past_jobs.past(version, model, moment, earlier)
    decision = decide(found.evidence, policy, past, moment)
    said = verdict(found.evidence, decision, policy)
    told = Told(version, found, decision, policy, past, said, key, table.digest(), args.language)
    report = reports.log(told, args)
    reports.alert(told, url, earlier)
    if decision.retrain:
        _retrain(args, model, uri, told, url)
    return {
        "monitor_report": report,
        "monitor_verdict": said,
        "decision": record.word(decision),
        "state": decision.word,
    }


def _gather(
    version: ModelVersion,
    model: PurchasingModel,
    table: UserTable,
    current: UserTable,
    args: argparse.Namespace,
) -> Found:
    reference = open_reference(version)
    promises = recorded(ledger.records(version.name), str(version.version))
    with tqdm(total=4, desc="monitor", unit="part", delay=2, leave=False) as bar:
        both = sides(model, reference, current, args.seed)
        bar.update()
        performance = realised(model, reference.held_back, table, both.moment, args.seed, promises)
        bar.update()
        found = find(both, meanings(model.meta), performance, args.seed)
        bar.update()
        outputs = model.outputs(current.frame)
        evidence = replace(
            found.evidence,
            estimates=estimated(model, reference.held_back, outputs, args.seed),
            campaign=campaign_list(model, table, current, outputs),
        )
        bar.update()
    return replace(found, evidence=evidence)


def _retrain(
    args: argparse.Namespace, model: PurchasingModel, users: str, told: Told, url: str | None
) -> None:
    """Retrain, write what came of it where people look, and raise where it failed."""
    flat = model.meta.kind == "flat"
    source = {"users": users} if flat else {"tables": args.tables, "last_cutoff": "auto"}
    named = model.target.positive if flat else None
    shared = {
        "target": model.target.name,
        "positive": "auto" if named is None else model.target.classes[named],
        "model": args.model,
        "workspace": args.workspace,
        "seed": str(args.seed),
    }
    done = retrain({**source, **shared})
    reports.close_loop(told, done, url, Path(args.workspace))
    if done.status == "failed":
        raise DataError(
            f"monitor: {done.sentence} Look at that run's output above, and start retrain by itself."
        )


def main() -> None:
    """Run from the command line; the exit code is the verdict where ``exit_code`` is on."""
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
