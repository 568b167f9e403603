"""Entry point ``score``: predictions of a registered version for one cutoff of a user table, with reasons."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow.parquet as pq

from purchasing_power.errors import DataError
from purchasing_power.kinds import registry as kinds
from purchasing_power.kinds.kind import Kind
from purchasing_power.pages.page import LANGUAGES
from purchasing_power.serving.batch.parts import join_parts, run_digest, score_parts, value_counts
from tracking import registry, runs
from tracking.entry import Outputs, choice, count, execute, optional_date, parameter
from tracking.registry import ModelOptions


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``score``."""

    users: str = parameter("user table: a folder, a runs:/ URI, or latest")
    version: str = parameter("version number or stage")
    cutoff: date | None = parameter("cutoff to score, YYYY-MM-DD; auto is the latest", optional_date)
    reasons: int = parameter("how many reasons each score gets, in words; 0 leaves them out", count)
    language: str = parameter("language of the reasons: en or zh", choice(*LANGUAGES))
    batch: int = parameter("most users scored at once; a run that was stopped goes on after the last batch", count)
    seed: int = parameter("seed of reasons that are sampled", count)
    output: str = parameter("Parquet file to write")


def run(options: Options) -> Outputs:
    """Score the users and write the predictions with model version and cutoff."""
    if not options.batch:
        raise DataError("batch: got 0; 1 user or more at once is allowed. Set a larger batch.")
    version = registry.find(options.registered, options.version)
    kind = kinds.kind(options.kind)
    model = registry.open_model(version, kind)
    rows = kind.row_source(runs.fetch(options.users, "users")[0])
    cutoff, output = kind.scored_cutoff(rows, options.cutoff), Path(options.output)
    scoring = Scoring(kind, model, str(version.version), options)
    digest = run_digest(
        rows,
        options.batch,
        model=f"{version.name}/{version.version}/{model.training.digest}",
        cutoff=str(cutoff),
        reasons=f"{options.reasons} {options.language} {options.seed}",
    )
    home = output.with_name(f".{output.name}-parts")
    parts = score_parts(rows, cutoff, options.batch, scoring.predict, home, digest)
    join_parts(parts, output)
    shutil.rmtree(home, ignore_errors=True)
    _log(output)
    return {"predictions": str(output)}


@dataclass(frozen=True)
class Scoring:
    """A model with what its predictions carry besides: ids, reasons and version."""

    kind: Kind
    model: Any
    version: str
    options: Options

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predictions of some rows of a table."""
        predictions = self.model.predict(frame)
        asked = self.options
        if asked.reasons:
            reasons = self.kind.reasons(self.model, frame, asked.reasons, asked.language, asked.seed)
            predictions = predictions.join(reasons.set_axis(predictions.index))
        predictions["model_version"] = self.version
        ids = [name for name in self.kind.ids if name in frame and name not in predictions]
        return predictions.assign(**{name: frame[name].to_numpy() for name in ids})


def _log(output: Path) -> None:
    """The output as an artifact, and how many users it has, by tier where there are tiers."""
    users = pq.read_metadata(output).num_rows
    mlflow.log_metric("users", users)
    tiers = value_counts(output, "tier")
    mlflow.log_metrics({f"tier_share.{tier}": count / users for tier, count in tiers.items()})
    mlflow.log_artifact(str(output), "predictions")


if __name__ == "__main__":
    execute("score", Options, run)
