"""Entry point ``promote``: move a version up to production when the gate holds."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict

import mlflow
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.model.comparison import interval, paired_bootstrap
from purchasing_power.model.gate import Decision, GateEvidence, GatePolicy, decide
from purchasing_power.model.judge import METRICS, comparable, held_back, judge, naive_outputs
from purchasing_power.model.validation import primary_metric
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import UserTable
from steps.promotion_report import promotion_report
from tracking import registry, runs
from tracking.entry import Outputs, Parser, choice, execute, number, whole


def parser() -> Parser:
    """Parameters of ``promote``."""
    return (
        Parser(prog="promote")
        .add("users", "user table with the held-back rows: a folder, a runs:/ URI, or latest")
        .add("model", "name of the registered model")
        .add("version", "version number or stage to promote")
        .add("metric", "figure the versions are compared by", choice("auto", *METRICS))
        .add("level", "level of the bootstrap intervals, such as 0.95", number)
        .add("margin", "how much better than production the lower bound must be", number)
        .add("min_users", "fewest held-back users", whole)
        .add("replicates", "bootstrap replicates", whole)
        .add("seed", "seed of the bootstrap", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Decide by the gate, move the stages, and write decision and figures to tags and a report."""
    version = registry.find(args.model, args.version)
    production = registry.at_stage(args.model, registry.PRODUCTION)
    if production is not None and production.version == version.version:
        raise DataError(
            f"promote: version {version.version} of {args.model} is in production already. "
            "Train a new version, or name another one."
        )
    check_serves(version)
    table = user_table.read(runs.fetch(args.users, "users")[0])
    evidence = gather(args, version, production, table)
    decision = decide(evidence, GatePolicy(margin=args.margin, level=args.level, min_users=args.min_users))
    _move(version, decision)
    return _write(version, production, evidence, decision)


def check_serves(version: ModelVersion) -> None:
    """Load the version as a server would, with pickle forbidden, and predict its input example.

    Raises
    ------
    DataError
        If it cannot be loaded or does not predict.
    """
    before = os.environ.get("MLFLOW_ALLOW_PICKLE_DESERIALIZATION")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    try:
        served = mlflow.pyfunc.load_model(f"models:/{version.name}/{version.version}")
        served.predict(served.input_example)
    except Exception as error:
        raise DataError(
            f"promote: version {version.version} of {version.name} cannot be loaded and asked for a prediction "
            f"({type(error).__name__}: {error}). Train it again; the stages stay as they are."
        ) from error
    finally:
        os.environ.pop("MLFLOW_ALLOW_PICKLE_DESERIALIZATION")
        if before is not None:
            os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = before


def gather(
    args: argparse.Namespace, version: ModelVersion, production: ModelVersion | None, table: UserTable
) -> GateEvidence:
    """Figures of the challenger, the production version and the naive baseline on the same unseen rows."""
    challenger = registry.open_bundle(version)
    champion = registry.open_bundle(production) if production is not None else None
    if champion is not None and champion.target.name != challenger.target.name:
        raise DataError(
            f"promote: version {version.version} predicts {challenger.target.name}, production predicts "
            f"{champion.target.name}; they cannot be compared. Train under another registered model (-P model=NAME)."
        )
    rows = held_back(table, [challenger] + ([champion] if champion else []))
    judged = judge(challenger, table, rows)
    target = challenger.target
    metric = primary_metric(target) if args.metric == "auto" else args.metric
    y, score = comparable(target, metric, judged.y, judged.model)
    _, naive = comparable(target, metric, judged.y, naive_outputs(target, metric, judged))
    draws = {"metric": metric, "replicates": args.replicates, "seed": args.seed, "level": args.level}
    against = None
    if champion is not None:
        _, theirs = comparable(target, metric, judged.y, champion.outputs(rows.frame))
        against = paired_bootstrap(y, score, theirs, judged.users, **draws)
    return GateEvidence(
        challenger=interval(y, score, judged.users, **draws),
        floor=paired_bootstrap(y, score, naive, judged.users, **draws),
        production=against,
        rows=len(y),
        users=len(set(judged.users)),
    )


def _move(version: ModelVersion, decision: Decision) -> None:
    if decision.passed:
        registry.set_stage(version, registry.STAGING)
        registry.promote_to_production(version)


def _write(
    version: ModelVersion, production: ModelVersion | None, evidence: GateEvidence, decision: Decision
) -> Outputs:
    verdict = "promoted" if decision.passed else "refused"
    figures = {"challenger": evidence.challenger.value, "naive_difference_low": evidence.floor.low}
    if evidence.production is not None:
        figures |= {"production": evidence.production.champion, "difference_low": evidence.production.low}
    mlflow.log_metrics({f"gate.{name}": value for name, value in figures.items()})
    mlflow.set_tags({"gate": verdict, "gate.version": str(version.version)})
    registry.tag(
        version,
        {
            "gate": verdict,
            "gate.against": str(production.version) if production is not None else "none",
            "gate.reasons": " ".join(decision.reasons)[:4900],
            "gate.figures": json.dumps(
                {**{k: round(v, 6) for k, v in figures.items()}, "metric": evidence.challenger.metric}
            ),
        },
    )
    mlflow.log_dict({"decision": asdict(decision), "evidence": asdict(evidence)}, "gate.json")
    report = runs.write_text(promotion_report(version, production, evidence, decision), "promotion.html")
    registry.describe(
        version,
        "\n".join(
            [f"**The gate: {verdict}.**", *(f"- {why}" for why in decision.reasons), f"\nReport: `{report}`"]
        ),
    )
    return {"gate": verdict, "promotion_report": report}


def main() -> None:
    """Run from the command line."""
    execute("promote", parser(), run)


if __name__ == "__main__":
    main()
