"""A registry with three small versions, made once and copied for each test: a store takes seconds to make."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import mlflow
import numpy as np
from project import ROOT
from stores import new_store
from tables import changed, panel

from purchasing_power.kinds.purchase import KIND
from purchasing_power.model import bundle
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import fit
from purchasing_power.model.scorer import RunSettings
from purchasing_power.model.splits import split
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTable
from steps.model_logging import log_and_register
from tracking import ledger, registry, runs
from tracking.chain import options_of

MODEL = "purchasing_power"
# The load and the bootstrap are made small: these tests ask what is decided, not how surely.
QUICK = {"replicates": "200", "load_seconds": "0.4", "load_clients": "2", "workers": "1", "p99_ms": "5000"}


def table() -> UserTable:
    """400 users whose spend so far says nothing, so that the naive baseline is weak, with a profile."""
    made = panel(users=400)
    rng = np.random.default_rng(1)
    made = changed(made, spend_28d=rng.uniform(0, 9, len(made.frame)))
    return replace(made, meta=replace(made.meta, settings={"profile_categorical": ["region", "age"]}))


@cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="registered-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MLFLOW_TRACKING_URI"] = new_store(folder, "tests")
    mlflow.set_experiment("tests")
    users = table()
    user_table.write(users, folder / "users")
    parts = split(users)
    outcome = str(users.meta.spend_outcome)
    mixed = users.frame[outcome].to_numpy().copy()
    known = np.flatnonzero(~np.isnan(mixed))
    moved = np.random.default_rng(2).choice(known, len(known) * 3 // 4, replace=False)
    mixed[moved] = mixed[np.random.default_rng(3).permutation(moved)]
    # Version 1 learned from mostly shuffled outcomes; 2 and 3 learned from the true ones.
    for learned, seed in ((changed(users, **{outcome: mixed}), 0), (users, 0), (users, 0)):
        params = model_params(representation="tfidf", text_components=4, trees=20, leaf_rows=10)
        model = fit(learned, parts, fit_target("tier", learned, parts.train), params, RunSettings(seed=seed))
        with mlflow.start_run():
            kept = bundle.save(model, folder / "bundle")
            tags = {"target": model.target.name, "users": str(folder / "users"), "trained_on": "four cutoffs"}
            log_and_register(KIND, model, kept, KIND.example(model, users), MODEL, tags)
    return folder


def fresh(folder: Path) -> Path:
    """A copy of the registry for one test, in use; version 3 is the candidate, nothing else stands anywhere."""
    shutil.copyfile(_made() / "mlflow.db", folder / "mlflow.db")
    _use(folder)
    mlflow.set_experiment("tests")
    return _made() / "users"


def _use(folder: Path) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])


def stand(**stages: str) -> None:
    """Point stages at versions, past every gate."""
    for stage, version in stages.items():
        registry.set_stage(registry.find(MODEL, version), stage)


def lift(version: str) -> None:
    """Bring a version to production as ``promote`` does after its gates, with its record."""
    before = registry.number_at(MODEL, registry.PRODUCTION)
    registry.move(registry.find(MODEL, version), registry.PRODUCTION, before)
    ledger.append(MODEL, "promote", version, from_stage="staging", to_stage="production", before=before)


def run(step, **given: str) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Run a step in this process with the defaults of MLproject and what is given."""
    args = arguments(step, **given)
    with mlflow.start_run():
        made = step.run(args)
        runs.record(made)
    return made


def arguments(step, **given: str):  # type: ignore[no-untyped-def]
    """Parsed parameters of a step."""
    return options_of(step.__name__.removeprefix("steps."), {**QUICK, **given})


def process(code: str, *words: str) -> subprocess.Popen[str]:
    """A Python process on this project and the registry in use."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'support'}"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
