"""The search space of a study: which parameters a trial may draw, and the settings that are tried first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from purchasing_power.errors import DataError
from purchasing_power.model.params import HEADS, LINEAR_HEADS, TABLE_HEADS, TEXT_HEADS, TRAINED, ModelParams
from purchasing_power.tuning.space_rules import (
    HEAD_RULES,
    TRAINED_RULES,
    TUNING_RULES,
    WIDE_RULES,
    Choice,
    Rule,
)

# What a study can be asked for; a blend is made of its best trials afterwards.
STUDY_HEADS = tuple(head for head in HEADS if head != "blend")
BY_RICHNESS = ("none", "tfidf", "encoder", "both")
# Heads that fit the Tweedie deviance; rows of texts cannot be interpolated as SMOTE and ADASYN do.
TWEEDIE_HEADS = ("logistic", "lightgbm", "mlp", "textcnn", "finetuned")
TEXT_IMBALANCE = ("none", "weights", "over", "under")


class Draws(Protocol):
    """What a study's trial offers; an Optuna trial is one."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Draw one of the choices."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a number between the bounds."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Draw a whole number between the bounds."""


Pick = Callable[[str, Rule], Any]


@dataclass(frozen=True)
class Space:
    """What the trials of a study may be.

    Attributes
    ----------
    representations, heads, encoders
        Text representations, heads and encoder references to draw from. The head ``finetuned`` and the
        representation of that name bring each other along.
    regression
        Whether an amount is predicted: it has losses and no imbalance.
    imbalance, losses, weightings, reductions
        Values of the parameters of these names; a head that cannot follow one of them is not asked to.
    settings
        Values of any further parameter, in place of what is drawn for it otherwise.
    """

    representations: tuple[str, ...]
    heads: tuple[str, ...]
    encoders: tuple[str, ...] = ("minilm",)
    regression: bool = False
    imbalance: tuple[str, ...] = ("none",)
    losses: tuple[str, ...] = ("auto",)
    weightings: tuple[str, ...] = ("log_count", "count")
    reductions: tuple[str, ...] = ("pca",)
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "finetuned" in self.representations and "finetuned" not in self.heads:
            object.__setattr__(self, "heads", (*self.heads, "finetuned"))
        if not self.columns and set(self.heads) & set(TABLE_HEADS):
            raise DataError(
                f"representations: got {', '.join(self.representations)} for the heads {', '.join(self.heads)}; a head "
                f"on the feature matrix needs one of {', '.join(BY_RICHNESS)}. Add one, or leave those heads away."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Representations that stand in the feature matrix."""
        return tuple(name for name in self.representations if name != "finetuned")

    @property
    def frozen(self) -> bool:
        """Whether a trial may read the vectors of a frozen encoder."""
        return bool({"encoder", "both"} & set(self.columns)) and bool(set(self.heads) & set(TABLE_HEADS))


def read_settings(text: str) -> dict[str, tuple[Any, ...]]:
    """Read values to draw from, written ``C=0.3|1|3,tuning=full|lora``; ``none`` holds none.

    Raises
    ------
    DataError
        If a name is no parameter of a model or has a place of its own, or a value is not allowed.
    """
    if text == "none":
        return {}
    found: dict[str, tuple[Any, ...]] = {}
    for entry in text.split(","):
        name, _, values = (part.strip() for part in entry.partition("="))
        if name not in SETTINGS or not values:
            raise DataError(
                f"space: got {entry.strip()!r}; allowed is NAME=VALUE|VALUE,NAME=VALUE with the names "
                f"{', '.join(SETTINGS)}. Correct it, or give none."
            )
        found[name] = tuple(
            getattr(ModelParams.from_dict({name: value.strip()}), name) for value in values.split("|")
        )
    return found


def draw(trial: Draws, space: Space) -> ModelParams:
    """Draw the parameters of one trial; a head's own parameters are drawn only with that head."""

    def pick(name: str, rule: Rule) -> Any:
        if isinstance(rule, Choice):
            return trial.suggest_categorical(name, list(rule.values))
        if isinstance(rule.low, int):
            return trial.suggest_int(name, rule.low, int(rule.high), log=rule.log)
        return trial.suggest_float(name, rule.low, rule.high, log=rule.log)

    return ModelParams.from_dict(_walk(space, pick))


def starting_points(space: Space) -> list[dict[str, Any]]:
    """Draws to try first: one sound setting for each head with the richest representation, trees first.

    Every further encoder follows with the first of these heads, so that each is tried at least once.
    """
    richest = max(space.columns, key=BY_RICHNESS.index, default="none")
    order = ("lightgbm", *(head for head in STUDY_HEADS if head != "lightgbm"))
    heads = [head for head in order if head in space.heads]
    readers = [head for head in heads if head in TEXT_HEADS or richest in ("encoder", "both")]
    wanted = [(head, space.encoders[0]) for head in heads]
    wanted += [(head, encoder) for encoder in space.encoders[1:] for head in readers[:1]]
    return [_first(space, {"representation": richest, "head": head, "encoder": one}) for head, one in wanted]


def _first(space: Space, fixed: dict[str, Any]) -> dict[str, Any]:
    point: dict[str, Any] = {}

    def pick(name: str, rule: Rule) -> Any:
        return point.setdefault(name, fixed.get(name, rule.start))

    _walk(space, pick)
    return point


def _walk(space: Space, pick: Pick) -> dict[str, Any]:
    """Every parameter that the choices so far make meaningful, in one order for all trials."""
    chosen: dict[str, Any] = {"encoder": space.encoders[0]}

    def take(rules: Mapping[str, Rule]) -> None:
        for name, rule in rules.items():
            # A rule that differs between heads is drawn under a name of its own: "head.parameter".
            parameter = name.rpartition(".")[2]
            if parameter in space.settings:
                name, rule = parameter, Choice(space.settings[parameter])
            single = isinstance(rule, Choice) and len(rule.values) == 1
            chosen[parameter] = rule.start if single else pick(name, rule)

    take({"head": Choice(space.heads)})
    head = chosen["head"]
    take(_representation(space, head))
    take(_columns(space, head, chosen["representation"]))
    take(_task(space, head))
    take(HEAD_RULES[head] if head not in LINEAR_HEADS else _linear(space, head))
    if head == "finetuned" or chosen.get("token_vectors") == TRAINED:
        take(TRAINED_RULES)
        take(TUNING_RULES[chosen["tuning"]])
    return chosen


def _representation(space: Space, head: str) -> dict[str, Rule]:
    # Text heads read the texts themselves: no representation stands in a matrix.
    if head in TEXT_HEADS:
        kind = "finetuned" if head == "finetuned" else "none"
        return {"representation": Choice((kind,)), "encoder": Choice(space.encoders)}
    return {"representation": Choice(space.columns)}


def _columns(space: Space, head: str, representation: str) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    if representation in ("tfidf", "encoder", "both"):
        rules["text_components"] = Choice((16, 32))
    if representation in ("tfidf", "both"):
        rules |= {"ngram_max": Choice((1,)), "min_df": Choice((2,)), "stop_words": Choice(("drop",))}
        # Only a linear head takes terms as they are; the others would be lost in thousands of columns.
        if head in LINEAR_HEADS:
            rules |= {"tfidf_width": Choice((0,)), "table_weight": Choice((1.0,))}
    if head in TABLE_HEADS and representation in ("encoder", "both"):
        rules["encoder"] = Choice(space.encoders)
        rules["weighting"] = Choice(space.weightings)
        rules["reduction"] = Choice(space.reductions)
    return rules


def _task(space: Space, head: str) -> dict[str, Rule]:
    if space.regression:
        if "tweedie" not in space.losses or head not in TWEEDIE_HEADS:
            return {}
        return {"loss": Choice(space.losses), "tweedie_power": Choice((1.5,))}
    if head in TABLE_HEADS:
        return {"imbalance": Choice(space.imbalance)}
    left = tuple(way for way in space.imbalance if way in TEXT_IMBALANCE) or ("none",)
    return {"imbalance" if left == space.imbalance else "texts.imbalance": Choice(left)}


def _linear(space: Space, head: str) -> dict[str, Rule]:
    # Thousands of sparse terms, each rare, want far weaker regularisation than some dozen dense columns.
    wide = any(width > 0 for width in space.settings.get("tfidf_width", ()))
    return (WIDE_RULES if wide else HEAD_RULES)[head]


# What `read_settings` takes: every parameter of a model that a study has no list of its own for.
OWN_LISTS = ("representation", "head", "encoder", "imbalance", "loss", "weighting", "reduction", "members")
SETTINGS = tuple(one.name for one in fields(ModelParams) if one.name not in OWN_LISTS)
