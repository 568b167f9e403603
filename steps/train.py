"""Entry point ``train``: fit, calibrate, and register a model version as the candidate."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow.data.pandas_dataset import from_pandas
from tqdm import tqdm

from purchasing_power.kinds import registry as kinds
from purchasing_power.kinds.case import FitOptions
from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Model, Table
from purchasing_power.reference.measure import measure
from purchasing_power.snapshot.target_choice import TARGETS
from purchasing_power.snapshot.user_table import DOCUMENTS
from steps.model_logging import log_and_register
from tracking import registry, runs
from tracking.entry import Outputs, count, execute, in_order, parameter
from tracking.reference import log_reference
from tracking.registry import ModelOptions


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``train``."""

    users: str = parameter("table to train on: a folder, a runs:/ URI, or latest")
    params: str = parameter("model parameters: a JSON file, a runs:/ URI, latest (of tune), or default")
    target: str = parameter("what to predict; of several the first that the table carries", in_order(*TARGETS))
    positive: str = parameter("class whose probability is the score, or auto")
    folds: int = parameter("folds of the cross-validation that is logged beside the model; 0 leaves it out", count)
    fold_scores: str = parameter("scores of the parameters that a study measured on the same folds, a URI, or none")
    workspace: str = parameter("folder for the vector store and the checkpoints of long fits")
    seed: int = parameter("seed of everything random", count)


class RunLog:
    """Tells the active run and a progress bar how a training goes on."""

    def __init__(self, bar: tqdm) -> None:
        self.bar = bar

    def params(self, values: Mapping[str, object]) -> None:
        """Log resolved parameters of the model."""
        mlflow.log_params({f"model.{name}": value for name, value in values.items()})

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """Log a figure."""
        mlflow.log_metric(name, value, step=step)

    def part(self) -> None:
        """Move the bar on."""
        self.bar.update()


def run(options: Options) -> Outputs:
    """Train a model and register it."""
    kind = kinds.kind(options.kind)
    folder, uri = runs.fetch(options.users, "users")
    table = kind.read(folder)
    asked = FitOptions(
        params=None if options.params == "default" else runs.fetch(options.params, "params")[0],
        target=options.target,
        positive=options.positive,
        folds=options.folds,
        seed=options.seed,
        workspace=Path(options.workspace),
        fold_scores=None if options.fold_scores == "none" else runs.fetch(options.fold_scores, "fold_scores")[0],
    )
    _log_inputs(table, uri)
    with tqdm(total=options.folds + 2, desc="train", unit="part") as bar:
        model = kind.fit(table, asked, RunLog(bar))
        mlflow.log_dict(model.training.to_dict(), "training.json")
        mlflow.set_tags({name: value for name, value in kind.tags(model).items() if name.startswith("target")})
        outputs = _register(options, kind, model, table, uri, asked)
        bar.update()
    return outputs


def _log_inputs(table: Table, uri: str) -> None:
    frame = table.frame.drop(columns=DOCUMENTS, errors="ignore")
    # A dataset's source must be where the artifact lies; the run that made it is on the version's tags.
    source = runs.dataset_source(uri)
    with warnings.catch_warnings():
        # MLflow finds two ways to read a local path, both the same.
        warnings.simplefilter("ignore", UserWarning)
        dataset = from_pandas(frame, source=source, name="user_table", digest=table.digest())
    mlflow.log_input(dataset, context="training")


def _register(options: Options, kind: Kind, model: Model, table: Table, uri: str, asked: FitOptions) -> Outputs:
    with tempfile.TemporaryDirectory() as scratch:
        folder = kind.save(model, Path(scratch) / "bundle", table, asked)
        tags = {
            registry.USERS_TAG: uri,
            "users.digest": model.training.digest,
            "kind": kind.name,
            "serving": kind.serving,
            "known_until": str(model.training.known_until),
            **kind.tags(model),
            **log_reference(measure(kind, model, table, options.seed)),
            **runs.commit_tags(),
        }
        registered = log_and_register(kind, model, folder, kind.example(model, table), options.registered, tags)
    return {"version": str(registered.version), "candidate": str(registered.version)}


if __name__ == "__main__":
    execute("train", Options, run)
