"""Entry point ``monitor``: a later cutoff against the rows the production version was trained on."""

from __future__ import annotations

import argparse
from dataclasses import replace

import mlflow
from mlflow.entities.model_registry import ModelVersion
from tqdm import tqdm

from monitoring import record
from monitoring.columns import meanings
from monitoring.drift import Drift, compare
from monitoring.evidence import Evidence
from monitoring.page import Page, render
from monitoring.performance import realised
from monitoring.pictures import scores_then_and_now
from monitoring.policy import RETRAIN, Policy, decide, verdict
from monitoring.reference import current_rows
from monitoring.retraining import retrain
from monitoring.sides import Sides, sides
from purchasing_power.errors import DataError
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import UserTable
from tracking import registry, runs
from tracking.entry import Outputs, Parser, choice, execute, number, optional_date, whole


def parser() -> Parser:
    """Parameters of ``monitor``."""
    return (
        Parser(prog="monitor")
        .add("users", "user table with a later cutoff: a folder, a runs:/ URI, or latest")
        .add("model", "name of the registered model, whose production version is watched")
        .add("cutoff", "cutoff to compare, YYYY-MM-DD; auto is the latest", optional_date)
        .add("drift_share", "share of drifted columns above which the features count as drifted", number)
        .add("min_users", "fewest users from which anything is concluded", whole)
        .add("retrain", "whether to start a retraining", choice(*RETRAIN))
        .add("tables", "checked tables that a retraining takes its snapshot of: as for snapshot")
        .add("workspace", "folder for the caches of a retraining")
        .add("seed", "seed of the draws, and of a retraining", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Compare, decide, log the reports, and retrain where the decision says so."""
    policy = Policy(args.drift_share, args.min_users, args.retrain)
    version = registry.find(args.model, registry.PRODUCTION)
    model = registry.open_bundle(version)
    trained_on = user_table.read(runs.fetch(_trained_on(version), "users")[0])
    folder, uri = runs.fetch(args.users, "users")
    both, found, evidence = _gather(model, trained_on, user_table.read(folder), args)
    decision = decide(evidence, policy)
    said = verdict(evidence, decision, policy)
    record.log(found, evidence, decision, policy, said)
    page = Page(
        title=f"{version.name}, version {version.version}",
        verdict=said,
        decision=decision,
        evidence=evidence,
        compared=both.described,
        picture=scores_then_and_now(both.reference, both.current),
        done="Retraining was started." if decision.retrain else "Nothing: no retraining was started.",
        evidently=record.EVIDENTLY_PAGE,
    )
    report = runs.write_text(render(page), record.PAGE)
    if decision.retrain:
        _retrain(args, model, uri, page)
    return {"monitor_report": report, "monitor_verdict": said, "decision": record.word(decision)}


def _gather(
    model: PurchasingModel, trained_on: UserTable, table: UserTable, args: argparse.Namespace
) -> tuple[Sides, Drift, Evidence]:
    with tqdm(total=3, desc="monitor", unit="part", delay=2, leave=False) as bar:
        both = sides(model, trained_on, current_rows(model, table, args.cutoff, args.seed), args.seed)
        bar.update()
        found = compare(both.reference, both.current, meanings(model.meta), args.drift_share)
        bar.update()
        performance = realised(model, trained_on, table, both.moment, args.seed)
        bar.update()
    evidence = Evidence(both.users, both.reference_users, found.columns, found.score, performance)
    return both, found, evidence


def _trained_on(version: ModelVersion) -> str:
    uri = version.tags.get(registry.USERS_TAG)
    if uri is None:
        raise DataError(
            f"monitor: version {version.version} of {version.name} has no tag {registry.USERS_TAG}, so that its "
            "training rows cannot be found. Train it again with the train step."
        )
    return uri


def _retrain(args: argparse.Namespace, model: PurchasingModel, users: str, page: Page) -> None:
    """Retrain, write what came of it into the run and its page, and raise where it failed."""
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
    tags = {"retrain.run_id": done.run_id, "retrain.status": done.status, "retrain.gate": done.gate}
    mlflow.set_tags({**tags, "retrain.version": done.version})
    runs.write_text(render(replace(page, done=done.sentence)), record.PAGE)
    if done.status == "failed":
        raise DataError(
            f"monitor: {done.sentence} Look at that run's output above, and start retrain by itself."
        )


def main() -> None:
    """Run from the command line."""
    execute("monitor", parser(), run)


if __name__ == "__main__":
    main()
