"""Parameters of ``tune``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from purchasing_power.errors import DataError
from purchasing_power.model.params import REPRESENTATIONS, ModelParams, choices
from purchasing_power.snapshot.target_choice import TARGETS
from purchasing_power.text.encoder_spec import DEVICES, RUNTIME_CHOICES
from purchasing_power.tuning import space
from tracking.entry import choice, count, in_order, parameter, subset


def references(text: str) -> list[str]:
    """Encoder specs between commas; a comma within one is written %2C."""
    found = [one.strip() for one in text.split(",") if one.strip()]
    if not found:
        raise argparse.ArgumentTypeError("got nothing; name an encoder, such as minilm")
    return found


def settings(text: str) -> dict[str, tuple[object, ...]]:
    """Values of further parameters to draw from."""
    try:
        return space.read_settings(text)
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


@dataclass(frozen=True)
class Options:
    """Parameters of ``tune``."""

    users: str = parameter("user table: a folder, a runs:/ URI, or latest")
    target: str = parameter("what to predict; of several the first that the table carries", in_order(*TARGETS))
    positive: str = parameter("class whose probability is the score, or auto")
    trials: int = parameter("complete or pruned trials the study shall hold in all", count)
    folds: int = parameter("folds within the known rows", count)
    representations: list[str] = parameter("text representations to try", subset(*REPRESENTATIONS))
    heads: list[str] = parameter("heads to try", subset(*space.STUDY_HEADS))
    encoder: list[str] = parameter("encoders to try: minilm, model folders, hub names, with ?options", references)
    runtime: str = parameter("how encoders run; exact and auto leave it to the processor", choice(*RUNTIME_CHOICES))
    device: str = parameter("where encoders run", choice(*DEVICES))
    imbalance: list[str] = parameter("what to try about rare classes", subset(*choices(ModelParams, "imbalance")))
    losses: list[str] = parameter("losses of a regression to try", subset(*choices(ModelParams, "loss")))
    weightings: list[str] = parameter(
        "weights of a user's documents to try", subset(*choices(ModelParams, "weighting"))
    )
    reductions: list[str] = parameter(
        "reductions of encoder vectors to try", subset(*choices(ModelParams, "reduction"))
    )
    space: dict[str, tuple[Any, ...]] = parameter(
        "values of further parameters to try, NAME=VALUE|VALUE,… or none", settings
    )
    blend: int = parameter("most trials that may enter a blend; 0 makes none", count)
    study: str = parameter("name of the study to start or resume; auto derives it from data and settings")
    storage: str = parameter("database URL of the study; auto is studies.db in the workspace")
    workers: int = parameter("processes that run trials", count)
    threads: int = parameter("threads a trial may use; 0 shares all cores out among the workers", count)
    store_mb: int = parameter("size that the vector store is pruned to afterwards, MB; 0 leaves it", count)
    workspace: str = parameter("folder for the vector store and the studies")
    seed: int = parameter("seed of everything random", count)
