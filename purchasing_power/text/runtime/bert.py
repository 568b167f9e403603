"""Weights of BERT-like models, laid out for packed batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

# Model types whose modules have BERT's names and order (post-normalisation, absolute positions).
FAMILY = frozenset({"bert", "roberta", "xlm-roberta", "camembert"})
# The activation as oneDNN's post-operation: name and algorithm.
_ACTIVATIONS = {
    "gelu": ("gelu", "none"),
    "gelu_new": ("gelu", "tanh"),
    "gelu_pytorch_tanh": ("gelu", "tanh"),
    "relu": ("relu", ""),
}


class Linear(NamedTuple):
    """Weight, shape (out, in), and bias, shape (out,)."""

    weight: Any
    bias: Any


class Norm(NamedTuple):
    """Scale and shift of a layer normalisation, shape (dimension,) each."""

    weight: Any
    bias: Any


class Layer(NamedTuple):
    """One encoder layer: four products and the two normalisations after the second and the fourth."""

    products: tuple[Linear, Linear, Linear, Linear]
    norms: tuple[Norm, Norm]


@dataclass(frozen=True)
class Bert:
    """A BERT-like model as float32 tensors.

    Attributes
    ----------
    words, positions
        Embedding tables; the token type's vector and the offset of the first position are in ``positions``.
    activation
        oneDNN's name and algorithm.
    """

    words: Any
    positions: Any
    norm: Norm
    layers: list[Layer]
    heads: int
    epsilon: float
    activation: tuple[str, str]

    @property
    def dimension(self) -> int:
        """Length of a token vector."""
        return int(self.words.shape[1])


def read(model: Any) -> Bert | None:
    """Take the weights out of a transformers model; ``None`` where it is not one of the family."""
    config = model.config
    if config.model_type not in FAMILY or config.hidden_act not in _ACTIVATIONS:
        return None
    absolute = (getattr(config, "position_embedding_type", None) or "absolute") == "absolute"
    if getattr(config, "is_decoder", False) or not absolute:
        return None
    embeddings = model.embeddings
    first = 0 if config.model_type == "bert" else config.pad_token_id + 1
    table = embeddings.position_embeddings.weight[first:] + embeddings.token_type_embeddings.weight[0]
    return Bert(
        words=embeddings.word_embeddings.weight.detach(),
        positions=table.detach(),
        norm=_norm(embeddings.LayerNorm),
        layers=[_layer(layer) for layer in model.encoder.layer],
        heads=config.num_attention_heads,
        epsilon=config.layer_norm_eps,
        activation=_ACTIVATIONS[config.hidden_act],
    )


def _layer(layer: Any) -> Layer:
    attention = layer.attention
    products = (
        _fused([attention.self.query, attention.self.key, attention.self.value]),
        _fused([attention.output.dense]),
        _fused([layer.intermediate.dense]),
        _fused([layer.output.dense]),
    )
    return Layer(products, (_norm(attention.output.LayerNorm), _norm(layer.output.LayerNorm)))


def _fused(modules: list[Any]) -> Linear:
    """Stack linear modules with one input, so that one product serves them all."""
    import torch

    weight = torch.cat([module.weight.detach() for module in modules])
    return Linear(weight, torch.cat([module.bias.detach() for module in modules]))


def _norm(module: Any) -> Norm:
    return Norm(module.weight.detach(), module.bias.detach())
