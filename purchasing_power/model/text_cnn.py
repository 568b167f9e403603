"""A convolution over the token vectors of a row's documents, with the tabular columns beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import load_file, save_file
from sklearn.compose import ColumnTransformer

from purchasing_power.model import skops_files
from purchasing_power.model.features import transformer
from purchasing_power.model.imbalance import resampled_rows
from purchasing_power.model.network_files import save_tokenizer, tokenizer_source
from purchasing_power.model.network_holdout import hold_out
from purchasing_power.model.network_modules import WIDTHS, TextCnnModule
from purchasing_power.model.network_objective import Objective, objective, seeded_torch
from purchasing_power.model.network_skorch import train
from purchasing_power.model.params import ModelParams
from purchasing_power.model.scorer import Fitting, reseeded
from purchasing_power.model.tuning_documents import row_texts
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.runtime.padded import load_model
from purchasing_power.text.tokens import Tokens, open_tokens

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
    """

    params: ModelParams
    features: ColumnTransformer
    objective: Objective
    source: Checkpoint
    tokens: Tokens
    module: Any

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Uncalibrated scores; see :class:`~purchasing_power.model.scorer.Scorer`."""
        import torch

        ids = token_ids(frame[DOCUMENTS], self.tokens, self.params.text_tokens)
        table = np.asarray(self.features.transform(frame), np.float32)
        parts = [np.zeros((0, self.objective.outputs), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(ids), ROWS):
                rows = slice(start, start + ROWS)
                given = torch.from_numpy(ids[rows]), torch.from_numpy(table[rows])
                parts.append(self.module(*given).numpy())
        return self.objective.raw(np.concatenate(parts))

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write network, tabular blocks and tokenizer; there are no text vectors to take along."""
        skops_files.dump(self.features, folder / FEATURES)
        tensors = {name: one.contiguous() for name, one in self.module.state_dict().items()}
        save_file({**tensors, VECTORS: self.module.vectors}, folder / WEIGHTS)
        save_tokenizer(self.source, folder / TOKENIZER)
        columns = int(self.module.head.direct.in_features) - len(WIDTHS) * self.params.filters
        told = {"objective": self.objective.to_dict(), "columns": columns}
        (folder / TOLD).write_text(json.dumps(told))


def fit(params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> TextCnn:
    """Fit a text CNN on the token vectors of ``params.encoder``'s own table, which stays as it is.

    Part of the fitted rows is held out to stop by; see :func:`~purchasing_power.model.network_holdout.hold_out`.

    Raises
    ------
    DataError
        If the encoder cannot be loaded, or ``loss`` or ``imbalance`` does not go with the data.

    Source: Kim (2014), Convolutional neural networks for sentence classification, EMNLP.
    """
    goal = objective(params, fitting.y, fitting.task, fitting.classes)
    source = Encoder.open(params.encoder).source
    tokens = open_tokens(source)
    features = transformer(params, meta, fitting.seed)
    table = np.asarray(features.fit_transform(fitting.frame, fitting.y), np.float32)
    inputs = {"ids": token_ids(fitting.frame[DOCUMENTS], tokens, params.text_tokens), "table": table}
    fitting = reseeded(fitting, params)
    parts = hold_out(params, meta, fitting)
    learn = parts.learn[resampled_rows(params, fitting.y[parts.learn], fitting.seed)]
    vectors = load_model(source).get_input_embeddings().weight.detach().half()

    def trained(rows: np.ndarray, held: np.ndarray, epochs: int, name: str) -> tuple[TextCnnModule, int]:
        with seeded_torch(fitting.seed, fitting.threads):
            module = _module(params, goal, vectors, table.shape[1])
            seen = train(module, inputs, fitting.y, goal, params, rows, held, epochs, fitting.curve, name)
        return module, seen

    module, epochs = trained(learn, parts.held, params.epochs, params.head)
    if parts.refit:
        rows = resampled_rows(params, fitting.y, fitting.seed)
        module, _ = trained(rows, parts.held[:0], epochs, f"{params.head}_refit")
    return TextCnn(params, features, goal, source, tokens, module)


def load(folder: Path, params: ModelParams, meta: UserTableMeta) -> TextCnn:
    """Load what :meth:`TextCnn.save` wrote."""
    told = json.loads((folder / TOLD).read_text())
    goal = Objective.from_dict(told["objective"])
    tensors = load_file(folder / WEIGHTS)
    module = _module(params, goal, tensors.pop(VECTORS), told["columns"])
    module.load_state_dict(tensors)
    source = tokenizer_source(folder / TOKENIZER, module.vectors.shape[1])
    features = skops_files.load(folder / FEATURES)
    module.eval()
    return TextCnn(params, features, goal, source, open_tokens(source), module)


def token_ids(documents: pd.Series, tokens: Tokens, most: int) -> np.ndarray:
    """First ``most`` tokens of each row's distinct documents, newest first.

    Special tokens stand between two documents, so that a filter can tell where one ends. Of a document longer
    than a window, the first window is read.

    Returns
    -------
    np.ndarray
        int64, shape (n_rows, tokens), -1 after the last token; no wider than the longest row needs, and at least
        as wide as the widest filter.
    """
    rows = row_texts(documents, most)
    cut = tokens.windows(rows.texts)
    firsts = np.searchsorted(cut.owner, np.arange(len(rows.texts)))
    found = [
        np.concatenate([np.zeros(0, np.int64), *(cut.ids[firsts[text]] for text in texts)])[:most]
        for texts in np.split(rows.share.indices, rows.share.indptr[1:-1])
    ]
    width = max([max(WIDTHS), *map(len, found)])
    ids = np.full((len(documents), width), -1, np.int64)
    for row, one in enumerate(found[: len(documents)]):
        ids[row, : len(one)] = one
    return ids


def _module(params: ModelParams, goal: Objective, vectors: Any, columns: int) -> TextCnnModule:
    return TextCnnModule(vectors, columns, params.filters, params.hidden, goal.outputs, params.dropout)
