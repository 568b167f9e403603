"""States of tokens in a language model's lowest layers, cached for all models that leave these layers as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from purchasing_power.model.networks import row_tokens
from purchasing_power.model.networks.layers import CachedStates, PassThrough, layers_of
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.runtime.torch import load_model
from purchasing_power.text.token_states import TokenStates, Window

# Any token shows what form a layer's output has.
PROBE = [[0, 0]]


@dataclass(frozen=True)
class LowerStates:
    """States of the lowest layers of a model on the processor, by window.

    Attributes
    ----------
    model, count
        The model cut after these layers, and how many they are.
    half
        Whether products are in bfloat16.
    cache
        Where the states lie: the same as those of a model that has no further layers.
    dtype, as_tuple
        The form in which the next layer is given them.
    """

    model: Any
    count: int
    half: bool
    cache: TokenStates
    dtype: torch.dtype
    as_tuple: bool

    @classmethod
    def open(cls, source: Checkpoint, count: int, half: bool, workspace: str) -> LowerStates | None:
        """The states of the lowest ``count`` layers, cached in a workspace.

        ``None`` for a model that norms the output of its last layer, as most GPT-like ones do: it is not what the
        next layer reads, and may be too large for float16.
        """
        cut = replace(source, layers=count)
        model = load_model(cut)
        outputs: list[Any] = []
        layer = layers_of(model)[count - 1]
        hook = layer.register_forward_hook(lambda module, inputs, output: outputs.append(output))
        last = row_tokens.states(model, PROBE, half)
        hook.remove()
        output = outputs[0][0] if isinstance(outputs[0], tuple) else outputs[0]
        if not torch.equal(output[0].half(), last):
            return None
        cache = TokenStates.of(workspace, cut, half)
        return cls(model, count, half, cache, output.dtype, isinstance(outputs[0], tuple))

    def get(self, windows: Sequence[Window], progress: bool = False) -> CachedStates:
        """What replaces the layers, with their states of some windows."""

        def run(missing: list[Window]) -> np.ndarray:
            return row_tokens.states(self.model, missing, self.half).numpy()

        starts = np.concatenate([[0], np.cumsum([len(one) for one in windows])]).astype(np.int64)
        states = torch.from_numpy(self.cache.get(list(windows), run, progress))
        return CachedStates(states, starts, self.dtype, self.as_tuple)


def put_below(model: Any, count: int, states: CachedStates) -> None:
    """Replace the lowest layers of a model by their states."""
    layers = layers_of(model)
    for place in range(count):
        layers[place] = PassThrough(states.as_tuple) if place else states


@contextmanager
def upper_layers(model: Any, count: int, states: CachedStates) -> Iterator[None]:
    """Run the layers above the lowest alone for a while."""
    lower = list(layers_of(model))[:count]
    put_below(model, count, states)
    try:
        yield
    finally:
        for place, layer in enumerate(lower):
            layers_of(model)[place] = layer


def states_above(model: Any, windows: Sequence[Window], lower: LowerStates) -> Tensor:
    """As :func:`~purchasing_power.model.networks.row_tokens.states`, of a model with the same lowest layers."""
    below = lower.get(windows)
    with upper_layers(model, lower.count, below):
        return row_tokens.states(model, windows, lower.half, below)
