"""Networks that are trained together with a language model, and the data that they are trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from purchasing_power.model.networks.documents import RowWindows
from purchasing_power.model.networks.files import ENCODER, HEAD
from purchasing_power.model.networks.finetune.language_model import LanguageModel
from purchasing_power.model.networks.modules import PerceptronModule, TextCnnModule
from purchasing_power.model.networks.objective import Objective
from purchasing_power.model.networks.row_tokens import RowTokens
from purchasing_power.model.networks.settings import FinetuneSettings, TextCnnSettings
from purchasing_power.model.scorer import Curve
from purchasing_power.text.checkpoint import Checkpoint


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from, and how.

    Attributes
    ----------
    settings
        Those of a text CNN where ``texts`` are first tokens.
    texts
        What is read of all rows: windows of their documents, or their first tokens for a text CNN.
    table
        Tabular columns of all rows, float32, shape (n, n_columns).
    targets
        Labels of all rows as the objective codes them, shape (n,).
    """

    settings: FinetuneSettings
    objective: Objective
    source: Checkpoint
    texts: RowWindows | RowTokens
    table: np.ndarray
    targets: np.ndarray
    seed: int
    device: str
    workspace: str | None = None
    progress: bool = False
    curve: Curve | None = None

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
        """Outputs of rows of the data, float32, shape (n, outputs)."""

    def write(self, folder: Path) -> None:
        """Write the language model to ``ENCODER`` and the rest to ``HEAD`` in a folder; this ends the training."""


def network(data: TrainingData) -> Network:
    """The network that reads the data's texts, with fresh layers on top; draws from torch's generator."""
    if isinstance(data.texts, RowWindows):
        return PooledNetwork(data, data.texts)
    assert isinstance(data.settings, TextCnnSettings)
    return FilteredNetwork(data, data.texts, data.settings)


class PooledNetwork:
    """A perceptron on the mean vector of a row's documents and the tabular columns."""

    def __init__(self, data: TrainingData, texts: RowWindows) -> None:
        settings, source = data.settings, data.source
        self.data, self.texts = data, texts
        self.language = LanguageModel(source, settings, texts.ids, data.device, data.workspace)
        inputs = source.dimension + data.table.shape[1]
        self.head = PerceptronModule(inputs, settings.hidden, data.objective.outputs, settings.dropout)
        self.head.to(data.device)

    def outputs(self, rows: np.ndarray) -> Tensor:
        """Outputs of rows of the data, float32, shape (n, outputs)."""
        vectors = self.language.vectors(self.texts.batch(rows))
        text = self.head.dropout(vectors * math.sqrt(vectors.shape[1]))
        return self.head(torch.cat([text, self.data.columns(rows)], dim=1))

    def write(self, folder: Path) -> None:
        """Write the language model and the perceptron."""
        self.language.write(folder / ENCODER)
        self.head.fitted().save(folder / HEAD)


class FilteredNetwork:
    """A text CNN on the states that the language model gives for a row's first tokens, and the tabular columns."""

    def __init__(self, data: TrainingData, texts: RowTokens, settings: TextCnnSettings) -> None:
        self.data, self.texts = data, texts
        ids = [np.asarray(window, np.int32) for window in texts.windows]
        self.language = LanguageModel(data.source, settings, ids, data.device, data.workspace)
        self.head = TextCnnModule(
            torch.zeros((0, data.source.dimension)),
            data.table.shape[1],
            settings.filters,
            settings.hidden,
            data.objective.outputs,
            settings.dropout,
        )
        self.head.to(data.device)
        self.starts = np.concatenate([[0], np.cumsum(self.language.lengths)])

    def outputs(self, rows: np.ndarray) -> Tensor:
        """Outputs of rows of the data, float32, shape (n, outputs)."""
        places = self.texts.places[rows]
        longest = int((places >= 0).sum(axis=1).max(initial=0))
        places = places[:, : max(longest, self.texts.least)]
        window = np.searchsorted(self.starts, places, side="right") - 1
        windows, local = np.unique(window[places >= 0], return_inverse=True)
        begin = np.concatenate([[0], np.cumsum(self.language.lengths[windows])])
        within = np.full(places.shape, -1, np.int64)
        within[places >= 0] = places[places >= 0] - self.starts[windows][local] + begin[:-1][local]
        ids = torch.from_numpy(within).to(self.data.device)
        return self.head(ids, self.data.columns(rows), self.language.states(windows))

    def write(self, folder: Path) -> None:
        """Write the language model and the filters with the perceptron on them."""
        self.language.write(folder / ENCODER)
        tensors = {name: one.detach().cpu().contiguous() for name, one in self.head.state_dict().items()}
        save_file(tensors, folder / HEAD)
