"""A language model that is trained: which of its weights move, how it runs, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from purchasing_power.errors import DataError
from purchasing_power.model.networks.documents import Batch
from purchasing_power.model.networks.files import copy_without_weights
from purchasing_power.model.networks.finetune.lower_states import LowerStates, put_below
from purchasing_power.model.networks.layers import (
    CachedStates,
    ForwardStopped,
    UsedRows,
    below,
    fast_bfloat16,
    layers_of,
)
from purchasing_power.model.networks.settings import LORA, FinetuneSettings
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.runtime.torch import load_model, pool
from purchasing_power.text.tokens import quiet
from purchasing_power.text.windows import batches

# Tokens, padding included, that run through the model at once.
RUN_TOKENS = 4096
# Megabytes that the states of frozen layers may take; where they would take more, they are computed every time.
CACHED_MB = 2048


class LanguageModel:
    """A BERT-like or GPT-like model in training.

    All weights move, or those above ``frozen_layers`` layers, or (``finetune="lora"``) adapters of low rank
    beside the attention projections, which :meth:`write` adds to the weights. What frozen layers give for a
    window is the same in every epoch: it is computed once and cached. The model's own dropout is off, so that
    this holds, and since a fifth of a step's time went into its random numbers; the head has its own.

    Parameters
    ----------
    source, ids
        The model's folder, and the token ids of every window that will run.
    device
        ``"cpu"`` or ``"cuda"``.
    workspace
        Folder where states of frozen layers are cached for the next fit too; ``None`` caches them in memory alone.

    Raises
    ------
    DataError
        If there are no more layers than ``frozen_layers``, or the model cannot be loaded.

    Source: Hu et al. (2022), LoRA: low-rank adaptation of large language models, ICLR.
    """

    def __init__(
        self,
        source: Checkpoint,
        settings: FinetuneSettings,
        ids: Sequence[np.ndarray],
        device: str,
        workspace: str | None = None,
    ) -> None:
        self.source, self.ids, self.device = source, ids, device
        self.lengths = np.asarray([len(one) for one in ids], np.int64)
        self.half = fast_bfloat16(device)
        self.model = load_model(source)
        # Gradients of torch's fused attention in bfloat16 take several times as long on a processor as plain ones.
        self.model.set_attn_implementation("eager" if self.half and device == "cpu" else "sdpa")
        self._use_cache = getattr(self.model.config, "use_cache", None)
        self.model.config.use_cache = False
        self._adapted = _adapters(self.model, settings.lora_rank) if settings.finetune == LORA else None
        self._lower = self._freeze(settings.frozen_layers)
        self._rows = None if self._adapted or self._lower else self._use_rows()
        self._states: CachedStates | None = None
        self.model.to(device)
        if self._lower:
            self._cache_states(workspace)

    def weights(self) -> dict[str, nn.Parameter]:
        """Weights that move, by name."""
        return {name: one for name, one in self.model.named_parameters() if one.requires_grad}

    def vectors(self, batch: Batch) -> Tensor:
        """Mean unit vectors of the batch's rows, float32, shape (n_rows, dimension); zeros without documents."""
        owner, weight, share, windows = (
            torch.from_numpy(values).to(self.device)
            for values in (batch.owner, batch.weight, batch.share, batch.windows)
        )
        pooled = torch.zeros(len(windows), self.source.dimension, device=self.device)
        for group in batches(self.lengths[batch.windows], RUN_TOKENS):
            places = torch.from_numpy(group).to(self.device)
            pooled = pooled.index_copy(0, places, self._pooled(batch.windows[group]))
        sums = pooled.new_zeros(share.shape[1], pooled.shape[1])
        sums = sums.index_add(0, owner, pooled * weight[:, None])
        return share @ nn.functional.normalize(sums, dim=1, eps=1e-12)

    def states(self, windows: np.ndarray) -> Tensor:
        """States of the last layer for all tokens of windows, in their order: float32, shape (n_tokens, dimension)."""
        lengths = self.lengths[windows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        parts = [torch.zeros(0, self.source.dimension, device=self.device)]
        tokens = [np.zeros(0, np.int64)]
        for group in batches(lengths, RUN_TOKENS):
            hidden, mask = self._hidden(windows[group])
            parts.append(hidden[mask].float())
            tokens += [np.arange(starts[window], starts[window + 1]) for window in group]
        order = np.argsort(np.concatenate(tokens))
        return torch.cat(parts)[torch.from_numpy(order).to(self.device)]

    def write(self, folder: Path) -> None:
        """Write the model, adapters merged, as a folder that ``Encoder`` reads with the same pooling and windows.

        The model cannot be trained any further.
        """
        if self._states is not None:
            layers = layers_of(self.model)
            for place, layer in enumerate(self._lower):
                layers[place] = layer
        model = self.model if self._adapted is None else self._adapted.merge_and_unload()
        if self._rows is not None:
            model.set_input_embeddings(self._rows.full_table())
        if self._use_cache is not None:
            model.config.use_cache = self._use_cache
        copy_without_weights(self.source, folder)
        with quiet():
            model.to("cpu").save_pretrained(folder)

    def _freeze(self, count: int) -> list[nn.Module]:
        """Freeze the lowest layers and the embeddings, and what no pooling reads."""
        for name, one in self.model.named_parameters():
            if "pooler" in name:
                one.requires_grad_(False)
        if not count:
            return []
        layers = layers_of(self.model)
        if count >= len(layers):
            raise DataError(
                f"model frozen_layers: got {count}; {self.source.folder.name} has {len(layers)} layers, and one must "
                f"be left to train. Set {len(layers) - 1} or less."
            )
        for one in below(self.model, layers, count):
            one.requires_grad_(False)
        return list(layers)[:count]

    def _use_rows(self) -> UsedRows | None:
        table = self.model.get_input_embeddings()
        # A table of another class may do more than look up.
        if type(table) is not nn.Embedding:
            return None
        # Padding is token 0.
        used = np.unique(np.concatenate([np.zeros(1, np.int32), *self.ids])).astype(np.int64)
        rows = UsedRows(table, used)
        self.model.set_input_embeddings(rows)
        return rows

    def _hidden(self, windows: np.ndarray) -> tuple[Tensor, Tensor]:
        """States of the last layer, shape (n, tokens, dimension), and their mask, shape (n, tokens)."""
        ids = [self.ids[window] for window in windows]
        lengths = torch.tensor([len(one) for one in ids], device=self.device)
        tokens = np.zeros((len(ids), max(map(len, ids))), np.int64)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = one
        mask = torch.arange(tokens.shape[1], device=self.device) < lengths[:, None]
        if self._states is not None:
            self._states.windows = windows
        with torch.autocast(self.device, torch.bfloat16, enabled=self.half):
            input_ids = torch.from_numpy(tokens).to(self.device)
            return self.model(input_ids=input_ids, attention_mask=mask.long()).last_hidden_state, mask

    def _pooled(self, windows: np.ndarray) -> Tensor:
        hidden, mask = self._hidden(windows)
        return pool(hidden.float(), mask, self.source.pooling)

    def _cache_states(self, workspace: str | None) -> None:
        """Replace the frozen layers by their states of every window, where these fit the memory."""
        lengths, starts = self.lengths, np.concatenate([[0], np.cumsum(self.lengths)])
        kind = torch.bfloat16 if self.half else torch.float32
        if starts[-1] * self.source.dimension * kind.itemsize > CACHED_MB * 1e6 or not len(lengths):
            return
        shared = None
        if workspace is not None and self.device == "cpu":
            shared = LowerStates.open(self.source, len(self._lower), self.half, workspace)
        self._states = self._computed(kind) if shared is None else shared.get([one.tolist() for one in self.ids])
        put_below(self.model, len(self._lower), self._states)

    def _computed(self, kind: torch.dtype) -> CachedStates:
        lengths, starts = self.lengths, np.concatenate([[0], np.cumsum(self.lengths)])
        states = torch.zeros(int(starts[-1]), self.source.dimension, dtype=kind)
        layers = layers_of(self.model)
        output: Any = None
        hook = layers[len(self._lower) - 1].register_forward_hook(_stop)
        with torch.no_grad():
            for group in batches(lengths, RUN_TOKENS):
                try:
                    self._hidden(group)
                except ForwardStopped as stopped:
                    output = stopped.output
                hidden = output[0] if isinstance(output, tuple) else output
                for row, window in enumerate(group):
                    states[starts[window] : starts[window + 1]] = hidden[row, : lengths[window]].to("cpu", kind)
        hook.remove()
        return CachedStates(states, starts, hidden.dtype, isinstance(output, tuple))


def _stop(module: nn.Module, inputs: Any, output: Any) -> None:
    raise ForwardStopped(output)


def _adapters(model: Any, rank: int) -> Any:
    """Put adapters into the model: beside its attention projections where peft knows them, else all linear layers."""
    # peft takes seconds to import.
    from peft import LoraConfig, get_peft_model
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as PROJECTIONS

    known = PROJECTIONS.get(model.config.model_type)
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=list(known) if known else "all-linear",
        # GPT-2 keeps its projections transposed.
        fan_in_fan_out=model.config.model_type == "gpt2",
    )
    return get_peft_model(model, config)
