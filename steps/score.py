"""Entry point ``score``: predictions of a registered version for one cutoff of a user table, with reasons."""

from __future__ import annotations

import argparse
import os
import tempfile
from datetime import date
from pathlib import Path

import mlflow
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.model.reasons import LANGUAGES
from purchasing_power.model.reasons_table import reason_columns
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import CUTOFF, UserTable
from tracking import registry, runs
from tracking.entry import Outputs, Parser, choice, execute, optional_date, whole


def parser() -> Parser:
    """Parameters of ``score``."""
    return (
        Parser(prog="score")
        .add("users", "user table: a folder, a runs:/ URI, or latest")
        .add("model", "name of the registered model")
        .add("version", "version number or stage")
        .add("cutoff", "cutoff to score, YYYY-MM-DD; auto is the latest", optional_date)
        .add("reasons", "how many reasons each score gets, in words; 0 leaves them out", whole)
        .add("language", "language of the reasons: en or zh", choice(*LANGUAGES))
        .add("seed", "seed of reasons that are sampled", whole)
        .add("output", "Parquet file to write")
    )


def run(args: argparse.Namespace) -> Outputs:
    """Score the users and write the predictions with model version and cutoff."""
    version = registry.find(args.model, args.version)
    rows = at_cutoff(user_table.read(runs.fetch(args.users, "users")[0]), args.cutoff)
    model = registry.open_bundle(version)
    predictions = model.predict(rows.frame)
    if args.reasons:
        said = reason_columns(model, rows.frame, args.reasons, args.language, args.seed, progress=True)
        predictions = predictions.join(said.set_axis(predictions.index))
    predictions["model_version"] = str(version.version)
    if CUTOFF in rows.frame:
        predictions[CUTOFF] = rows.frame[CUTOFF].to_numpy()
    output = write_parquet(predictions, Path(args.output))
    mlflow.log_metric("users", len(predictions))
    if "tier" in predictions:
        shares = predictions["tier"].value_counts(normalize=True)
        mlflow.log_metrics({f"tier_share.{tier}": share for tier, share in shares.items()})
    mlflow.log_artifact(str(output), "predictions")
    return {"predictions": str(output)}


def at_cutoff(table: UserTable, cutoff: date | None) -> UserTable:
    """The rows of one cutoff, by default the latest; all rows of a flat table.

    Raises
    ------
    DataError
        If the table has no such cutoff.
    """
    if table.meta.kind == "flat":
        return table
    moments = table.frame[CUTOFF]
    chosen = moments.max() if cutoff is None else pd.Timestamp(cutoff)
    if not (moments == chosen).any():
        have = ", ".join(f"{moment:%Y-%m-%d}" for moment in sorted(moments.unique()))
        raise DataError(
            f"cutoff: got {cutoff}; the user table holds {have}. Name one of them, or take a new snapshot."
        )
    return table.rows((moments == chosen).to_numpy().nonzero()[0])


def write_parquet(frame: pd.DataFrame, path: Path) -> Path:
    """Write a Parquet file under a temporary name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        frame.to_parquet(draft, index=False)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
    return path


def main() -> None:
    """Run from the command line."""
    execute("score", parser(), run)


if __name__ == "__main__":
    main()
