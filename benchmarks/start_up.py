"""Times ``mlflow run . -e stages`` and ``-e history`` against an empty entry point, on a store of many runs.

The store is one SQLite file with ``--runs`` finished runs of ten parameters, metrics and tags each, and one registered
model with a version at each of two stages and ``--records`` records in its ledger. The empty entry point imports
mlflow, enters its run and ends it, as every entry point of MLflow does; ``pass`` does not even that. All take turns;
a figure is the median. Run: ``python benchmarks/start_up.py``; a small try: ``--runs 50 --rounds 1``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mlflow
import numpy as np
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient
from tqdm import tqdm

from tracking import ledger

ROOT = Path(__file__).resolve().parents[1]
PROJECT = """name: empty
entry_points:
  pass:
    command: python -c pass
  empty:
    command: python -c "import mlflow; mlflow.start_run(); mlflow.end_run()"
"""
MODEL, EACH = "shop", 10
COMMANDS = {"stages": ["-e", "stages"], "history": ["-e", "history", "-P", "users=none"]}
ALLOWED_S = 1.5


def fill(folder: Path, runs: int, records: int) -> None:
    """Runs, a model of two versions at two stages, and its ledger."""
    client = MlflowClient()
    experiment = client.create_experiment("past", artifact_location=f"file://{folder}/artifacts")
    for number in tqdm(range(runs), desc="runs", unit="run"):
        run = client.create_run(experiment).info.run_id
        client.log_batch(
            run,
            [Metric(f"m{at}", number + at, 0, 0) for at in range(EACH)],
            [Param(f"p{at}", str(number + at)) for at in range(EACH)],
            [RunTag(f"t{at}", str(number + at)) for at in range(EACH)],
        )
        client.set_terminated(run)
    client.create_registered_model(MODEL)
    with mlflow.start_run(experiment_id=experiment):
        for number, stage in ((1, "production"), (2, "staging")):
            client.create_model_version(MODEL, f"file://{folder}/artifacts/model", tags={"trained_on": "orders"})
            client.set_registered_model_alias(MODEL, stage, str(number))
            ledger.append(MODEL, "promote", str(number), to_stage=stage, from_stage="candidate")
        for _ in range(records - 2):
            ledger.append(MODEL, "refuse", "2", from_stage="staging", to_stage="production")


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one ``mlflow run`` from its start to its end."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "run", *command, "--env-manager", "local"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return time.perf_counter() - started


def measured(folder: Path, rounds: int) -> dict[str, float]:
    """Median seconds by entry point."""
    (folder / "empty").mkdir()
    (folder / "empty" / "MLproject").write_text(PROJECT, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "GIT_PYTHON_REFRESH": "quiet"}
    given = {name: [str(folder / "empty"), "-e", name] for name in ("pass", "empty")}
    given |= {name: [".", *words, "-P", f"model={MODEL}"] for name, words in COMMANDS.items()}
    times: dict[str, list[float]] = {name: [] for name in given}
    for command in given.values():
        seconds(command, environment)  # brings files into memory
    for _ in tqdm(range(rounds), desc="rounds", unit="round"):
        for name, command in given.items():
            times[name].append(seconds(command, environment))
    return {name: float(np.median(values)) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--records", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
        fill(folder, given.runs, given.records)
        times = measured(folder, given.rounds)
    empty = times["empty"]
    print("entry point    seconds   over the empty one   ratio")
    for name, value in times.items():
        print(f"{name:12} {value:9.2f}   {value - empty:+18.2f}   {value / empty:5.2f}")
    print(f"allowed over the empty one: {ALLOWED_S} s")
    print(json.dumps({f"{name}_over_empty_s": round(value - empty, 2) for name, value in times.items()}))


if __name__ == "__main__":
    main()
