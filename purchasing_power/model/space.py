"""The search space of a study: which parameters a trial may draw."""

from __future__ import annotations

from typing import Any, Protocol

from purchasing_power.model.params import ModelParams


class Draws(Protocol):
    """What a study's trial offers; an Optuna trial is one."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Draw one of the choices."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a number between the bounds."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Draw a whole number between the bounds."""


def draw(trial: Draws, representations: list[str], heads: list[str], encoder: str) -> ModelParams:
    """Draw the parameters of one trial; a head's own parameters are drawn only with that head."""
    representation = trial.suggest_categorical("representation", representations)
    head = trial.suggest_categorical("head", heads)
    chosen: dict[str, Any] = {"representation": representation, "head": head, "encoder": encoder}
    if representation != "none":
        chosen["text_components"] = trial.suggest_categorical("text_components", [16, 32])
        chosen["weighting"] = trial.suggest_categorical("weighting", ["log_count", "count"])
    chosen |= _trees(trial) if head == "lightgbm" else _linear(trial)
    return ModelParams.from_dict(chosen)


def starting_points(representations: list[str], heads: list[str]) -> list[dict[str, Any]]:
    """Draws to try first: one sound setting for each head, with the richest representation, trees first."""
    richest = max(representations, key=("none", "tfidf", "encoder", "both").index)
    text: dict[str, Any] = {} if richest == "none" else {"text_components": 16, "weighting": "log_count"}
    points: dict[str, dict[str, Any]] = {
        "lightgbm": {
            "trees": 250,
            "learning_rate": 0.03,
            "leaves": 15,
            "leaf_rows": 40,
            "feature_share": 0.3,
            "l2": 5.0,
        },
        "logistic": {"C": 0.01, "class_weight": "none"},
        "svm": {"C": 0.001, "class_weight": "none"},
    }
    return [
        {"representation": richest, "head": head, **text, **own}
        for head, own in points.items()
        if head in heads
    ]


def _trees(trial: Draws) -> dict[str, Any]:
    return {
        "trees": trial.suggest_int("trees", 100, 400),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        "leaves": trial.suggest_int("leaves", 4, 31, log=True),
        "leaf_rows": trial.suggest_int("leaf_rows", 10, 200, log=True),
        "feature_share": trial.suggest_float("feature_share", 0.1, 0.8),
        "l2": trial.suggest_float("l2", 0.1, 30.0, log=True),
    }


def _linear(trial: Draws) -> dict[str, Any]:
    return {
        "C": trial.suggest_float("C", 1e-4, 1.0, log=True),
        "class_weight": trial.suggest_categorical("class_weight", ["none", "balanced"]),
    }
