"""Networks that are trained together with a language model: what they read of a row, and what is written of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from purchasing_power.model.networks.documents import Reading
from purchasing_power.model.networks.files import ENCODER, HEAD
from purchasing_power.model.networks.finetune.language_model import LanguageModel
from purchasing_power.model.networks.modules import PerceptronModule, TextCnnModule
from purchasing_power.model.networks.objective import Objective
from purchasing_power.model.networks.row_tokens import RowTokens
from purchasing_power.model.params import ModelParams
from purchasing_power.text.checkpoint import Checkpoint


@dataclass(frozen=True)
class Material:
    """What a run learns from.

    Attributes
    ----------
    texts
        What is read of all rows: their documents whole, or their first tokens for a text CNN.
    table
        Tabular columns of all rows, float32, shape (n, n_columns).
    targets
        Labels of all rows as the objective codes them, shape (n,).
    """

    params: ModelParams
    objective: Objective
    source: Checkpoint
    texts: Reading | RowTokens
    table: np.ndarray
    targets: np.ndarray
    seed: int
    device: str
    workspace: str | None = None
    progress: bool = False
    curve: Callable[[str, float, int], None] | None = None

    def columns(self, rows: np.ndarray) -> Tensor:
        """Tabular columns of rows, shape (n, n_columns)."""
        return torch.from_numpy(self.table[rows]).to(self.device)


class Network(Protocol):
    """A language model and the layers on top of it."""

    @property
    def language(self) -> LanguageModel:
        """The language model in training."""

    @property
    def head(self) -> nn.Module:
        """The layers on top."""

    def outputs(self, rows: np.ndarray) -> Tensor:
        """Outputs of rows of the material, float32, shape (n, outputs)."""

    def write(self, folder: Path) -> None:
        """Write the language model to ``ENCODER`` and the rest to ``HEAD`` in a folder; this ends the training."""


def network(material: Material) -> Network:
    """The network that the material's head names, with fresh layers on top; draws from torch's generator."""
    if isinstance(material.texts, Reading):
        return PooledNetwork(material, material.texts)
    return FilteredNetwork(material, material.texts)


class PooledNetwork:
    """A perceptron on the mean vector of a row's documents and the tabular columns."""

    def __init__(self, material: Material, reading: Reading) -> None:
        params, source = material.params, material.source
        self.material, self.reading = material, reading
        self.language = LanguageModel(source, params, reading.ids, material.device, material.workspace)
        inputs = source.dimension + material.table.shape[1]
        self.head = PerceptronModule(inputs, params.hidden, material.objective.outputs, params.dropout)
        self.head.to(material.device)

    def outputs(self, rows: np.ndarray) -> Tensor:
        """Outputs of rows of the material, float32, shape (n, outputs)."""
        vectors = self.language.vectors(self.reading.batch(rows))
        text = self.head.dropout(vectors * math.sqrt(vectors.shape[1]))
        return self.head(torch.cat([text, self.material.columns(rows)], dim=1))

    def write(self, folder: Path) -> None:
        """Write the language model and the perceptron."""
        self.language.write(folder / ENCODER)
        self.head.fitted().save(folder / HEAD)


class FilteredNetwork:
    """A text CNN on the states that the language model gives for a row's first tokens, and the tabular columns."""

    def __init__(self, material: Material, read: RowTokens) -> None:
        params, source = material.params, material.source
        self.material, self.places = material, read.places
        ids = [np.asarray(window, np.int32) for window in read.windows]
        self.language = LanguageModel(source, params, ids, material.device, material.workspace)
        nothing = torch.zeros((0, source.dimension))
        self.head = TextCnnModule(
            nothing,
            material.table.shape[1],
            params.filters,
            params.hidden,
            material.objective.outputs,
            params.dropout,
        )
        self.head.to(material.device)
        self.starts = np.concatenate([[0], np.cumsum(self.language.lengths)])
        self.least = read.least

    def outputs(self, rows: np.ndarray) -> Tensor:
        """Outputs of rows of the material, float32, shape (n, outputs)."""
        places = self.places[rows]
        longest = int((places >= 0).sum(axis=1).max(initial=0))
        places = places[:, : max(longest, self.least)]
        window = np.searchsorted(self.starts, places, side="right") - 1
        windows, local = np.unique(window[places >= 0], return_inverse=True)
        begin = np.concatenate([[0], np.cumsum(self.language.lengths[windows])])
        within = np.full(places.shape, -1, np.int64)
        within[places >= 0] = places[places >= 0] - self.starts[windows][local] + begin[:-1][local]
        read = torch.from_numpy(within).to(self.material.device)
        return self.head(read, self.material.columns(rows), self.language.states(windows))

    def write(self, folder: Path) -> None:
        """Write the language model and the filters with the perceptron on them."""
        self.language.write(folder / ENCODER)
        tensors = {name: one.detach().cpu().contiguous() for name, one in self.head.state_dict().items()}
        save_file(tensors, folder / HEAD)
