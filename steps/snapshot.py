"""Entry point ``snapshot``: checked shop tables to a user table at many cutoffs."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import mlflow

from purchasing_power.shop.leaks import LEAKS, with_leaks
from purchasing_power.shop.tables import scan
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.settings import POPULATIONS, SnapshotSettings
from tracking import registry, runs
from tracking.entry import Outputs, choice, count, execute, optional_date, parameter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """Parameters of ``snapshot``."""

    tables: str = parameter("checked tables: a folder, a runs:/ URI, or latest")
    lookback: int = parameter("longest feature window, days", count)
    horizon: int = parameter("outcome window, days", count)
    first_cutoff: date | None = parameter("earliest cutoff, YYYY-MM-DD or auto", optional_date)
    last_cutoff: date | None = parameter("latest cutoff, YYYY-MM-DD or auto", optional_date)
    step: int = parameter("days between cutoffs", count)
    population: str = parameter(
        "who has a row at a cutoff: known, active within the lookback; auto is that of like, else known",
        choice(*POPULATIONS),
    )
    max_documents: int = parameter("most texts a row keeps, newest first", count)
    like: str = parameter("whose columns are kept: a user table, models:/NAME@production, or none")


def run(options: Options) -> Outputs:
    """Build the user table and log it."""
    folder, _ = runs.fetch(options.tables, "tables")
    settings = SnapshotSettings(**{one.name: getattr(options, one.name) for one in fields(SnapshotSettings)})
    table = with_leaks(build(scan(folder), settings, earlier=_settings_of(options.like)))
    meta = table.meta
    for leak in meta.settings.get(LEAKS, ()):
        log.warning("user table: %s", leak)
    by_rule = {f"rows.{name}": rows for name, rows in meta.population_rows.items()}
    mlflow.log_metrics({"rows": len(table.frame), "features": len(meta.features), **by_rule})
    mlflow.log_dict(meta.blocks, "blocks.json")
    mlflow.log_dict({"population": meta.population_text, "notes": list(meta.notes)}, "orders.json")
    mlflow.set_tags({"users.digest": table.digest(), "users.population": str(meta.settings["population"])})
    with tempfile.TemporaryDirectory() as scratch:
        user_table.write(table, Path(scratch) / "users")
        return {"users": runs.hand_over(Path(scratch) / "users", "users")}


def _settings_of(like: str) -> dict[str, Any] | None:
    """Settings of an earlier user table, or of the one that a registered version was trained on."""
    if like == "none":
        return None
    if like.startswith("models:/"):
        name, _, stage = like.removeprefix("models:/").partition("@")
        like = registry.find(name, stage).tags[registry.USERS_TAG]
    return user_table.read_meta(runs.fetch(like, "users")[0]).settings


if __name__ == "__main__":
    execute("snapshot", Options, run)
