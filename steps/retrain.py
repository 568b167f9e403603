"""Entry point ``retrain``: snapshot up to a new last cutoff, tune, train, evaluate and promote."""

from __future__ import annotations

import argparse

from purchasing_power.snapshot.target import TARGETS
from tracking import runs
from tracking.chain import run_steps
from tracking.entry import Outputs, Parser, choice, execute, whole

STEPS = ["snapshot", "tune", "train", "evaluate", "promote"]


def parser() -> Parser:
    """Parameters of ``retrain``."""
    return (
        Parser(prog="retrain")
        .add("tables", "checked tables: a folder, a runs:/ URI, or latest")
        .add("last_cutoff", "latest cutoff, YYYY-MM-DD; auto is the last that the orders reach")
        .add("target", "what to predict", choice(*TARGETS))
        .add("trials", "trials of the study", whole)
        .add("model", "name of the registered model")
        .add("workspace", "folder for the vector store and the studies")
        .add("seed", "seed of everything random", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Run the steps as nested runs; the gate decides whether the result is promoted."""
    given = {name: str(value) for name, value in vars(args).items()}
    given["tables"] = runs.fetch(args.tables, "tables")[1]
    return run_steps(STEPS, given)


def main() -> None:
    """Run from the command line."""
    execute("retrain", parser(), run)


if __name__ == "__main__":
    main()
