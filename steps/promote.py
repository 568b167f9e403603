"""Entry point ``promote``: move a version up, one stage at a time, where the gate before each stage holds."""

from __future__ import annotations

import argparse

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.evaluation.holdout import METRICS
from purchasing_power.gates.staging import ADVANTAGES
from purchasing_power.snapshot import user_table
from steps.promotion.gates import Case, run_gate, stages_due
from steps.promotion.move import Step, carry_out
from steps.promotion.output import write
from tracking import ledger, lock, registry, runs
from tracking.entry import Outputs, Parser, choice, execute, number, whole


def parser() -> Parser:
    """Parameters of ``promote``."""
    return (
        Parser(prog="promote")
        .add("users", "user table with the held-back rows: a folder, a runs:/ URI, or latest")
        .add("model", "name of the registered model")
        .add("version", "version number or stage to promote")
        .add("to", "stage to reach: staging or production", choice("staging", "production"))
        .add("to_model", "registered model to copy the version into and move the stages of, or none")
        .add("gate", "enforce, or dry_run to show what would happen", choice("enforce", "dry_run"))
        .add("force", "reason for moving the stage although the gate refuses, or none; it goes to the ledger")
        .add("approval", "required asks for the version tag approved_by", choice("none", "required"))
        .add("metric", "figure the versions are compared by", choice("auto", *METRICS))
        .add("level", "level of the bootstrap intervals at the first try, such as 0.95", number)
        .add("margin", "how much better than production the lower bound must be", number)
        .add("accept", "advantage that makes not being worse enough", choice(*ADVANTAGES))
        .add("tolerance", "how much worse an accepted advantage may be", number)
        .add("floor", "how much better than the naive baseline the lower bound must be", number)
        .add("calibration_error", "ceiling of the expected calibration error", number)
        .add("slice_margin", "how much worse a profile slice may be", number)
        .add("slice_users", "fewest users of a slice", whole)
        .add("min_users", "fewest held-back users", whole)
        .add("p99_ms", "latency budget of the served version, milliseconds", number)
        .add("load_clients", "clients at once of the load that latency is measured under", whole)
        .add("load_seconds", "how long that load lasts", number)
        .add("workers", "processes that serve the version for the gate", whole)
        .add("shadow_failed", "share of copied requests that a shadow may leave unanswered", number)
        .add("replicates", "bootstrap replicates", whole)
        .add("workspace", "folder in which serve keeps the shadow's scores")
        .add("seed", "seed of the bootstrap", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Run the gates, move the stages, and write decision and figures to ledger, tags and a report."""
    version = registry.find(args.model, args.version)
    home = args.model if args.to_model == "none" else args.to_model
    try:
        with lock.held(f"stages of {home}"):
            return _climb(args, version, home)
    except lock.Busy as error:
        ledger.append(home, "refuse", str(version.version), to_stage=args.to, reason=str(error))
        raise


def _climb(args: argparse.Namespace, version: ModelVersion, home: str) -> Outputs:
    folder, uri = runs.fetch(args.users, "users")
    production = registry.at_stage(home, registry.PRODUCTION)
    case = Case(args, version, home, production, user_table.read(folder), uri)
    placed = case.placed
    due = stages_due(case, placed, ledger.records(home))
    standing = {stage: registry.number_at(home, stage) for stage in due}
    steps: list[Step] = []
    for stage in due:
        steps.append(carry_out(case, run_gate(case, stage), placed, standing[stage]))
        placed = placed or case.placed
        if not steps[-1].gated.decision.passed and not steps[-1].moved:
            break
    return write(case, placed, steps)


def main() -> None:
    """Run from the command line."""
    execute("promote", parser(), run)


if __name__ == "__main__":
    main()
