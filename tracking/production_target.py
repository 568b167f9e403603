"""What the version in production predicts, and how a new one comes to predict the same."""

from __future__ import annotations

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.snapshot.target_choice import AUTO, CLASSES, LABEL, THREE_TIERS, TIER


def target_of(version: ModelVersion) -> str | None:
    """The full name of a version's target; ``None`` for a kind of model that leaves no choice.

    Versions of before four tiers were there say nothing of their classes.
    """
    target: str | None = version.tags.get("target")
    if target != TIER:
        return target
    classes = version.tags.get("target.classes")
    return next((form for form, names in CLASSES.items() if ", ".join(names) == classes), THREE_TIERS)


def beside_production(production: ModelVersion | None, asked: str) -> str:
    """What to ask for in place of ``asked``, so that the new version can be compared with production.

    ``auto`` and ``tier`` leave a choice: production's target is then the first, which is taken where the rows carry it.
    """
    predicted = None if production is None else target_of(production)
    if predicted is None or predicted in (LABEL, asked) or not _leaves_open(asked, predicted):
        return asked
    return f"{predicted},{asked}"


def check_comparable(production: ModelVersion | None, model: str, asked: str) -> None:
    """Refuse to train, for hours perhaps, what the gate could not compare with production.

    Raises
    ------
    DataError
        If nothing of what is asked for is what production predicts.
    """
    predicted = None if production is None else target_of(production)
    if predicted is None or predicted in asked.split(",") or (predicted != LABEL and _leaves_open(asked, predicted)):
        return
    raise DataError(
        f"model {model}: production predicts {predicted}, this run would predict {asked}; "
        "they cannot be compared. Give the new kind a registered model of its own (-P model=NAME)."
    )


def _leaves_open(asked: str, predicted: str) -> bool:
    names = asked.split(",")
    return AUTO in names or (TIER in names and predicted in CLASSES)
