"""A convolution over the token vectors of a row's documents, with the tabular columns beside them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from sklearn.compose import ColumnTransformer

from purchasing_power.model import skops_files
from purchasing_power.model.features import transformer
from purchasing_power.model.imbalance import resampled_rows
from purchasing_power.model.networks import row_tokens
from purchasing_power.model.networks.files import ENCODER, HEAD, save_tokenizer, tokenizer_source
from purchasing_power.model.networks.finetune.fit import Finetuning
from purchasing_power.model.networks.finetune.lower_states import LowerStates, states_above
from purchasing_power.model.networks.holdout import hold_out
from purchasing_power.model.networks.modules import LEAST, WIDTHS, TextCnnModule
from purchasing_power.model.networks.objective import Objective, objective, seeded_torch
from purchasing_power.model.networks.row_tokens import RowTokens
from purchasing_power.model.networks.settings import STATES, TABLE, TRAINED, TextCnnSettings
from purchasing_power.model.networks.skorch_training import Inputs, train
from purchasing_power.model.params import ModelParams
from purchasing_power.model.scorer import Fitting
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta
from purchasing_power.text import checkpoint
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.encoder_spec import OPENVINO_BF16
from purchasing_power.text.runtime.torch import load_model
from purchasing_power.text.token_states import TokenStates, Window
from purchasing_power.text.tokens import Tokens, open_tokens

FEATURES, WEIGHTS = "features.skops", "weights.safetensors"
TOKENIZER, DESCRIPTION = "tokenizer", "text_cnn.json"
# Rows that are predicted at once.
ROWS = 256
VECTORS = "vectors"


@dataclass(frozen=True)
class TokenVectors:
    """What the filters read of a token: the table of a language model, or states of its layers.

    Attributes
    ----------
    source, tokens
        The language model's folder, and its tokenizer.
    model
        The language model whose states the filters read; ``None`` where they read its table.
    half
        Whether its products are in bfloat16.
    cache, lower
        Where states of tokens are kept while models are chosen: those of the model, or of the layers that training
        left as they were.
    home
        Temporary folder of a trained model's files, which goes with the last scorer that may copy them.
    """

    source: Checkpoint
    tokens: Tokens
    model: Any = None
    half: bool = False
    cache: TokenStates | None = None
    lower: LowerStates | None = None
    home: Any = None

    def first_tokens(self, documents: pd.Series, most: int) -> RowTokens:
        """The first tokens of each row."""
        return row_tokens.first_tokens(documents, self.tokens, most, LEAST)

    def look_up(self, rows: RowTokens, progress: bool = False) -> tuple[np.ndarray, Any]:
        """Which vectors stand at each place of the rows, and these vectors; ``None`` for the table's."""
        if self.model is None:
            return rows.ids, None
        if self.lower is not None:
            return rows.places, states_above(self.model, rows.windows, self.lower)
        if self.cache is None:
            return rows.places, row_tokens.states(self.model, rows.windows, self.half)

        def run(windows: list[Window]) -> np.ndarray:
            return row_tokens.states(self.model, windows, self.half).numpy()

        return rows.places, torch.from_numpy(self.cache.get(list(rows.windows), run, progress))


@dataclass(frozen=True)
class TextCnnScorer:
    """A fitted text CNN; ``module`` is the network."""

    settings: TextCnnSettings
    features: ColumnTransformer
    objective: Objective
    vectors: TokenVectors
    module: TextCnnModule

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Uncalibrated scores; see :class:`~purchasing_power.model.scorer.Scorer`."""
        table = np.asarray(self.features.transform(frame), np.float32)
        parts = [np.zeros((0, self.objective.outputs), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(frame), ROWS):
                rows = slice(start, start + ROWS)
                first = self.vectors.first_tokens(frame[DOCUMENTS].iloc[rows], self.settings.text_tokens)
                places, vectors = self.vectors.look_up(first)
                inputs = torch.from_numpy(places), torch.from_numpy(table[rows])
                parts.append(self.module(*inputs, vectors).numpy())
        return self.objective.raw(np.concatenate(parts))

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write network, tabular blocks and the tokenizer or the language model; no text has a vector to take along."""
        skops_files.dump(self.features, folder / FEATURES)
        tensors = {name: one.contiguous() for name, one in self.module.state_dict().items()}
        if self.vectors.model is None:
            save_tokenizer(self.vectors.source, folder / TOKENIZER)
            tensors[VECTORS] = self.module.vectors
        else:
            self.vectors.source.copy(folder / ENCODER)
        save_file(tensors, folder / WEIGHTS)
        columns = int(self.module.head.direct.in_features) - len(WIDTHS) * self.settings.filters
        values = {"objective": self.objective.to_dict(), "columns": columns, "half": self.vectors.half}
        (folder / DESCRIPTION).write_text(json.dumps(values))


