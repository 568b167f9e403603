"""A convolution over the token vectors of a row's documents, with the tabular columns beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from purchasing_power.model.networks.settings import TABLE, TRAINED, TextCnnSettings, draw_finetuning, draw_training
from purchasing_power.model.params import SQUARED, TEXTS, TWEEDIE, Choice, Draw, Head, ModelParams
from purchasing_power.model.scorer import Fitting, Scorer
from purchasing_power.snapshot.user_table import UserTableMeta


@dataclass(frozen=True)
class TextCnn(TextCnnSettings, Head):
    """Filters over the token vectors of a language model, which are left as they are or trained with them."""

    name = "textcnn"
    reads = TEXTS
    losses = (SQUARED, TWEEDIE)
    explained = "texts"

    @classmethod
    def search(cls, draw: Draw, wide: bool) -> None:
        draw_training(draw)
        vectors = draw("token_vectors", Choice((TABLE,)))
        draw("filters", Choice((64, 32, 128)))
        draw("text_tokens", Choice((128,)))
        draw("refit", Choice(("auto",)))
        if vectors == TRAINED:
            draw_finetuning(draw)

    def fit(self, params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> Scorer:
        """Fit the filters; see :func:`~purchasing_power.model.networks.text_cnn.fit`."""
        from purchasing_power.model.networks import text_cnn

        return text_cnn.fit(self, params, meta, fitting)

    def load(self, folder: Path, params: ModelParams, meta: UserTableMeta) -> Scorer:
        from purchasing_power.model.networks import text_cnn

        return text_cnn.load(self, folder)
