"""Parts of a language model in training: its layers, states that are computed once, rows of a large table."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from purchasing_power.errors import DataError


class ForwardStopped(Exception):
    """Ends a forward pass at the layer whose output it carries."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def layers_of(model: Any) -> nn.ModuleList:
    """The list of a model's layers, lowest first.

    Raises
    ------
    DataError
        If the model keeps its layers otherwise, as those that share one layer's weights do.
    """
    count = model.config.num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise DataError(
        f"model frozen_layers: a model of type {model.config.model_type} has no list of {count} layers. Set "
        "frozen_layers to 0."
    )


def below(model: nn.Module, layers: nn.ModuleList, count: int) -> list[nn.Parameter]:
    """Weights of the lowest layers and of everything before them: the embeddings."""
    first = next(iter(layers.parameters()))
    names = [one for _, one in model.named_parameters()]
    start = next(place for place, one in enumerate(names) if one is first)
    return [*names[:start], *(one for layer in list(layers)[:count] for one in layer.parameters())]


class PassThrough(nn.Module):
    """Replaces a layer and returns its input in the form of the layer's output."""

    def __init__(self, as_tuple: bool) -> None:
        super().__init__()
        self.as_tuple = as_tuple

    def forward(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """The hidden states as they are."""
        return (hidden,) if self.as_tuple else hidden


class CachedStates(PassThrough):
    """Replaces the lowest layers by their states of the windows named in ``windows``.

    Parameters
    ----------
    states
        States of all windows' tokens, one window after another, shape (n_tokens, dimension).
    starts
        Where each window begins, shape (n_windows + 1,).
    dtype
        Type of the layers' own output.
    """

    def __init__(self, states: Tensor, starts: np.ndarray, dtype: torch.dtype, as_tuple: bool) -> None:
        super().__init__(as_tuple)
        self.states, self.starts, self.dtype = states, starts, dtype
        self.windows = np.zeros(0, np.int64)

    def forward(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """The states, padded to the shape of the input."""
        lengths = self.starts[self.windows + 1] - self.starts[self.windows]
        place = np.arange(hidden.shape[1])
        # Padding is masked out: any state serves.
        rows = self.starts[self.windows][:, None] + np.minimum(place, lengths[:, None] - 1)
        padded = self.states[torch.from_numpy(rows)].to(hidden.device, self.dtype)
        return (padded,) if self.as_tuple else padded


class UsedRows(nn.Module):
    """The rows of an embedding table that the training texts use: no gradient, moment or copy for the others."""

    place: Tensor

    def __init__(self, table: nn.Embedding, used: np.ndarray) -> None:
        super().__init__()
        rows = torch.from_numpy(used)
        self.weight = nn.Parameter(table.weight.detach()[rows].clone())
        place = torch.zeros(table.num_embeddings, dtype=torch.long)
        place[rows] = torch.arange(len(used))
        self.register_buffer("place", place, persistent=False)
        self.table, self.rows = [table], rows

    def forward(self, ids: Tensor) -> Tensor:
        """Look token ids up."""
        return nn.functional.embedding(self.place[ids], self.weight)

    def full_table(self) -> nn.Embedding:
        """The model's table with the trained rows in it."""
        table = self.table[0]
        with torch.no_grad():
            table.weight[self.rows] = self.weight.detach().to(table.weight.device)
        return table


def fast_bfloat16(device: str) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32 on this machine."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
