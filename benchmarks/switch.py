"""Requests lost while ``serve`` switches versions: three switches and a broken version, under load.

Eight clients that keep their connections and eight that make a new one for each request ask without pause
for 60 s; meanwhile the stage moves to three good versions, one after another, and once to a version that
does not load. ``failed`` counts requests that failed twice: a client tries again once. Without a proxy, so that
nothing tries again on the server's side; ``--proxy nginx`` puts it in front.

The versions are small: what is measured is the switch, not the model.
Run: ``python benchmarks/switch.py``; ``--seconds 10 --clients 2`` for a look.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.tracking import MlflowClient
from tqdm import tqdm

from tracking import ledger
from tracking.chain import entry_points

ROOT = Path(__file__).resolve().parents[1]
MODEL = "switched"
# The stage moves to these one after another; the third does not load.
VERSIONS = ("first", "good", "broken", "good", "good")
DONE_WITHIN_S = 180
CODE = """
import json
import mlflow, pandas as pd
from mlflow.pyfunc import PythonModel

class Constant(PythonModel):
    def load_context(self, context):
        with open(context.artifacts["score"]) as file:
            self.score = json.load(file)

    def predict(self, context, model_input, params=None):
        return pd.DataFrame({"user_id": model_input["user_id"], "score": self.score})

mlflow.models.set_model(Constant())
"""


def log_versions(folder: Path) -> None:
    """Register the versions in order; the broken one has a file that is no JSON."""
    code = folder / "constant.py"
    code.write_text(CODE)
    example = pd.DataFrame({"user_id": ["example"], "x": [1.0]})
    for number, kind in enumerate(VERSIONS):
        score = folder / f"score-{number}.json"
        score.write_text(str(number / 10))
        with mlflow.start_run():
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(code),
                artifacts={"score": str(score)},
                input_example=example,
                pip_requirements=["mlflow"],
                registered_model_name=MODEL,
            )
        if kind == "broken":
            # Broken after it was logged: a version that fails while it is logged has no example.
            logged = Path(mlflow.get_logged_model(info.model_id).artifact_location.removeprefix("file://"))
            (logged / "artifacts" / score.name).write_text("{")


def start(folder: Path, proxy: str) -> tuple[subprocess.Popen[bytes], int]:
    """``serve`` on the first version, healthy, and its port."""
    point = entry_points()["serve"]
    asked = {"model": MODEL, "port": "0", "poll_s": "0.5", "proxy": proxy, "workspace": str(folder)}
    path = folder / "serve.log"
    with path.open("wb") as said:
        command = [sys.executable, "-m", point.module, *point.arguments(asked)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)
    while process.poll() is None:
        found = re.search(r"^serving version .*:(\d+)/invocations$", path.read_text(), re.MULTILINE)
        if found:
            return process, int(found[1])
        time.sleep(0.2)
    raise SystemExit(f"serve did not start:\n{path.read_text()}")


def move_on(version: int) -> str:
    """Move the stage and wait for what the ledger says came of it."""
    MlflowClient().set_registered_model_alias(MODEL, "production", str(version))
    deadline = time.monotonic() + DONE_WITHIN_S
    while time.monotonic() < deadline:
        last = ledger.records(MODEL)[-1]
        if last.version == str(version):
            return last.action
        time.sleep(0.2)
    raise SystemExit(f"version {version}: neither switched to nor refused within {DONE_WITHIN_S} s")


def measure(seconds: float, clients: int, port: int) -> dict[str, int]:
    """Figures of one run of at least so many seconds."""
    command = [sys.executable, str(Path(__file__).with_name("switch_clients.py"))]
    command += ["--port", str(port), "--clients", str(clients)]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + seconds
    moves = range(2, len(VERSIONS) + 1)
    actions = [move_on(version) for version in tqdm(moves, desc="moves of the stage", file=sys.stderr)]
    time.sleep(max(end - time.monotonic(), 2.0))
    counts = json.loads(load.communicate()[0].splitlines()[-1])
    return {**counts, "switches": actions.count("switch"), "rejected_versions": actions.count("switch_refused")}


def main() -> None:
    """Measure, print a table, and end with one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=8, help="of each kind")
    parser.add_argument("--proxy", choices=("none", "nginx"), default="none")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
        mlflow.create_experiment("switch", artifact_location=f"file://{folder}/artifacts")
        os.environ["MLFLOW_EXPERIMENT_NAME"] = "switch"
        log_versions(folder)
        MlflowClient().set_registered_model_alias(MODEL, "production", "1")
        process, port = start(folder, args.proxy)
        try:
            figures = measure(args.seconds, args.clients, port)
        finally:
            process.terminate()
            process.wait(60)
    for key, value in figures.items():
        print(f"{key:<20}{value:>8}")
    keys = ("requests", "failed", "switches", "rejected_versions")
    print(json.dumps({key: figures[key] for key in keys}))


if __name__ == "__main__":
    main()
