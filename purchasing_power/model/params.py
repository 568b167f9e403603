"""Parameters of a model: those that all models have, and a head with settings of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.model.scorer import Fitting, Scorer
from purchasing_power.snapshot.user_table import UserTableMeta

# Text representations, and the blocks of the feature matrix that they are.
BLOCKS: dict[str, tuple[str, ...]] = {
    "none": (),
    "tfidf": ("tfidf",),
    "encoder": ("encoder",),
    "both": ("tfidf", "encoder"),
    "finetuned": (),
}
REPRESENTATIONS = tuple(BLOCKS)
FINETUNED = "finetuned"
# What a head reads: the feature matrix, the texts with the tabular columns beside them, or other models' outputs.
MATRIX, TEXTS, MEMBERS = "matrix", "texts", "members"
TASKS = ("binary", "multiclass", "regression")
SQUARED, TWEEDIE = "squared", "tweedie"

_CASTS: dict[str, Callable[[Any], Any]] = {"int": int, "float": float, "str": str}


@dataclass(frozen=True)
class Choice:
    """One of some values, of which the first is tried first; a single one is taken undrawn."""

    values: tuple[Any, ...]

    @property
    def start(self) -> Any:
        """The value that is tried first."""
        return self.values[0]


@dataclass(frozen=True)
class Range:
    """A number between bounds, and the value that is tried first; integers where ``low`` is an int."""

    low: float
    high: float
    start: float
    log: bool = False


Rule = Choice | Range


class Draw(Protocol):
    """Draws one parameter of a trial and gives its value."""

    def __call__(self, parameter: str, rule: Rule, name: str = "") -> Any:
        """Draw a parameter by a rule.

        Parameters
        ----------
        name
            What the study calls it, where that is not the parameter's own name: a rule that differs between heads is
            drawn as ``"head.parameter"``.
        """


def one_of(*values: str, default: str | None = None) -> Any:
    """A field with one of some values, by default the first."""
    words = f"allowed are {', '.join(values)}. Set one of them."
    return _checked(default or values[0], values.__contains__, words, values)


def above_zero(default: float) -> Any:
    """A field with a number above 0."""
    return _checked(default, lambda value: value > 0, "it must be above 0.")


def not_negative(default: float) -> Any:
    """A field with a number of 0 or more."""
    return _checked(default, lambda value: value >= 0, "it must be 0 or more.")


def between(low: float, high: float, default: float) -> Any:
    """A field with a number between two others."""
    return _checked(default, lambda value: low < value < high, f"it must lie between {low:g} and {high:g}.")


def _checked(default: Any, allowed: Callable[[Any], bool], words: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"allowed": allowed, "words": words, "choices": choices})


def choices(owner: type, name: str) -> tuple[str, ...]:
    """The values that a field made by :func:`one_of` may have."""
    return next(one for one in fields(owner) if one.name == name).metadata["choices"]


def read_value(one: Field, value: Any) -> Any:
    """A value in a field's type, from JSON or from text.

    Raises
    ------
    DataError
        If it is no such value, or not allowed.
    """
    try:
        cast = _CASTS[str(one.type)](value)
    except (TypeError, ValueError) as error:
        raise DataError(f"model {one.name}: got {value!r} ({error}). Give numbers where numbers are due.") from error
    _check(one, cast)
    return cast


def _check(one: Field, value: Any) -> None:
    if one.metadata and not one.metadata["allowed"](value):
        raise DataError(f"model {one.name}: got {value!r}; {one.metadata['words']}")


@dataclass(frozen=True)
class Settings:
    """Fields with rules: a value that breaks one is refused by name."""

    def __post_init__(self) -> None:
        for one in fields(self):
            _check(one, getattr(self, one.name))

    def values(self) -> dict[str, Any]:
        """Values of the fields by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def changed(self) -> dict[str, Any]:
        """Values that are not the default, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) != one.default}


@dataclass(frozen=True)
class Head(Settings, ABC):
    """A head before it is fitted: its settings are its fields, and what is known of it its class attributes.

    Attributes
    ----------
    name
        What it is called in parameters and files.
    reads
        ``MATRIX``, ``TEXTS`` or ``MEMBERS``.
    representation
        ``FINETUNED`` for a head that goes with this one alone; ``None`` for a head that goes with all others.
    tasks, losses
        What it can fit, and the losses of a regression that it can follow.
    scaled
        Whether it needs numbers on one scale and none missing.
    linear
        Whether its scores are a weighted sum of the matrix's columns.
    explained
        Name of the way in which ``explain`` takes its scores apart: a key of ``explain.heads.WAYS``.
    trusted
        Classes that its file may hold beside those of ``skops_files.TRUSTED``.
    """

    name: ClassVar[str]
    reads: ClassVar[str]
    representation: ClassVar[str | None] = None
    tasks: ClassVar[tuple[str, ...]] = TASKS
    losses: ClassVar[tuple[str, ...]] = (SQUARED,)
    scaled: ClassVar[bool] = True
    linear: ClassVar[bool] = False
    explained: ClassVar[str]
    trusted: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def search(cls, draw: Draw, wide: bool) -> None:
        """Draw the settings of a trial, each where those before make it meaningful.

        Parameters
        ----------
        wide
            Whether TF-IDF terms may enter the matrix as they are.
        """

    @abstractmethod
    def fit(self, params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> Scorer:
        """Fit a scorer on the given rows.

        Parameters
        ----------
        params
            The parameters that this head is part of.

        Raises
        ------
        DataError
            If the parameters do not go with the labels; see :meth:`ModelParams.check_labels`.
        """

    @abstractmethod
    def load(self, folder: Path, params: ModelParams, meta: UserTableMeta) -> Scorer:
        """Load what ``Scorer.save`` wrote; nothing in the files is run."""


@dataclass(frozen=True)
class ModelParams(Settings):
    """Everything that decides a model, apart from data, target and seed.

    Attributes
    ----------
    head
        What turns features or texts into scores, with the settings that it alone has.
    representation
        How ``documents`` become features: ``"none"``, ``"tfidf"``, ``"encoder"``, ``"both"``, or
        ``"finetuned"``, which goes with the head of that name.
    imbalance
        What is done about rare classes on the fitted rows: ``"none"``, class ``"weights"``, random
        ``"over"``- or ``"under"``-sampling, ``"smote"`` or ``"adasyn"``.
    loss, tweedie_power
        Of a regression: ``"squared"`` error, or ``"tweedie"`` deviance of that power, for amounts with many
        zeros; ``"auto"`` is squared error.
    encoder
        Encoder spec: ``minilm``, a model folder or a hub name, with options after ``?``.
    text_components, reduction
        Columns that each text representation is reduced to; encoder vectors by ``"pca"`` or ``"whitening"``.
    ngram_max, min_df, tfidf_width
        Longest word sequence that counts as a TF-IDF term, fewest rows that must have it, and how many terms
        enter as they are, sparse; 0 reduces them to ``text_components``.
    stop_words
        Of TF-IDF: ``"drop"`` them, or ``"keep"`` them, and exclamation and question marks as well.
    table_weight
        Factor of the tabular columns of a linear head beside the texts: below 1 they are regularised more strongly.
    weighting
        Weight of a document among a user's: ``"log_count"``, ``"count"``, ``"recency"`` or ``"idf"``.
    seed
        Added to the run's seed where the head draws at random (first weights, batches, held-out rows), so that a
        blend can average networks that differ in nothing else.
    members
        Weighted models of a blend.
    """

    head: Head
    representation: str = one_of(*REPRESENTATIONS, default="both")
    imbalance: str = one_of("none", "weights", "over", "under", "smote", "adasyn")
    loss: str = one_of("auto", SQUARED, TWEEDIE)
    tweedie_power: float = between(1, 2, default=1.5)
    encoder: str = "minilm"
    text_components: int = above_zero(24)
    reduction: str = one_of("pca", "whitening")
    ngram_max: int = above_zero(1)
    min_df: int = above_zero(2)
    tfidf_width: int = not_negative(0)
    stop_words: str = one_of("drop", "keep")
    table_weight: float = above_zero(1.0)
    weighting: str = one_of("log_count", "count", "recency", "idf")
    seed: int = not_negative(0)
    members: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.representation == FINETUNED) != (self.head.representation == FINETUNED):
            raise DataError(
                f"model head: got {self.head.name} with representation {self.representation}; the head finetuned and "
                "the representation finetuned go together. Set both, or neither (blend it with others for their "
                "columns)."
            )
        self._check_members()

    @property
    def text_blocks(self) -> tuple[str, ...]:
        """Names of the text representations that stand in the feature matrix."""
        return BLOCKS[self.representation] if self.head.reads == MATRIX else ()

    @property
    def parts(self) -> tuple[ModelParams, ...]:
        """The members of a blend, or this model itself."""
        return tuple(member.params for member in self.members) or (self,)

    @property
    def encoders(self) -> tuple[str, ...]:
        """References of the frozen encoders whose vectors the model reads, each once."""
        return tuple(dict.fromkeys(part.encoder for part in self.parts if "encoder" in part.text_blocks))

    @property
    def reads_model(self) -> bool:
        """Whether a language model is read at all, frozen or trained."""
        return bool(self.encoders) or any(part.head.reads == TEXTS for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """The flat form, which :func:`~purchasing_power.model.flat_params.model_params` reads."""
        members = [{"weight": one.weight, "params": one.params.to_dict()} for one in self.members]
        return {**self.values(), **self.head.values(), "head": self.head.name, "members": members}

    def changed(self) -> dict[str, Any]:
        """Values of the flat form that are not the default, without head and members."""
        own = {name: value for name, value in super().changed().items() if name not in ("head", "members")}
        return {**own, **self.head.changed()}

    def check_labels(self, y: np.ndarray, task: str) -> None:
        """Refuse labels that the head or the loss cannot fit.

        Parameters
        ----------
        y
            Class codes or amounts, shape (n,).

        Raises
        ------
        DataError
            If the head does not fit the task, or the loss goes with neither the head nor the amounts.
        """
        if task not in self.head.tasks:
            raise DataError(
                f"model head: got {self.head.name} for the task {task}; it fits {', '.join(self.head.tasks)}. Set "
                "another head."
            )
        if task != "regression" or self.loss != TWEEDIE:
            return
        if TWEEDIE not in self.head.losses:
            raise DataError(
                f"model loss: got tweedie with the head {self.head.name}; it goes with {', '.join(self.head.losses)}. "
                "Set another head, or loss to squared."
            )
        if (y < 0).any() or not (y > 0).any():
            raise DataError(
                f"model loss: got tweedie with {int((y < 0).sum())} negative and {int((y > 0).sum())} positive "
                "amounts; it needs amounts of 0 or more with some above 0. Set loss to squared."
            )

    def _check_members(self) -> None:
        if (self.head.reads == MEMBERS) != bool(self.members):
            raise DataError(
                f"model members: got {len(self.members)} with the head {self.head.name}; a blend needs members, and "
                "no other head has any. Set head to blend, or leave members away."
            )
        if any(one.params.members or not one.weight > 0 for one in self.members):
            raise DataError("model members: each needs a weight above 0 and a head that is no blend. Correct them.")


@dataclass(frozen=True)
class Member:
    """One model of a blend and its share of the whole."""

    weight: float
    params: ModelParams
