"""Parameters of a model: which representation, which head, and their settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from purchasing_power.errors import DataError

REPRESENTATIONS = ("none", "tfidf", "encoder", "both")
HEADS = ("logistic", "svm", "lightgbm")
CLASS_WEIGHTS = ("none", "balanced")


@dataclass(frozen=True)
class ModelParams:
    """Everything that decides a model, apart from data, target and seed.

    Attributes
    ----------
    representation
        How ``documents`` become features: ``"none"``, ``"tfidf"``, ``"encoder"`` or ``"both"``.
    head
        ``"logistic"`` (ridge for a regression), ``"svm"`` (linear) or ``"lightgbm"``.
    class_weight
        ``"none"`` or ``"balanced"``: weights inversely proportional to the class counts.
    encoder
        ``"minilm"``, a local model folder or a Hugging Face hub name.
    text_components
        Columns that each text representation is reduced to.
    ngram_max
        Longest word sequence that counts as a TF-IDF term.
    weighting
        Weight of a document that a user has n times: ``"log_count"`` or ``"count"``.
    C
        Inverse strength of regularisation of the linear heads.
    trees, learning_rate, leaves, leaf_rows, feature_share, row_share, l2
        LightGBM's ``num_iterations``, ``learning_rate``, ``num_leaves``, ``min_data_in_leaf``,
        ``feature_fraction``, ``bagging_fraction`` and ``lambda_l2``.
    """

    representation: str = "both"
    head: str = "lightgbm"
    class_weight: str = "none"
    encoder: str = "minilm"
    text_components: int = 24
    ngram_max: int = 1
    weighting: str = "log_count"
    C: float = 0.1
    trees: int = 300
    learning_rate: float = 0.03
    leaves: int = 15
    leaf_rows: int = 40
    feature_share: float = 0.4
    row_share: float = 0.8
    l2: float = 5.0

    def __post_init__(self) -> None:
        allowed = {"representation": REPRESENTATIONS, "head": HEADS, "class_weight": CLASS_WEIGHTS}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise DataError(
                    f"model {name}: got {getattr(self, name)!r}; allowed are {', '.join(values)}. Set one of them."
                )
        for name in ("text_components", "ngram_max", "C", "trees", "learning_rate", "leaf_rows"):
            if not getattr(self, name) > 0:
                raise DataError(f"model {name}: got {getattr(self, name)}; it must be above 0.")

    @property
    def text_blocks(self) -> tuple[str, ...]:
        """Names of the text representations in use."""
        return {"none": (), "tfidf": ("tfidf",), "encoder": ("encoder",), "both": ("tfidf", "encoder")}[
            self.representation
        ]

    def to_dict(self) -> dict[str, Any]:
        """Give what :meth:`from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelParams:
        """Build from a dict; a key that is no parameter is refused.

        Raises
        ------
        DataError
            If a key or a value is not allowed.
        """
        known = {field.name: field.type for field in fields(cls)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise DataError(
                f"model parameters: got unknown {', '.join(unknown)}; allowed are {', '.join(known)}. "
                "Correct the spelling."
            )
        casts = {"int": int, "float": float, "str": str}
        try:
            return cls(**{name: casts[str(known[name])](value) for name, value in values.items()})
        except (TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"model parameters: {error}. Give numbers where numbers are due.") from error


def read_params(path: Path) -> ModelParams:
    """Read parameters from a JSON file, such as the best ones that ``tune`` wrote.

    Raises
    ------
    DataError
        If the file is missing or is not a JSON object of parameters.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"model parameters: cannot read {path} ({error}). Give a JSON file of parameters."
        ) from error
    if not isinstance(values, dict):
        raise DataError(f"model parameters: {path} holds a {type(values).__name__}; a JSON object is needed.")
    return ModelParams.from_dict(values)
