"""Any BERT-like or GPT-like model in PyTorch, through transformers' own code: the reference of the other runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import CLS, LAST, MAX, MEAN
from purchasing_power.text.tokens import quiet

# Fewer tokens in a batch mean less padding, and what a layer makes of them stays in a processor's cache.
CPU_TOKENS = 1024
CUDA_TOKENS = 65_536


class TorchRuntime:
    """A transformers model in float32, in padded batches, on the processor or on CUDA.

    Weights are read from safetensors alone; code in a model folder is never run.

    Parameters
    ----------
    source
        The model folder and its pooling.
    device
        ``"auto"`` (CUDA where torch sees it, else the processor), ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    DataError
        If the device is not there or the model cannot be loaded.
    """

    # One batch at a time: torch runs it on all threads.
    streams = 1

    def __init__(self, source: Checkpoint, device: str = "auto") -> None:
        self.pooling = source.pooling
        self.device = place(device)
        self.budget = CUDA_TOKENS if self.device == "cuda" else CPU_TOKENS
        self.model = load_model(source).to(self.device)

    def pooled(self, ids: list[list[int]]) -> np.ndarray:
        """Pool a batch of windows: float32, shape (n_windows, dimension)."""
        import torch

        lengths = torch.tensor([len(window) for window in ids])
        # Padded positions are masked out, so any id serves and no tokenizer needs a padding token.
        tokens = torch.zeros((len(ids), int(lengths.max())), dtype=torch.long)
        for row, window in enumerate(ids):
            tokens[row, : len(window)] = torch.tensor(window)
        mask = torch.arange(tokens.shape[1]) < lengths[:, None]
        tokens, mask = tokens.to(self.device), mask.to(self.device)
        with torch.inference_mode():
            hidden = self.model(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
            return pool(hidden, mask, self.pooling).cpu().numpy()


def pool(hidden: Any, mask: Any, pooling: str) -> Any:
    """Pool token vectors, shape (n, tokens, dimension), where the mask, shape (n, tokens), is true.

    ``"weighted_mean"`` weights the tokens 1, 2, …, n: later tokens of a GPT-like model have read more
    (Muennighoff 2022, SGPT, arXiv:2202.08904).
    """
    import torch

    if pooling == CLS:
        return hidden[:, 0]
    if pooling == LAST:
        return hidden[torch.arange(len(hidden)), mask.sum(1) - 1]
    if pooling == MAX:
        return hidden.masked_fill(~mask[:, :, None], float("-inf")).amax(1)
    weights = mask.to(hidden.dtype)
    if pooling != MEAN:
        weights = weights * torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return torch.einsum("ntd,nt->nd", hidden, weights) / weights.sum(1, keepdim=True)


def place(device: str) -> str:
    """Name the torch device: ``"auto"`` is CUDA where torch sees it.

    Raises
    ------
    DataError
        If CUDA is asked for and torch sees none.
    """
    import torch

    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise DataError(
            f"device: got cuda; torch {torch.__version__} sees no CUDA device. Set device to auto or cpu, or "
            "install a CUDA build of torch and its driver."
        )
    return "cuda" if there and device != "cpu" else "cpu"


def load_model(source: Checkpoint) -> Any:
    """Load the float32 weights of a model's layers, or of its lowest ``source.layers``, without its head.

    Raises
    ------
    DataError
        If transformers does not know the model, or weights are missing or damaged.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel

    with quiet():
        try:
            model, report = AutoModel.from_pretrained(
                source.folder,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **({} if source.layers is None else {"num_hidden_layers": source.layers}),
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
            raise DataError(
                f"encoder {source.folder.name}: transformers cannot load it ({type(error).__name__}: {error}). "
                "Name a BERT-like or GPT-like model that AutoModel knows."
            ) from error
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing:
        raise DataError(
            f"encoder {source.folder.name}: {len(missing)} weights are not in the file (first: {missing[0]}) and "
            "would be random. Fetch the model again or name another."
        )
    return model.eval()
