"""What a trial draws for each head: bounds or values, and where the search starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
    """A number between bounds, and the value that is tried first; whole where ``low`` is an int."""

    low: float
    high: float
    start: float
    log: bool = False


Rule = Choice | Range

NETWORK: dict[str, Rule] = {
    "hidden": Choice((64, 32, 128)),
    "dropout": Range(0.0, 0.5, 0.2),
    "network_rate": Range(3e-4, 5e-3, 1e-3, log=True),
    "epochs": Choice((20,)),
    "batch_rows": Choice((128,)),
    "seed": Choice((0,)),
}
# Of a language model that is trained, whatever stands on top of it.
TRAINED_RULES: dict[str, Rule] = {
    "tuning": Choice(("full",)),
    "tuning_epochs": Choice((3,)),
    "frozen_layers": Choice((0,)),
    "tuning_rows": Choice((32,)),
}
HEAD_RULES: dict[str, dict[str, Rule]] = {
    "lightgbm": {
        "trees": Range(100, 400, 250),
        "learning_rate": Range(0.01, 0.1, 0.03, log=True),
        "leaves": Range(4, 31, 15, log=True),
        "leaf_rows": Range(10, 200, 40, log=True),
        "feature_share": Range(0.1, 0.8, 0.3),
        "l2": Range(0.1, 30.0, 5.0, log=True),
        "row_share": Choice((0.8,)),
        "seed": Choice((0,)),
    },
    "logistic": {"C": Range(1e-4, 1.0, 0.01, log=True)},
    # Beyond 0.1 a linear SVM on dense columns gains nothing.
    "svm": {"svm.C": Range(1e-4, 0.1, 1e-3, log=True)},
    "rbf_svm": {"rbf_svm.C": Range(0.1, 100.0, 1.0, log=True), "gamma": Range(1e-4, 0.1, 0.01, log=True)},
    "mlp": NETWORK,
    "textcnn": {
        **NETWORK,
        "token_vectors": Choice(("table",)),
        "filters": Choice((64, 32, 128)),
        "text_tokens": Choice((128,)),
        "refit": Choice(("auto",)),
    },
    "finetuned": {
        "row_documents": Choice((8,)),
        "dropout": Choice((0.2,)),
        "refit": Choice(("auto",)),
        "seed": Choice((0,)),
    },
}
WIDE_RULES: dict[str, dict[str, Rule]] = {
    "logistic": {"C": Range(0.01, 30.0, 1.0, log=True)},
    "svm": {"svm.C": Range(1e-3, 3.0, 0.1, log=True)},
}
# Adapters are few and start at nothing: they want a rate some times higher than the whole model does.
TUNING_RULES: dict[str, dict[str, Rule]] = {
    "full": {"tuning_rate": Range(2e-5, 3e-4, 1e-4, log=True)},
    "lora": {"lora.tuning_rate": Range(2e-4, 2e-3, 5e-4, log=True), "lora_rank": Choice((8, 4, 16))},
}
