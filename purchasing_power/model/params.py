"""Parameters of a model: which representation, which head, and their settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from purchasing_power.errors import DataError

REPRESENTATIONS = ("none", "tfidf", "encoder", "both", "finetuned")
TABLE_HEADS = ("logistic", "svm", "rbf_svm", "lightgbm", "mlp")
LINEAR_HEADS = ("logistic", "svm")
TEXT_HEADS = ("textcnn", "finetuned")
HEADS = (*TABLE_HEADS, *TEXT_HEADS, "blend")
STATES, TRAINED = "states", "trained"
CHOICES = {
    "representation": REPRESENTATIONS,
    "head": HEADS,
    "imbalance": ("none", "weights", "over", "under", "smote", "adasyn"),
    "loss": ("auto", "squared", "tweedie"),
    "stop_words": ("drop", "keep"),
    "token_vectors": ("table", STATES, TRAINED),
    "weighting": ("log_count", "count", "recency", "idf"),
    "reduction": ("pca", "whitening"),
    "tuning": ("full", "lora"),
    "refit": ("auto", "never", "always"),
}
ABOVE_ZERO = (
    *("text_components", "ngram_max", "min_df", "C", "trees", "learning_rate", "leaves", "leaf_rows"),
    *("hidden", "epochs", "network_rate", "batch_rows", "filters", "text_tokens"),
    *("tuning_epochs", "tuning_rate", "lora_rank", "row_documents", "tuning_rows", "table_weight"),
)
NOT_NEGATIVE = ("tfidf_width", "gamma", "l2", "dropout", "frozen_layers", "seed")


@dataclass(frozen=True)
class ModelParams:
    """Everything that decides a model, apart from data, target and seed.

    Attributes
    ----------
    representation
        How ``documents`` become features: ``"none"``, ``"tfidf"``, ``"encoder"``, ``"both"``, or
        ``"finetuned"``, which goes with the head of that name.
    head
        On the feature matrix: ``"logistic"`` (ridge for a regression), ``"svm"`` (linear), ``"rbf_svm"``,
        ``"lightgbm"``, ``"mlp"``. On the texts with the tabular columns beside them: ``"textcnn"``,
        ``"finetuned"`` (the language model trained end to end). ``"blend"`` averages ``members``.
    imbalance
        What is done about rare classes on the fitted rows: ``"none"``, class ``"weights"``, random
        ``"over"``- or ``"under"``-sampling, ``"smote"`` or ``"adasyn"``.
    loss, tweedie_power
        Of a regression: ``"squared"`` error, or ``"tweedie"`` deviance of that power, for amounts with many
        zeros; ``"auto"`` is squared error.
    encoder
        Encoder reference: ``minilm``, a model folder or a hub name, with options after ``?``.
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
    C, gamma
        Inverse strength of regularisation of the linear heads and SVMs; width of the RBF kernel, 0 for scikit-learn's
        ``"scale"``.
    trees, learning_rate, leaves, leaf_rows, feature_share, row_share, l2
        LightGBM's ``num_iterations``, ``learning_rate``, ``num_leaves``, ``min_data_in_leaf``,
        ``feature_fraction``, ``bagging_fraction`` and ``lambda_l2``.
    hidden, dropout, epochs, network_rate, batch_rows
        Of ``mlp`` and ``textcnn``: units of the hidden layer, share dropped, most epochs, learning rate, rows in a
        batch. ``finetuned`` ends in such a hidden layer with the same units, share dropped and rate.
    token_vectors, filters, text_tokens
        Of ``textcnn``: what its filters read of a token, the vector in the language model's own ``"table"`` or the
        ``"states"`` of the last layer (of two with ``encoder=minilm?layers=2``), or the states of layers that are
        ``"trained"`` with the filters; filters of each width; tokens of a row that are read (newest documents first).
    tuning, tuning_epochs, tuning_rate, frozen_layers, lora_rank, row_documents, tuning_rows
        Of ``finetuned``, and of ``textcnn`` with trained layers: ``"full"`` or ``"lora"``, most epochs, learning rate
        of the language model, lower layers left as they are, rank of the adapters, documents of a row read in an epoch
        (``finetuned`` alone), rows in a batch.
    refit
        Whether ``textcnn`` and ``finetuned`` are fitted anew on all rows once early stopping has found the number of
        epochs: ``"auto"`` does so for a panel, whose newest cutoff was held out.
    seed
        Added to the run's seed where the head draws at random (first weights, batches, held-out rows), so that a
        blend can average networks that differ in nothing else.
    members
        Weighted models of a blend.
    """

    representation: str = "both"
    head: str = "lightgbm"
    imbalance: str = "none"
    loss: str = "auto"
    tweedie_power: float = 1.5
    encoder: str = "minilm"
    text_components: int = 24
    reduction: str = "pca"
    ngram_max: int = 1
    min_df: int = 2
    tfidf_width: int = 0
    stop_words: str = "drop"
    table_weight: float = 1.0
    weighting: str = "log_count"
    C: float = 0.1
    gamma: float = 0.0
    trees: int = 300
    learning_rate: float = 0.03
    leaves: int = 15
    leaf_rows: int = 40
    feature_share: float = 0.4
    row_share: float = 0.8
    l2: float = 5.0
    hidden: int = 64
    dropout: float = 0.2
    epochs: int = 20
    network_rate: float = 1e-3
    batch_rows: int = 128
    token_vectors: str = "table"
    filters: int = 64
    text_tokens: int = 128
    tuning: str = "full"
    tuning_epochs: int = 3
    tuning_rate: float = 1e-4
    frozen_layers: int = 0
    lora_rank: int = 8
    row_documents: int = 8
    tuning_rows: int = 32
    refit: str = "auto"
    seed: int = 0
    members: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        for name, values in CHOICES.items():
            if getattr(self, name) not in values:
                raise DataError(
                    f"model {name}: got {getattr(self, name)!r}; allowed are {', '.join(values)}. Set one of them."
                )
        for name in ABOVE_ZERO:
            if not getattr(self, name) > 0:
                raise DataError(f"model {name}: got {getattr(self, name)}; it must be above 0.")
        for name in NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise DataError(f"model {name}: got {getattr(self, name)}; it must be 0 or more.")
        if not 1 < self.tweedie_power < 2:
            raise DataError(f"model tweedie_power: got {self.tweedie_power}; it must lie between 1 and 2.")
        if (self.representation == "finetuned") != (self.head == "finetuned"):
            raise DataError(
                f"model head: got {self.head} with representation {self.representation}; the head finetuned and the "
                "representation finetuned go together. Set both, or neither (blend it with others for their columns)."
            )
        _check_members(self)

    @property
    def text_blocks(self) -> tuple[str, ...]:
        """Names of the text representations that stand in the feature matrix."""
        if self.head not in TABLE_HEADS:
            return ()
        return {"none": (), "tfidf": ("tfidf",), "encoder": ("encoder",), "both": ("tfidf", "encoder")}[
            self.representation
        ]

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
        return bool(self.encoders) or any(part.head in TEXT_HEADS for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """Give what :meth:`from_dict` reads."""
        values = asdict(self)
        values["members"] = [
            {"weight": member.weight, "params": member.params.to_dict()} for member in self.members
        ]
        return values

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
        casts: dict[str, Callable[[Any], Any]] = {
            "int": int,
            "float": float,
            "str": str,
            "tuple[Member, ...]": _members,
        }
        try:
            return cls(**{name: casts[str(known[name])](value) for name, value in values.items()})
        except (TypeError, ValueError, KeyError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"model parameters: {error}. Give numbers where numbers are due.") from error


@dataclass(frozen=True)
class Member:
    """One model of a blend and its share of the whole."""

    weight: float
    params: ModelParams


def _members(values: list[dict[str, Any]]) -> tuple[Member, ...]:
    return tuple(Member(float(value["weight"]), ModelParams.from_dict(value["params"])) for value in values)


def _check_members(params: ModelParams) -> None:
    if (params.head == "blend") != bool(params.members):
        raise DataError(
            f"model members: got {len(params.members)} with the head {params.head}; a blend needs members, and "
            "no other head has any. Set head to blend, or leave members away."
        )
    if any(member.params.head == "blend" or not member.weight > 0 for member in params.members):
        raise DataError(
            "model members: each needs a weight above 0 and a head that is no blend. Correct them."
        )
