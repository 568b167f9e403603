"""What the lowest layers of a language model say of tokens, kept for all models that leave these layers as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from purchasing_power.model.networks import row_tokens
from purchasing_power.model.networks.layers import Pass, States, layers_of
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.runtime.torch import load_model
from purchasing_power.text.token_states import TokenStates, Window

# Any token tells what form a layer's output has.
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
    kept
        Where the states lie: the same as those of a model that has no further layers.
    dtype, as_tuple
        The form in which the next layer is given them.
    """

    model: Any
    count: int
    half: bool
    kept: TokenStates
    dtype: torch.dtype
    as_tuple: bool

    @classmethod
    def open(cls, source: Checkpoint, count: int, half: bool, workspace: str) -> LowerStates | None:
        """The states of the lowest ``count`` layers, kept in a workspace.

        ``None`` for a model that norms what its last layer gives, as most GPT-like ones do: what it says is not what
        the next layer reads, and may be too large for float16.
        """
        cut = replace(source, layers=count)
        model = load_model(cut)
        given: list[Any] = []
        layer = layers_of(model)[count - 1]
        hook = layer.register_forward_hook(lambda module, read, output: given.append(output))
        said = row_tokens.states(model, PROBE, half)
        hook.remove()
        output = given[0][0] if isinstance(given[0], tuple) else given[0]
        if not torch.equal(output[0].half(), said):
            return None
        kept = TokenStates.of(workspace, cut, half)
        return cls(model, count, half, kept, output.dtype, isinstance(given[0], tuple))

    def get(self, windows: Sequence[Window], progress: bool = False) -> States:
        """What stands in for the layers and gives their states of some windows, once it is told which."""

        def run(missing: list[Window]) -> np.ndarray:
            return row_tokens.states(self.model, missing, self.half).numpy()

        starts = np.concatenate([[0], np.cumsum([len(one) for one in windows])]).astype(np.int64)
        found = torch.from_numpy(self.kept.get(list(windows), run, progress))
        return States(found, starts, self.dtype, self.as_tuple)


def put_below(model: Any, count: int, states: States) -> None:
    """Let states stand in for the lowest layers of a model."""
    layers = layers_of(model)
    for place in range(count):
        layers[place] = Pass(states.as_tuple) if place else states


@contextmanager
def upper_layers(model: Any, count: int, states: States) -> Iterator[None]:
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