def fit(settings: TextCnnSettings, params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> TextCnnScorer:
    """Fit a text CNN on the token vectors of ``params.encoder``, which stays as it is unless they are to be trained.

    Part of the fitted rows is held out to stop by; see :func:`~purchasing_power.model.networks.holdout.hold_out`.

    Raises
    ------
    DataError
        If the encoder cannot be loaded, or head, ``loss`` or ``imbalance`` does not go with the data.

    Source: Kim (2014), Convolutional neural networks for sentence classification, EMNLP.
    """
    goal = objective(params, fitting.y, fitting.task, fitting.classes)
    features = transformer(params, meta, fitting.seed)
    table = np.asarray(features.fit_transform(fitting.frame, fitting.y), np.float32)
    seeded = fitting.reseeded(params.seed)
    way = _fit_with_layers if settings.token_vectors == TRAINED else _fit_filters
    return TextCnnScorer(settings, features, goal, *way(settings, params, meta, seeded, goal, table))


def load(settings: TextCnnSettings, folder: Path) -> TextCnnScorer:
    """Load what :meth:`TextCnnScorer.save` wrote."""
    values = json.loads((folder / DESCRIPTION).read_text())
    goal = Objective.from_dict(values["objective"])
    tensors = load_file(folder / WEIGHTS)
    model = None
    if settings.token_vectors == TABLE:
        table = tensors.pop(VECTORS)
        source = tokenizer_source(folder / TOKENIZER, table.shape[1])
    else:
        source = checkpoint.find(str(folder / ENCODER))
        model, table = load_model(source), torch.zeros((0, source.dimension))
    module = _module(settings, goal, table, values["columns"])
    module.load_state_dict(tensors)
    module.eval()
    features = skops_files.load(folder / FEATURES)
    vectors = TokenVectors(source, open_tokens(source), model, values.get("half", False))
    return TextCnnScorer(settings, features, goal, vectors, module)


def _fit_filters(
    settings: TextCnnSettings,
    params: ModelParams,
    meta: UserTableMeta,
    fitting: Fitting,
    goal: Objective,
    table: np.ndarray,
) -> tuple[TokenVectors, TextCnnModule]:
    """Train the filters on vectors that are left as they are."""
    encoder = Encoder.open(params.encoder)
    source, half = encoder.source, encoder.runtime == OPENVINO_BF16
    cache = None if fitting.workspace is None else TokenStates.of(fitting.workspace, source, half)
    language = load_model(source)
    model = language if settings.token_vectors == STATES else None
    vectors = TokenVectors(source, open_tokens(source), model, half, cache)
    first = vectors.first_tokens(fitting.frame[DOCUMENTS], settings.text_tokens)
    places, states = vectors.look_up(first, fitting.progress)
    if states is None:
        states = language.get_input_embeddings().weight.detach().half()
    module = _trained(settings, params, meta, fitting, goal, {"ids": places, "table": table}, states)
    if model is not None:
        module.vectors = states[:0]
    return vectors, module


def _trained(
    settings: TextCnnSettings,
    params: ModelParams,
    meta: UserTableMeta,
    fitting: Fitting,
    goal: Objective,
    inputs: Inputs,
    states: Any,
) -> TextCnnModule:
    """Train with rows held out, and where the settings say so again on all rows for as many epochs."""
    parts, y, name = hold_out(settings.refit, meta, fitting), fitting.y, params.head.name

    def trained(rows: np.ndarray, held: np.ndarray, epochs: int, name: str) -> tuple[TextCnnModule, int]:
        with seeded_torch(fitting.seed, fitting.threads):
            module = _module(settings, goal, states, inputs["table"].shape[1])
            seen = train(module, inputs, y, goal, settings, rows, held, epochs, name, fitting.curve)
        return module, seen

    learn = parts.learn[resampled_rows(params, y[parts.learn], fitting.seed)]
    module, epochs = trained(learn, parts.held, settings.epochs, name)
    if parts.refit:
        rows = resampled_rows(params, y, fitting.seed)
        module, _ = trained(rows, parts.held[:0], epochs, f"{name}_refit")
    return module


def _fit_with_layers(
    settings: TextCnnSettings,
    params: ModelParams,
    meta: UserTableMeta,
    fitting: Fitting,
    goal: Objective,
    table: np.ndarray,
) -> tuple[TokenVectors, TextCnnModule]:
    """Train the layers below the filters with them; with a workspace, a killed fit goes on when it is fitted again."""
    encoder = Encoder.open(params.encoder)
    half, lower = encoder.runtime == OPENVINO_BF16, None
    if settings.frozen_layers and fitting.workspace is not None:
        lower = LowerStates.open(encoder.source, settings.frozen_layers, half, fitting.workspace)
    home = tempfile.TemporaryDirectory(prefix="finetuned-")

    def texts(tokens: Tokens) -> RowTokens:
        return row_tokens.first_tokens(fitting.frame[DOCUMENTS], tokens, settings.text_tokens, LEAST)

    Finetuning(settings, params, meta, fitting, goal, table, texts).write(Path(home.name))
    source = checkpoint.find(str(Path(home.name, ENCODER)))
    module = _module(settings, goal, torch.zeros((0, source.dimension)), table.shape[1])
    module.load_state_dict(load_file(Path(home.name, HEAD)))
    module.eval()
    model = load_model(source)
    return TokenVectors(source, open_tokens(source), model, half, lower=lower, home=home), module


def _module(settings: TextCnnSettings, goal: Objective, vectors: Any, columns: int) -> TextCnnModule:
    return TextCnnModule(vectors, columns, settings.filters, settings.hidden, goal.outputs, settings.dropout)
