"""Torch modules of the small networks: a perceptron, and a convolution over token vectors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from purchasing_power.model.networks.layers import fast_bfloat16
from purchasing_power.model.networks.perceptron import Perceptron

# Widths of the filters, in tokens.
WIDTHS = (2, 3, 4)
# Every filter has its width.
LEAST = max(WIDTHS)


class PerceptronModule(nn.Module):
    """``direct(x) + out(dropout(relu(hidden(x))))``; dropout before the layers drops inputs."""

    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.direct = nn.Linear(inputs, outputs, bias=False)
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(hidden, outputs)
        self.dropout = nn.Dropout(dropout)
        # A network of wide input starts at the mean.
        nn.init.zeros_(self.direct.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs, shape (n, outputs)."""
        return self.direct(x) + self.out(self.dropout(torch.relu(self.hidden(x))))

    def fitted(self) -> Perceptron:
        """Give the weights as arrays."""
        return Perceptron({name: array.detach().cpu().numpy() for name, array in self.state_dict().items()})


class TextCnnModule(nn.Module):
    """Filters over token vectors, their maxima over the text, and a perceptron on them and the table's columns.

    Source: Kim (2014), Convolutional neural networks for sentence classification, EMNLP.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor, columns: int, filters: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        # The language model's own table, left as it is: rare words keep their vectors.
        self.register_buffer("vectors", vectors, persistent=False)
        width = vectors.shape[1]
        self.filters = nn.ModuleList(nn.Conv1d(width, filters, size) for size in WIDTHS)
        self.dropout = nn.Dropout(dropout)
        self.head = PerceptronModule(filters * len(WIDTHS) + columns, hidden, outputs, dropout)

    def forward(self, ids: Tensor, table: Tensor, vectors: Tensor | None = None) -> Tensor:
        """Outputs, shape (n, outputs), of token ids, shape (n, tokens), -1 where none, and columns, (n, columns).

        Ids number the rows of ``vectors``, or of the module's own.
        """
        return self.head(torch.cat([self.dropout(self.maxima(ids, vectors)), table], dim=1))

    def maxima(self, ids: Tensor, vectors: Tensor | None) -> Tensor:
        """Maximum of each filter over a row, float32, shape (n, filters of all widths)."""
        known = self.vectors if vectors is None else vectors
        # The filters' products take most of the training's time.
        half = self.training and fast_bfloat16(known.device.type)
        with torch.autocast(known.device.type, torch.bfloat16, enabled=half):
            return self._maxima(ids, known).float()

    def _maxima(self, ids: Tensor, known: Tensor) -> Tensor:
        # A batch holds most tokens many times: the filters' products are taken once for each distinct one.
        distinct, place = torch.unique(ids, return_inverse=True)
        read = torch.zeros((len(distinct), known.shape[1]), device=known.device)
        read[distinct >= 0] = known[distinct[distinct >= 0]].float()
        tokens = (ids >= 0).sum(dim=1)
        # Beyond a row's own tokens a filter would depend on how long the other rows are; a short row has one place.
        parts = [
            _maximum(_filtered(one, read, place), (tokens - size + 1).clamp(min=1))
            for one, size in zip(self.filters, WIDTHS, strict=True)
        ]
        return torch.cat(parts, dim=1)


def _maximum(filtered: Tensor, places: Tensor) -> Tensor:
    """Maximum of each filter, or 0, shape (n, filters), over the first places of each row, shape (n,)."""
    within = torch.arange(filtered.shape[1], device=filtered.device) < places[:, None]
    return (torch.relu(filtered) * within[:, :, None]).amax(dim=1)


def _filtered(filters: Any, vectors: Tensor, place: Tensor) -> Tensor:
    """A convolution over tokens, shape (n, positions, filters), from the products of the distinct tokens' vectors.

    Parameters
    ----------
    vectors
        Of the distinct tokens, shape (u, dimension).
    place
        Distinct token at each place, shape (n, tokens).
    """
    count, dimension, size = filters.weight.shape
    products = vectors @ filters.weight.permute(1, 2, 0).reshape(dimension, size * count)
    each = products.view(len(vectors), size, count).unbind(1)
    positions = place.shape[1] - size + 1
    summed = filters.bias
    for at, one in enumerate(each):
        summed = summed + nn.functional.embedding(place[:, at : at + positions], one)
    return summed
