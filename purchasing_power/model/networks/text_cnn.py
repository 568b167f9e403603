"""A convolution over the token vectors of a row's documents, with the tabular columns beside them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors.torch import load_file, save_file
from sklearn.compose import ColumnTransformer

from purchasing_power.model import skops_files
from purchasing_power.model.features import transformer
from purchasing_power.model.imbalance import resampled_rows
from purchasing_power.model.networks import row_tokens
from purchasing_power.model.networks.files import ENCODER, HEAD, save_tokenizer, tokenizer_source
from purchasing_power.model.networks.holdout import hold_out
from purchasing_power.model.networks.modules import LEAST, WIDTHS, TextCnnModule
from purchasing_power.model.networks.objective import Objective, objective, seeded_torch
from purchasing_power.model.networks.row_tokens import RowTokens
from purchasing_power.model.networks.skorch_training import train
from purchasing_power.model.params import STATES, TRAINED, ModelParams
from purchasing_power.model.scorer import Fitting, reseeded
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta
from purchasing_power.text import checkpoint
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.encoder_spec import OPENVINO_BF16
from purchasing_power.text.runtime.torch import load_model
from purchasing_power.text.token_states import TokenStates, Window
from purchasing_power.text.tokens import Tokens, open_tokens

if TYPE_CHECKING:
    from purchasing_power.model.networks.finetune.lower_states import LowerStates

FEATURES, WEIGHTS, TOKENIZER, TOLD = "features.skops", "weights.safetensors", "tokenizer", "text_cnn.json"
# Rows that are predicted at once.
ROWS = 256
VECTORS = "vectors"


@dataclass(frozen=True)
class TextCnn:
    """A fitted text CNN.

    Attributes
    ----------
    tokens, source
        The tokenizer of ``params.encoder`` and the folder it came from.
    module
        The network, a torch module.
    model
        The language model whose states the filters read; ``None`` where they read its table.
    half
        Whether its products are in bfloat16.
    kept, lower
        Where states of tokens are kept while models are chosen: those of the model, or of the layers that training
        left as they were.
    home
        Temporary folder of a trained model's files, which goes with the last scorer that may copy them.
    """

    params: ModelParams
    features: ColumnTransformer
    objective: Objective
    source: Checkpoint
    tokens: Tokens
    module: Any
    model: Any = None
    half: bool = False
    kept: TokenStates | None = None
    lower: LowerStates | None = None
    home: Any = None

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Uncalibrated scores; see :class:`~purchasing_power.model.scorer.Scorer`."""
        import torch

        table = np.asarray(self.features.transform(frame), np.float32)
        parts = [np.zeros((0, self.objective.outputs), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(frame), ROWS):
                rows = slice(start, start + ROWS)
                read = row_tokens.read(
                    frame[DOCUMENTS].iloc[rows], self.tokens, self.params.text_tokens, LEAST
                )
                places, vectors = _read_by_filters(read, self.model, self.half, self.kept, self.lower)
                given = torch.from_numpy(places), torch.from_numpy(table[rows])
                parts.append(self.module(*given, vectors).numpy())
        return self.objective.raw(np.concatenate(parts))

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write network, tabular blocks and the tokenizer or the language model; no text has a vector to take along."""
        skops_files.dump(self.features, folder / FEATURES)
        tensors = {name: one.contiguous() for name, one in self.module.state_dict().items()}
        if self.model is None:
            save_tokenizer(self.source, folder / TOKENIZER)
            tensors[VECTORS] = self.module.vectors
        else:
            self.source.copy(folder / ENCODER)
        save_file(tensors, folder / WEIGHTS)
        columns = int(self.module.head.direct.in_features) - len(WIDTHS) * self.params.filters
        told = {"objective": self.objective.to_dict(), "columns": columns, "half": self.half}
        (folder / TOLD).write_text(json.dumps(told))


def fit(params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> TextCnn:
    """Fit a text CNN on the token vectors of ``params.encoder``, which stays as it is unless they are to be trained.

    Part of the fitted rows is held out to stop by; see :func:`~purchasing_power.model.networks.holdout.hold_out`.

    Raises
    ------
    DataError
        If the encoder cannot be loaded, or ``loss`` or ``imbalance`` does not go with the data.

    Source: Kim (2014), Convolutional neural networks for sentence classification, EMNLP.
    """
    features = transformer(params, meta, fitting.seed)
    table = np.asarray(features.fit_transform(fitting.frame, fitting.y), np.float32)
    if params.token_vectors == TRAINED:
        return _fit_with_layers(params, meta, fitting, features, table)
    goal = objective(params, fitting.y, fitting.task, fitting.classes)
    encoder = Encoder.open(params.encoder)
    source, half = encoder.source, encoder.runtime == OPENVINO_BF16
    tokens = open_tokens(source)
    kept = None if fitting.workspace is None else TokenStates.of(fitting.workspace, source, half)
    read = row_tokens.read(fitting.frame[DOCUMENTS], tokens, params.text_tokens, LEAST)
    language = load_model(source)
    model = language if params.token_vectors == STATES else None
    places, vectors = _read_by_filters(read, model, half, kept, progress=fitting.progress)
    if vectors is None:
        vectors = language.get_input_embeddings().weight.detach().half()
    inputs = {"ids": places, "table": table}
    fitting = reseeded(fitting, params)
    parts = hold_out(params, meta, fitting)
    learn = parts.learn[resampled_rows(params, fitting.y[parts.learn], fitting.seed)]

    def trained(rows: np.ndarray, held: np.ndarray, epochs: int, name: str) -> tuple[TextCnnModule, int]:
        with seeded_torch(fitting.seed, fitting.threads):
            module = _module(params, goal, vectors, table.shape[1])
            seen = train(module, inputs, fitting.y, goal, params, rows, held, epochs, fitting.curve, name)
        return module, seen

    module, epochs = trained(learn, parts.held, params.epochs, params.head)
    if parts.refit:
        rows = resampled_rows(params, fitting.y, fitting.seed)
        module, _ = trained(rows, parts.held[:0], epochs, f"{params.head}_refit")
    if model is not None:
        module.vectors = vectors[:0]
    return TextCnn(params, features, goal, source, tokens, module, model, half, kept)


def _fit_with_layers(
    params: ModelParams, meta: UserTableMeta, fitting: Fitting, features: ColumnTransformer, table: np.ndarray
) -> TextCnn:
    """Train the layers below the filters with them; with a workspace, a killed fit goes on when it is fitted again."""
    import torch

    from purchasing_power.model.networks.finetune.fit import tuned
    from purchasing_power.model.networks.finetune.lower_states import LowerStates

    encoder = Encoder.open(params.encoder)
    half, lower = encoder.runtime == OPENVINO_BF16, None
    if params.frozen_layers and fitting.workspace is not None:
        lower = LowerStates.open(encoder.source, params.frozen_layers, half, fitting.workspace)
    home = tempfile.TemporaryDirectory(prefix="tuned-")
    goal = tuned(params, meta, reseeded(fitting, params), table, Path(home.name))
    source = checkpoint.find(str(Path(home.name, ENCODER)))
    module = _module(params, goal, torch.zeros((0, source.dimension)), table.shape[1])
    module.load_state_dict(load_file(Path(home.name, HEAD)))
    module.eval()
    model = load_model(source)
    return TextCnn(
        params, features, goal, source, open_tokens(source), module, model, half, lower=lower, home=home
    )


def load(folder: Path, params: ModelParams, meta: UserTableMeta) -> TextCnn:
    """Load what :meth:`TextCnn.save` wrote."""
    import torch

    told = json.loads((folder / TOLD).read_text())
    goal = Objective.from_dict(told["objective"])
    tensors = load_file(folder / WEIGHTS)
    model = None
    if params.token_vectors in (STATES, TRAINED):
        source = checkpoint.find(str(folder / ENCODER))
        model, vectors = load_model(source), torch.zeros((0, source.dimension))
    else:
        vectors = tensors.pop(VECTORS)
        source = tokenizer_source(folder / TOKENIZER, vectors.shape[1])
    module = _module(params, goal, vectors, told["columns"])
    module.load_state_dict(tensors)
    module.eval()
    features = skops_files.load(folder / FEATURES)
    half = told.get("half", False)
    return TextCnn(params, features, goal, source, open_tokens(source), module, model, half)


def _read_by_filters(
    read: RowTokens,
    model: Any,
    half: bool,
    kept: TokenStates | None,
    lower: LowerStates | None = None,
    progress: bool = False,
) -> tuple[np.ndarray, Any]:
    """Which vectors stand at each place of the rows, and these vectors, ``None`` for the model's table of tokens."""
    import torch

    if model is None:
        return read.ids, None
    if lower is not None:
        from purchasing_power.model.networks.finetune.lower_states import states_above

        return read.places, states_above(model, read.windows, lower)
    if kept is None:
        return read.places, row_tokens.states(model, read.windows, half)

    def run(windows: list[Window]) -> np.ndarray:
        return row_tokens.states(model, windows, half).numpy()

    return read.places, torch.from_numpy(kept.get(list(read.windows), run, progress))


def _module(params: ModelParams, goal: Objective, vectors: Any, columns: int) -> TextCnnModule:
    return TextCnnModule(vectors, columns, params.filters, params.hidden, goal.outputs, params.dropout)
