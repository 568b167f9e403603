"""A registry with one small version in production and windows after it, made once and copied for each test."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from stores import new_store
from tables import changed, panel
from watched import trained

from monitoring import monitor
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model import bundle
from purchasing_power.reference.measure import measure
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import CUTOFF, UserTable
from steps.model_logging import log_and_register
from tracking import registry, runs
from tracking.chain import options_of
from tracking.reference import log_reference

MODEL, USERS = "purchasing_power", 300
TRAINED_ON = "training-rows-that-are-gone"
# Cutoffs: six that the version was made from, and three windows after them; the outcome of the last is unknown.
BEFORE, AFTER = 6, 3


def whole_table() -> UserTable:
    """All nine cutoffs of 300 users; every outcome but the last cutoff's is known."""
    return panel(users=USERS, cutoffs=BEFORE + AFTER)


def moments() -> list[str]:
    """ISO dates of the windows."""
    return [f"{moment:%Y-%m-%d}" for moment in sorted(whole_table().frame[CUTOFF].unique())[BEFORE:]]


def up_to(moment: str, flipped: bool = False) -> UserTable:
    """The table as it was known at a window: no outcome of that cutoff.

    Parameters
    ----------
    flipped
        Outcomes of the windows no longer follow the features.
    """
    table = whole_table()
    frame = table.frame[table.frame[CUTOFF] <= pd.Timestamp(moment)].reset_index(drop=True)
    outcomes = {}
    for name in ("spend_next_28d", "orders_next_28d"):
        values = frame[name].to_numpy().copy()
        values[(frame[CUTOFF] == frame[CUTOFF].max()).to_numpy()] = np.nan
        late = (frame[CUTOFF] >= pd.Timestamp(moments()[0])).to_numpy() & ~np.isnan(values)
        if flipped:
            values[late] = np.random.default_rng(0).permutation(values[late])
        outcomes[name] = values
    return changed(UserTable(frame, table.meta), **outcomes)


@cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="monitored-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MLFLOW_TRACKING_URI"] = new_store(folder, "tests")
    experiment = mlflow.set_experiment("tests").experiment_id
    whole = whole_table()
    first = sorted(whole.frame[CUTOFF].unique())[BEFORE - 1]
    table = up_to(f"{first:%Y-%m-%d}")
    model = trained(table)
    with mlflow.start_run(experiment_id=experiment):
        kept = bundle.save(model, folder / "bundle")
        tags = {
            "target": model.target.name,
            # Where nothing lies: watching a version needs no row that it was trained on.
            "users": str(folder / TRAINED_ON),
            **log_reference(measure(KIND, model, table, 0)),
        }
        made = log_and_register(KIND, model, kept, KIND.example(model, table), MODEL, tags)
    registry.set_stage(made, registry.PRODUCTION)
    return folder


def fresh(folder: Path) -> Path:
    """A copy of the registry for one test, in use."""
    shutil.copyfile(_made() / "mlflow.db", folder / "mlflow.db")
    _use(folder)
    mlflow.set_experiment("tests")
    return folder


def look(folder: Path, moment: str, flipped: bool = False, **given: str) -> Run:
    """Run ``monitor`` at a window in this process, with the defaults of MLproject and what is given."""
    users = folder / f"users-{moment}-{flipped}"
    if not users.exists():
        user_table.write(up_to(moment, flipped), users)
    known = {"users": str(users), "workspace": str(folder / "workspace"), "retrain": "never", **given}
    with mlflow.start_run() as run:
        runs.mark("monitor")
        runs.record(monitor.run(options_of("monitor", known)))
    return MlflowClient().get_run(run.info.run_id)


def artifact(run: Run, name: str) -> str:
    """Text of an artifact of a run."""
    return Path(runs.location(f"runs:/{run.info.run_id}/{name}")).read_text(encoding="utf-8")


def _use(folder: Path) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
