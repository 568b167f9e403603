"""The search space of a study: which parameters a trial may draw, and the settings that are tried first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from purchasing_power.errors import DataError
from purchasing_power.model.flat_params import RENAMED, model_params, parameters, refuse_old_names
from purchasing_power.model.heads.registry import DEFAULT, HEADS
from purchasing_power.model.imbalance import SYNTHETIC
from purchasing_power.model.params import (
    FINETUNED,
    MATRIX,
    MEMBERS,
    TASKS,
    TEXTS,
    TWEEDIE,
    Choice,
    Draw,
    Head,
    ModelParams,
    Rule,
    read_value,
)

# What a study can be asked for; a blend is made of its best trials afterwards.
STUDY_HEADS = tuple(name for name, head in HEADS.items() if head.reads != MEMBERS)
BY_RICHNESS = ("none", "tfidf", "encoder", "both")
# Parameters that a study has lists of their own for.
OWN_LISTS = ("representation", "encoder", "imbalance", "loss", "weighting", "reduction")


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
        Text representations, heads and encoder specs to draw from. The head ``finetuned`` and the
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
        own = [name for name, head in HEADS.items() if head.representation in self.representations]
        object.__setattr__(self, "heads", tuple(dict.fromkeys((*self.heads, *own))))
        if not self.columns and self._on_matrix:
            raise DataError(
                f"representations: got {', '.join(self.representations)} for the heads {', '.join(self.heads)}; a head "
                f"on the feature matrix needs one of {', '.join(BY_RICHNESS)}. Add one, or leave those heads away."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Representations that stand in the feature matrix."""
        return tuple(name for name in self.representations if name != FINETUNED)

    @property
    def frozen(self) -> bool:
        """Whether a trial may read the vectors of a frozen encoder."""
        return bool({"encoder", "both"} & set(self.columns)) and self._on_matrix

    @property
    def _on_matrix(self) -> bool:
        return any(HEADS[name].reads == MATRIX for name in self.heads)


def read_settings(text: str) -> dict[str, tuple[Any, ...]]:
    """Read values to draw from, written ``C=0.3|1|3,finetune=full|lora``; ``none`` holds none.

    Raises
    ------
    DataError
        If a name is no parameter of a model or has a place of its own, or a value is not allowed.
    """
    if text == "none":
        return {}
    allowed = {name: one for name, one in parameters().items() if name not in OWN_LISTS}
    settings: dict[str, tuple[Any, ...]] = {}
    for entry in text.split(","):
        name, _, values = (part.strip() for part in entry.partition("="))
        refuse_old_names([name])
        if name not in allowed or not values:
            raise DataError(
                f"space: got {entry.strip()!r}; allowed is NAME=VALUE|VALUE,NAME=VALUE with the names "
                f"{', '.join(allowed)}. Correct it, or give none."
            )
        settings[name] = tuple(read_value(allowed[name], value.strip()) for value in values.split("|"))
    return settings


def study_settings(settings: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """Values to draw from, by the names in a study; one that was started before settings were renamed goes on."""
    before = {new: old for old, new in RENAMED.items()}
    return {before.get(name, name): values for name, values in settings.items()}


def draw(trial: Draws, space: Space) -> ModelParams:
    """Draw the parameters of one trial; a head's own parameters are drawn only with that head."""

    def pick(name: str, rule: Rule) -> Any:
        if isinstance(rule, Choice):
            return trial.suggest_categorical(name, list(rule.values))
        if isinstance(rule.low, int):
            return trial.suggest_int(name, rule.low, int(rule.high), log=rule.log)
        return trial.suggest_float(name, rule.low, rule.high, log=rule.log)

    return model_params(_walk(space, pick))


def starting_points(space: Space) -> list[dict[str, Any]]:
    """Draws to try first: one sound setting for each head with the richest representation, the default head first.

    Every further encoder follows with the first of these heads, so that each is tried at least once.

    Raises
    ------
    DataError
        If a head does not fit what is predicted.
    """
    fits = {"regression"} if space.regression else set(TASKS) - {"regression"}
    unfit = [name for name in space.heads if not fits & set(HEADS[name].tasks)]
    if unfit:
        raise DataError(
            f"heads: got {', '.join(unfit)} for {'amounts' if space.regression else 'classes'}, which they do not fit. "
            "Leave them away, or set another target."
        )
    richest = max(space.columns, key=BY_RICHNESS.index, default="none")
    heads = [name for name in dict.fromkeys((DEFAULT.name, *HEADS)) if name in space.heads]
    readers = [name for name in heads if HEADS[name].reads == TEXTS or richest in ("encoder", "both")]
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

    def draw(parameter: str, rule: Rule, name: str = "") -> Any:
        name = name or parameter
        if parameter in space.settings:
            name, rule = name.rpartition(".")[2], Choice(space.settings[parameter])
        single = isinstance(rule, Choice) and len(rule.values) == 1
        chosen[parameter] = rule.start if single else pick(name, rule)
        return chosen[parameter]

    head = HEADS[draw("head", Choice(space.heads))]
    _draw_columns(draw, space, head)
    _draw_task(draw, space, head)
    head.search(draw, wide=any(width > 0 for width in space.settings.get("tfidf_width", ())))
    return chosen


def _draw_columns(draw: Draw, space: Space, head: type[Head]) -> None:
    if head.reads == TEXTS:
        # The texts themselves are read: no representation stands in a matrix.
        draw("representation", Choice((head.representation or "none",)))
        draw("encoder", Choice(space.encoders))
        return
    representation = draw("representation", Choice(space.columns))
    if representation != "none":
        draw("text_components", Choice((16, 32)))
    if representation in ("tfidf", "both"):
        draw("ngram_max", Choice((1,)))
        draw("min_df", Choice((2,)))
        draw("stop_words", Choice(("drop",)))
        # Only a linear head takes terms as they are; the others would be lost in thousands of columns.
        if head.linear:
            draw("tfidf_width", Choice((0,)))
            draw("table_weight", Choice((1.0,)))
    if representation in ("encoder", "both"):
        draw("encoder", Choice(space.encoders))
        draw("weighting", Choice(space.weightings))
        draw("reduction", Choice(space.reductions))


def _draw_task(draw: Draw, space: Space, head: type[Head]) -> None:
    if space.regression:
        if TWEEDIE in space.losses and TWEEDIE in head.losses:
            draw("loss", Choice(space.losses))
            draw("tweedie_power", Choice((1.5,)))
        return
    if head.reads == MATRIX:
        draw("imbalance", Choice(space.imbalance))
        return
    # Between two texts lies none: rows of texts cannot be interpolated.
    left = tuple(way for way in space.imbalance if way not in SYNTHETIC) or ("none",)
    draw("imbalance", Choice(left), name="" if left == space.imbalance else "texts.imbalance")
