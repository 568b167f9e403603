"""A language model fine-tuned on the users' documents, with the tabular columns beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from purchasing_power.model.networks.settings import FinetuneSettings, draw_finetuning
from purchasing_power.model.params import (
    FINETUNED,
    SQUARED,
    TEXTS,
    TWEEDIE,
    Choice,
    Draw,
    Head,
    ModelParams,
    above_zero,
)
from purchasing_power.model.scorer import Fitting, Scorer
from purchasing_power.snapshot.user_table import UserTableMeta


@dataclass(frozen=True)
class Finetuned(FinetuneSettings, Head):
    """A language model trained end to end with a perceptron on its vectors and the tabular columns.

    Attributes
    ----------
    row_documents
        Documents of a row that are read, newest first.
    """

    name = "finetuned"
    reads = TEXTS
    representation = FINETUNED
    losses = (SQUARED, TWEEDIE)
    explained = "texts"

    row_documents: int = above_zero(8)

    @classmethod
    def search(cls, draw: Draw, wide: bool) -> None:
        draw("row_documents", Choice((8,)))
        draw("dropout", Choice((0.2,)))
        draw("refit", Choice(("auto",)))
        draw("seed", Choice((0,)))
        draw_finetuning(draw)

    def fit(self, params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> Scorer:
        """Fine-tune the language model; see :func:`~purchasing_power.model.networks.finetune.scorer.fit`."""
        from purchasing_power.model.networks.finetune import scorer

        return scorer.fit(self, self.row_documents, params, meta, fitting)

    def load(self, folder: Path, params: ModelParams, meta: UserTableMeta) -> Scorer:
        from purchasing_power.model.networks.finetune import scorer

        return scorer.load(folder, self.row_documents)
