"""Entry point ``retrain``: snapshot up to a new last cutoff, tune, train, evaluate and promote."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from purchasing_power.kinds import registry as kinds
from purchasing_power.model.params import ModelParams
from purchasing_power.snapshot.target_choice import TARGETS
from tracking import registry, runs
from tracking.chain import run_steps
from tracking.entry import Outputs, count, execute, in_order, parameter
from tracking.production_target import beside_production
from tracking.registry import ModelOptions

SNAPSHOT, TUNE = "snapshot", "tune"
# How the production version's user table was cut; the new one is cut the same way.
KEPT = ("lookback", "horizon", "step", "first_cutoff", "max_documents", "population")


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``retrain``."""

    tables: str = parameter("checked tables: a folder, a runs:/ URI, or latest")
    users: str = parameter("a flat user table to train on in place of a new snapshot, or none")
    last_cutoff: str = parameter("latest cutoff, YYYY-MM-DD; auto is the last that the orders reach")
    target: str = parameter("what to predict; of several the first that the table carries", in_order(*TARGETS))
    positive: str = parameter("class whose probability is the score, or auto")
    trials: int = parameter("trials of the study", count)
    representations: str = parameter("text representations to try")
    heads: str = parameter("heads to try")
    device: str = parameter("where encoders and networks run")
    imbalance: str = parameter("what to try about rare classes")
    losses: str = parameter("losses of a regression to try")
    space: str = parameter("values of further parameters to try, or none")
    blend: str = parameter("most trials that may enter a blend; 0 makes none")
    workers: str = parameter("processes that run trials")
    leak: str = parameter("columns that alone give the outcome away: refuse, or accepted")
    workspace: str = parameter("folder for the vector store and the studies")
    seed: int = parameter("seed of everything random", count)


def run(options: Options) -> Outputs:
    """Run the steps as nested runs; the gate decides whether the result is promoted."""
    steps = list(kinds.kind(options.kind).retraining)
    given = {name: str(value) for name, value in vars(options).items() if name not in ("users", "tables")}
    if TUNE not in steps:
        given["params"] = "default"
    if options.users != "none" or SNAPSHOT not in steps:
        users = runs.fetch("latest" if options.users == "none" else options.users, "users")[1]
        return run_steps([step for step in steps if step != SNAPSHOT], {**given, "users": users})
    tables = runs.fetch(options.tables, "tables")[1]
    given["target"] = beside_production(registry.at_stage(options.registered, registry.PRODUCTION), options.target)
    return run_steps(steps, {**given, **as_production(options.registered), "tables": tables})


def as_production(model: str) -> dict[str, str]:
    """Snapshot settings and encoder of the version in production; empty where there is none."""
    version = registry.at_stage(model, registry.PRODUCTION)
    if version is None:
        return {}
    uri = version.tags[registry.USERS_TAG]
    found = {"like": uri, "encoder": ",".join(_encoders(registry.open_bundle(version).params))}
    if uri.startswith("runs:/"):
        try:
            params = MlflowClient().get_run(uri.split("/")[1]).data.params
        except MlflowException:
            return found
        # mlflow run logs values as the shell quotes them.
        found |= {name: shlex.split(params[name])[0] for name in KEPT if name in params}
    return found


def _encoders(params: ModelParams) -> tuple[str, ...]:
    """References that a model or its members start from, with the runtimes they were served with."""
    read = [part.encoder for part in params.parts if part.reads_model]
    return tuple(dict.fromkeys(read)) or (params.encoder,)


if __name__ == "__main__":
    execute("retrain", Options, run)
