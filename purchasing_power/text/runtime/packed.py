"""BERT-like models in batches without padding, one thread per batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from purchasing_power.text.runtime.bert import Bert, Norm
from purchasing_power.text.runtime.padded import pool
from purchasing_power.text.runtime.processor import computes_bfloat16

# More tokens gain nothing and take memory.
TOKENS = 4096
# oneDNN makes a kernel for every new number of rows: row counts are rounded up, coarsely where that is cheap.
COARSE, FINE = 128, 16
COARSE_FROM = 512
# Up to here two batched products beat torch's fused attention in bfloat16.
SHORT = 160


class Group(NamedTuple):
    """Windows of equal length that lie one after another in a packed batch."""

    start: int
    windows: int
    length: int

    @property
    def rows(self) -> slice:
        """Their tokens in the batch."""
        return slice(self.start, self.start + self.windows * self.length)


class PackedRuntime:
    """A BERT-like model whose batches hold the tokens of all windows and nothing else.

    Query, key and value come from one product; weights are reordered for oneDNN once; activation and residual are
    post-operations of the products. Attention runs over windows of equal length, so it needs no mask.
    Normalisation statistics and pooling are float32 whatever the precision.

    Parameters
    ----------
    weights
        Float32 weights.
    precision
        ``"float32"`` or ``"bfloat16"``. On a processor without bfloat16 products, which may serve a model that was
        trained on one with them, bfloat16 weights are multiplied in float32.
    pooling
        One of ``reference.POOLINGS``.
    threads
        Batches that may run at once, each in one thread.
    """

    budget = TOKENS

    def __init__(self, weights: Bert, precision: str, pooling: str, threads: int) -> None:
        import torch

        self.precision, self.pooling, self.streams = precision, pooling, threads
        self.weights = weights
        self.type = torch.bfloat16 if precision != "float32" and computes_bfloat16() else torch.float32
        self.threads = torch.get_num_threads()
        self.norms = [[self._cast(norm) for norm in layer.norms] for layer in weights.layers]
        self._prepare()

    def pooled(self, ids: list[list[int]]) -> np.ndarray:
        """Pool a batch of windows: float32, shape (n_windows, dimension)."""
        import torch

        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        packed = [ids[row] for row in order]
        groups = group(packed)
        found = np.empty((len(ids), self.weights.dimension), np.float32)
        with one_thread(self.threads), torch.inference_mode():
            hidden = self._embed(packed, groups)
            for number in range(len(self.weights.layers)):
                hidden = self._layer(number, hidden, groups)
            found[order] = torch.cat([self._pool(hidden, each) for each in groups]).numpy()
        return found

    def _prepare(self) -> None:
        """Reorder the weights for oneDNN."""
        self.products = [
            [
                (reordered(self._rounded(weight), self.type), bias.to(self.type))
                for weight, bias in layer.products
            ]
            for layer in self.weights.layers
        ]

    def _rounded(self, weight: Any) -> Any:
        return weight if self.precision == "float32" else weight.bfloat16().float()

    def _layer(self, number: int, hidden: Any, groups: list[Group]) -> Any:
        import torch

        product = torch.ops.mkldnn._linear_pointwise
        mixed, out, up, down = self.products[number]
        context = self._attend(product(hidden, *mixed, "none", [], ""), groups)
        hidden = self._normalise(product.binary(context, hidden, *out, "add"), self.norms[number][0])
        name, algorithm = self.weights.activation
        inner = product(hidden, *up, name, [], algorithm)
        return self._normalise(product.binary(inner, hidden, *down, "add"), self.norms[number][1])

    def _embed(self, ids: list[list[int]], groups: list[Group]) -> Any:
        import torch

        tokens = torch.tensor([token for window in ids for token in window])
        places = torch.cat([torch.arange(each.length).repeat(each.windows) for each in groups])
        summed = self.weights.words[tokens] + self.weights.positions[places]
        normal = self._normalise(summed, self.weights.norm).to(self.type)
        step = COARSE if len(tokens) >= COARSE_FROM else FINE
        return torch.nn.functional.pad(normal, (0, 0, 0, -len(tokens) % step))

    def _attend(self, mixed: Any, groups: list[Group]) -> Any:
        """Multi-head attention within each window: (rows, 3 × dimension) to (rows, dimension)."""
        import torch

        context = torch.zeros((len(mixed), self.weights.dimension), dtype=mixed.dtype)
        for each in groups:
            shape = (each.windows, each.length, self.weights.heads, -1)
            query, key, value = (
                part.reshape(shape).transpose(1, 2) for part in mixed[each.rows].chunk(3, dim=1)
            )
            context[each.rows].view(shape).copy_(attention(query, key, value).transpose(1, 2))
        return context

    def _normalise(self, hidden: Any, norm: Norm) -> Any:
        import torch

        return torch.nn.functional.layer_norm(hidden, (self.weights.dimension,), *norm, self.weights.epsilon)

    def _pool(self, hidden: Any, each: Group) -> Any:
        import torch

        tokens = hidden[each.rows].view(each.windows, each.length, -1).float()
        return pool(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool), self.pooling)

    def _cast(self, norm: Norm) -> Norm:
        return Norm(norm.weight.to(self.type), norm.bias.to(self.type))


def group(ids: list[list[int]]) -> list[Group]:
    """Find the runs of equal length in windows sorted by length."""
    groups, start = [], 0
    for length, run in groupby(map(len, ids)):
        count = sum(1 for _ in run)
        groups.append(Group(start, count, length))
        start += count * length
    return groups


def attention(query: Any, key: Any, value: Any) -> Any:
    """Scaled dot-product attention, shapes (n, heads, length, head dimension)."""
    import torch

    if query.dtype != torch.bfloat16 or query.shape[2] > SHORT:
        return torch.nn.functional.scaled_dot_product_attention(query, key, value)
    flat = [part.flatten(0, 1) for part in (query, key, value)]
    nothing = torch.empty(1, dtype=query.dtype)
    scores = torch.baddbmm(nothing, flat[0], flat[1].mT, beta=0, alpha=query.shape[-1] ** -0.5)
    return torch.bmm(torch.softmax(scores, -1), flat[2]).view(query.shape)


def reordered(weight: Any, kind: Any) -> Any:
    """Lay a weight out as oneDNN wants it for batches of about ``TOKENS`` rows."""
    import torch

    return torch.ops.mkldnn._reorder_linear_weight(weight.to(kind).contiguous(), TOKENS)


_RUNNING = 0
_COUNTING = threading.Lock()


@contextmanager
def one_thread(after: int) -> Iterator[None]:
    """Run torch in the calling thread alone; the last batch to end gives ``after`` threads again.

    A part of torch's number (that of its BLAS) is the whole process's: raised while another batch runs, it
    would change how that batch adds up, and so its last digits.
    """
    import torch

    global _RUNNING
    with _COUNTING:
        _RUNNING += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _COUNTING:
            _RUNNING -= 1
            if not _RUNNING:
                torch.set_num_threads(after)
