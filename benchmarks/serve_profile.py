"""Where the time of a one-user request goes: part by part, as the libraries do it and as the served model does it.

Processor time of one process, so that neighbours on the machine matter little; the best of several rounds.

Run: ``python benchmarks/serve_profile.py`` (half a minute).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models.utils import _enforce_schema
from mlflow.pyfunc import scoring_server
from serve_models import HERE, new_experiment, requests, trained

from purchasing_power.kinds.purchase import KIND
from purchasing_power.model import bundle
from purchasing_power.model.calibration import calibrated_outputs
from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.fast.blocks import block
from purchasing_power.serving.fast.fast_model import FastModel, scores_of
from purchasing_power.serving.forms import rows_of
from purchasing_power.serving.responder import purchase_responder
from purchasing_power.serving.rows import read_rows
from purchasing_power.serving.rules import Limits
from steps.model_logging import signature

ROUNDS = 5


def main() -> None:
    """Print the table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200, help="users of the simulated shop")
    parser.add_argument("--requests", type=int, default=100, help="requests of a round")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        experiment, made = new_experiment(Path(scratch)), trained(Path(scratch), args.users, "float32")
        rows = requests(made.table.rows(made.known[-args.requests :]))
        with mlflow.start_run(experiment_id=experiment):
            info = mlflow.pyfunc.log_model(
                name="pass_through", python_model=str(HERE / "serve_pass_through.py"), pip_requirements=["mlflow"]
            )
        bare = mlflow.pyfunc.load_model(info.model_uri)
        table = [*libraries(made, rows), *ours(bundle.load(made.bundle), rows), *pass_through(bare, rows)]
    for who, part, spent in table:
        print(f"{who:<16}{part:<44}{spent:>9.3f} ms")
    print(json.dumps({f"{who}: {part}": round(spent, 3) for who, part, spent in table}))


def spent_ms(work: Callable[..., object], *given: Sequence) -> float:
    """Processor time per call, milliseconds."""
    best = np.inf
    for _ in range(ROUNDS):
        start = time.process_time()
        for values in zip(*given, strict=True):
            work(*values)
        best = min(best, (time.process_time() - start) / len(given[0]))
    return 1e3 * float(best)


def libraries(made, rows: list[dict]) -> list[tuple[str, str, float]]:
    """pandas, MLflow's schema enforcement and scikit-learn."""
    model, who = made.model, "libraries"
    frames = [pd.DataFrame([row]) for row in rows]
    schema = signature(KIND, model, made.example).inputs
    prepared = [model.prepared(frame) for frame in frames]
    figures = [
        (who, "frame of the row", spent_ms(lambda row: pd.DataFrame([row]), rows)),
        (who, "schema enforcement", spent_ms(lambda frame: _enforce_schema(frame, schema), frames)),
        (who, "prepare", spent_ms(model.prepared, frames)),
    ]
    features = model.scorer.features
    for name, transformer, columns in features.transformers_:
        if name != "remainder":
            parts = [frame[columns] for frame in prepared]
            figures.append((who, f"block {name}", spent_ms(transformer.transform, parts)))
    matrices = [model.scorer.matrix(frame) for frame in prepared]
    raws = [model.scorer.scores(matrix) for matrix in matrices]
    figures.append((who, "head", spent_ms(model.scorer.scores, matrices)))
    figures.append(
        (who, "calibration", spent_ms(model.calibrator.predict_proba, [raw.reshape(len(raw), -1) for raw in raws]))
    )
    predictions = [model.predict(frame) for frame in frames]
    figures.append((who, "frame to JSON", spent_ms(lambda one: json.dumps(one.to_dict("records")), predictions)))
    return figures


def ours(model, rows: list[dict]) -> list[tuple[str, str, float]]:
    """The served model's own parts, and all of them together."""
    deployed, who = Deployed("1", "production", "now"), "served model"
    responder = purchase_responder(FastModel.of(model), deployed, Limits())
    bodies, features = [json.dumps({"inputs": [row]}).encode() for row in rows], model.scorer.features
    checked = [read_rows([row], responder.columns, Limits()) for row in rows]
    figures = [
        (who, "body to rows", spent_ms(lambda body: rows_of(json.loads(body)), bodies)),
        (who, "checks", spent_ms(lambda row: read_rows([row], responder.columns, Limits()), rows)),
    ]
    for name, fitted, columns in features.transformers_:
        if name != "remainder":
            fast = block(name, fitted, columns, responder.columns)
            figures.append((who, f"block {name}", spent_ms(fast, checked)))
    matrices = [model.scorer.matrix(model.prepared(one.frame)) for one in checked]
    head = scores_of(model.scorer)

    def outputs(matrix: np.ndarray) -> np.ndarray:
        return calibrated_outputs(model.calibrator, head(matrix), model.target)

    figures.append((who, "head and calibration", spent_ms(outputs, matrices)))
    replies = [responder.records([row]) for row in rows]
    figures.append((who, "reply to JSON", spent_ms(json.dumps, replies)))
    total = spent_ms(lambda body: json.dumps(responder.records(rows_of(json.loads(body)))), bodies)
    return [*figures, (who, "all, body to reply", total)]


def pass_through(bare, rows: list[dict]) -> list[tuple[str, str, float]]:
    """A pass-through model with type hints in MLflow's scoring server, without the server."""
    bodies, schema = [json.dumps({"inputs": [row]}) for row in rows], bare.metadata.get_input_schema()

    def invoke(body: str) -> object:
        return scoring_server.invocations(body, "application/json", bare, schema)

    return [("pass-through", "all, body to reply", spent_ms(invoke, bodies))]


if __name__ == "__main__":
    main()
