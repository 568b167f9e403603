"""Entry point ``main``: the whole life of a model, from raw tables to a watched version in production."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from purchasing_power.errors import DataError
from steps.summary import summary
from tracking import registry
from tracking.chain import check_steps, run_steps
from tracking.entry import Outputs, Parser, execute

SHOP = ["ingest", "snapshot", "tune", "train", "evaluate", "promote"]
FLAT = [step for step in SHOP if step != "snapshot"]
# What needs a version in production; a flat file has no later rows to monitor.
SHOP_USE, FLAT_USE = ["score", "monitor"], ["score"]


def parser() -> Parser:
    """Parameters of ``main``; each is checked by the step that it is handed to."""
    return (
        Parser(prog="main")
        .add("data", "a shop folder, a flat CSV or Parquet file, or a sample")
        .add("target", "what to predict")
        .add("trials", "trials of the study")
        .add("horizon", "outcome window, days")
        .add("lookback", "longest feature window, days")
        .add("first_cutoff", "earliest cutoff, or auto")
        .add("last_cutoff", "latest cutoff, or auto")
        .add("step", "days between cutoffs")
        .add("representations", "text representations to try")
        .add("heads", "heads to try")
        .add("encoder", "encoders to try: minilm, model folders, hub names, with ?options")
        .add("runtime", "how encoders run; exact and auto leave it to the processor")
        .add("device", "where encoders and networks run")
        .add("imbalance", "what to try about rare classes")
        .add("losses", "losses of a regression to try")
        .add("space", "values of further parameters to try, or none")
        .add("blend", "most trials that may enter a blend; 0 makes none")
        .add("workers", "processes that run trials")
        .add("text", "flat file: the column of texts, or several separated by commas")
        .add("label", "flat file: the column to predict")
        .add("user", "flat file: the column of user ids")
        .add("task", "flat file: what the label is")
        .add("positive", "class whose probability is the score, or auto")
        .add("model", "name of the registered model")
        .add("workspace", "folder for the pseudonym key and caches")
        .add("seed", "seed of everything random")
    )


def run(args: argparse.Namespace) -> Outputs:
    """Run every step as a nested run, and print what came of it."""
    given = {name: str(value) for name, value in vars(args).items()}
    given["output"] = str(Path(args.workspace) / "predictions.parquet")
    flat = Path(args.data).is_file()
    check_steps((FLAT + FLAT_USE) if flat else (SHOP + SHOP_USE), given)
    _check_target(args.model, "label" if flat else args.target)
    outputs = run_steps(FLAT if flat else SHOP, given)
    production = registry.at_stage(args.model, registry.PRODUCTION)
    if production is not None:
        outputs["version"] = str(production.version)
        outputs |= run_steps(FLAT_USE if flat else SHOP_USE, {**given, **outputs})
    sys.stdout.write(summary(args.model, outputs) + "\n")
    return {}


def _check_target(model: str, target: str) -> None:
    """Refuse to train, for hours perhaps, what the gate could not compare with production."""
    production = registry.at_stage(model, registry.PRODUCTION)
    wanted = "tier" if target == "auto" else target
    if production is not None and production.tags["target"] != wanted:
        raise DataError(
            f"model {model}: production predicts {production.tags['target']}, this run would predict {wanted}; "
            "they cannot be compared. Give the new kind a registered model of its own (-P model=NAME)."
        )


def main() -> None:
    """Run from the command line."""
    execute("main", parser(), run)


if __name__ == "__main__":
    main()
