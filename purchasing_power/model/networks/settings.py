"""Settings that heads with a network share, and how a study draws them."""

from __future__ import annotations

from dataclasses import dataclass

from purchasing_power.model.params import Choice, Draw, Range, Settings, above_zero, not_negative, one_of

TABLE, STATES, TRAINED = "table", "states", "trained"
FULL, LORA = "full", "lora"


@dataclass(frozen=True)
class PerceptronSettings(Settings):
    """Of a perceptron with one hidden layer.

    Attributes
    ----------
    hidden, dropout, network_rate
        Units of the hidden layer, share dropped, learning rate.
    """

    hidden: int = above_zero(64)
    dropout: float = not_negative(0.2)
    network_rate: float = above_zero(1e-3)


@dataclass(frozen=True)
class TrainingSettings(PerceptronSettings):
    """Of a network that is trained by itself.

    Attributes
    ----------
    epochs, batch_rows
        Most epochs, rows in a batch.
    """

    epochs: int = above_zero(20)
    batch_rows: int = above_zero(128)


@dataclass(frozen=True)
class FinetuneSettings(PerceptronSettings):
    """Of a language model that is trained with the network on top of it.

    Attributes
    ----------
    finetune
        ``"full"``, or ``"lora"`` for adapters of low rank.
    finetune_epochs, finetune_rate, finetune_rows
        Most epochs, learning rate of the language model, rows in a batch.
    frozen_layers
        Lower layers left as they are.
    lora_rank
        Rank of the adapters.
    refit
        Whether it is fitted anew on all rows once early stopping has given the number of epochs: ``"auto"`` does so
        for a panel, whose newest cutoff was held out.
    """

    finetune: str = one_of(FULL, LORA)
    finetune_epochs: int = above_zero(3)
    finetune_rate: float = above_zero(1e-4)
    frozen_layers: int = not_negative(0)
    lora_rank: int = above_zero(8)
    finetune_rows: int = above_zero(32)
    refit: str = one_of("auto", "never", "always")


@dataclass(frozen=True)
class TextCnnSettings(TrainingSettings, FinetuneSettings):
    """Of a convolution over the token vectors of a row's documents.

    Attributes
    ----------
    token_vectors
        What its filters read of a token: the vector in the language model's own ``"table"``, the ``"states"`` of the
        last layer (of two with ``encoder=minilm?layers=2``), or those of layers ``"trained"`` with the filters.
    filters, text_tokens
        Filters of each width; tokens of a row that are read (newest documents first).
    """

    token_vectors: str = one_of(TABLE, STATES, TRAINED)
    filters: int = above_zero(64)
    text_tokens: int = above_zero(128)


def draw_training(draw: Draw) -> None:
    """Draw the settings of a network that is trained by itself."""
    draw("hidden", Choice((64, 32, 128)))
    draw("dropout", Range(0.0, 0.5, 0.2))
    draw("network_rate", Range(3e-4, 5e-3, 1e-3, log=True))
    draw("epochs", Choice((20,)))
    draw("batch_rows", Choice((128,)))
    draw("seed", Choice((0,)))


def draw_finetuning(draw: Draw) -> None:
    """Draw the settings of a language model that is trained, whatever stands on top of it.

    In a study they have the names that they had before, so that one that was started then goes on.
    """
    way = draw("finetune", Choice((FULL,)), name="tuning")
    draw("finetune_epochs", Choice((3,)), name="tuning_epochs")
    draw("frozen_layers", Choice((0,)))
    draw("finetune_rows", Choice((32,)), name="tuning_rows")
    if way == LORA:
        # Adapters are few and start at nothing: they need a rate some times higher than the full model does.
        draw("finetune_rate", Range(2e-4, 2e-3, 5e-4, log=True), name="lora.tuning_rate")
        draw("lora_rank", Choice((8, 4, 16)))
    else:
        draw("finetune_rate", Range(2e-5, 3e-4, 1e-4, log=True), name="tuning_rate")
