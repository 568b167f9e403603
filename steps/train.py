"""Entry point ``train``: fit, calibrate, and register a model version as the candidate."""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
from mlflow.data.pandas_dataset import from_pandas
from tqdm import tqdm

from purchasing_power.evaluation.cross_validation import CrossValidation, primary_metric
from purchasing_power.model import bundle
from purchasing_power.model.flat_params import model_params, read_params
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import folds, split
from purchasing_power.reference.measure import measure
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.target import TARGETS, fit_target
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTable, distinct_texts
from purchasing_power.text.runtime_choice import resolve
from purchasing_power.text.store import warm
from steps.model_logging import example, log_and_register
from tracking import registry, runs
from tracking.entry import Outputs, Parser, choice, execute, whole
from tracking.reference import log_reference


def parser() -> Parser:
    """Parameters of ``train``."""
    return (
        Parser(prog="train")
        .add("users", "user table: a folder, a runs:/ URI, or latest")
        .add("params", "model parameters: a JSON file, a runs:/ URI, latest (of tune), or default")
        .add("target", "what to predict", choice(*TARGETS))
        .add("positive", "class whose probability is the score, or auto")
        .add("folds", "folds of the cross-validation that is logged beside the model; 0 leaves it out", whole)
        .add("model", "name of the registered model")
        .add("workspace", "folder for the vector store and the checkpoints of long fits")
        .add("seed", "seed of everything random", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Train a model and register it."""
    folder, uri = runs.fetch(args.users, "users")
    table = user_table.read(folder)
    params = model_params() if args.params == "default" else read_params(runs.fetch(args.params, "params")[0])
    parts = split(table, args.seed)
    target = fit_target(args.target, table, parts.train, args.positive)
    store = str(Path(args.workspace) / "vectors")
    texts = distinct_texts(table, parts.known)
    params = _resolved(params, texts, Path(args.workspace))
    for encoder in params.encoders:
        warm(encoder, texts, store)
    mlflow.log_params(_logged(params))
    _log_inputs(table, uri)
    with tqdm(total=args.folds + 2, desc="train", unit="part") as bar:
        if args.folds:
            _log_validation(_validation(args, table, parts.known), params, primary_metric(target), bar)
        model = fit(
            table,
            parts,
            target,
            params,
            args.seed,
            store,
            workspace=args.workspace,
            progress=True,
            curve=lambda name, value, step: mlflow.log_metric(name, value, step=step),
        )
        bar.update()
        mlflow.log_dict(model.training.to_dict(), "training.json")
        outputs = _register(args, model, table, parts.known, uri, store)
        bar.update()
    return outputs


def _resolved(params: ModelParams, texts: list[str], workspace: Path) -> ModelParams:
    """Parameters whose encoders name their runtimes; what the study exported to the workspace is read again."""
    if params.members:
        parts = [replace(one, params=_resolved(one.params, texts, workspace)) for one in params.members]
        return replace(params, members=tuple(parts))
    if not params.reads_model:
        return params
    return replace(params, encoder=resolve(params.encoder, texts, cache=workspace / "encoders").reference)


def _validation(args: argparse.Namespace, table: UserTable, known: np.ndarray) -> CrossValidation:
    return CrossValidation(
        table,
        folds(table, known, args.folds, args.seed),
        args.target,
        args.positive,
        args.seed,
        str(Path(args.workspace) / "vectors"),
        workspace=args.workspace,
        progress=True,
    )


def _logged(params: ModelParams) -> dict[str, object]:
    """Parameters as MLflow keeps them, each value a short one: a blend's members have their own."""
    values = {f"model.{name}": value for name, value in params.to_dict().items() if name != "members"}
    for number, member in enumerate(params.members):
        values[f"model.member_{number}.weight"] = member.weight
        values |= {
            f"model.member_{number}.{name}": value
            for name, value in member.params.to_dict().items()
            if name != "members"
        }
    return values


def _log_inputs(table: UserTable, uri: str) -> None:
    frame = table.frame.drop(columns=DOCUMENTS)
    # A dataset's source must be where the artifact lies; the run that made it is on the version's tags.
    source = runs.dataset_source(uri)
    with warnings.catch_warnings():
        # MLflow finds two ways to read a local path, both the same.
        warnings.simplefilter("ignore", UserWarning)
        dataset = from_pandas(frame, source=source, name="user_table", digest=table.digest())
    mlflow.log_input(dataset, context="training")


def _log_validation(validation: CrossValidation, params: ModelParams, metric: str, bar: tqdm) -> None:
    def after_fold(number: int, score: float) -> None:
        mlflow.log_metric(f"cv.fold_{number}.{metric}", score)
        bar.update()

    start = time.perf_counter()
    scores = validation.scores(params, after_fold)
    mlflow.log_metrics(
        {f"cv.mean.{metric}": float(np.mean(scores)), "cv.seconds": time.perf_counter() - start}
    )


def _register(
    args: argparse.Namespace,
    model: PurchasingModel,
    table: UserTable,
    known: np.ndarray,
    uri: str,
    store: str,
) -> Outputs:
    with tempfile.TemporaryDirectory() as scratch:
        folder = bundle.save(model, Path(scratch) / "bundle", distinct_texts(table, known), store)
        tags = {
            registry.USERS_TAG: uri,
            "users.digest": model.training.digest,
            "target": model.target.name,
            "trained_on": ", ".join(model.training.cutoffs) or f"{model.training.rows} rows",
            "known_until": str(model.training.known_until),
            **log_reference(measure(model, table, args.seed)),
            **runs.commit_tags(),
        }
        registered = log_and_register(model, folder, example(model, table, known), args.model, tags)
    return {"version": str(registered.version), "candidate": str(registered.version)}


def main() -> None:
    """Run from the command line."""
    execute("train", parser(), run)


if __name__ == "__main__":
    main()
