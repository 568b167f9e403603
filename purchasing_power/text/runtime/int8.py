"""BERT-like models with int8 products in torch, packed as in :mod:`purchasing_power.text.runtime.packed`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import INT8
from purchasing_power.text.runtime import calibration
from purchasing_power.text.runtime.bert import Bert, Linear
from purchasing_power.text.runtime.exports import exported
from purchasing_power.text.runtime.packed import Group, PackedRuntime, reordered
from purchasing_power.text.runtime.processor import sums_int8

RANGES = "ranges.safetensors"
# Share of an input's spread that smoothing moves into the weights (Xiao et al. 2023, SmoothQuant, arXiv:2211.10438).
SMOOTHING = 0.85
# Channels after the activation whose largest values would stretch the scale of all others; they stay bfloat16
# (the decomposition of Dettmers et al. 2022, LLM.int8(), arXiv:2208.07339).
OUTLIERS = 32
# Inputs of the four products of a layer: hidden, context, hidden, activations.
_SMOOTHED = (True, False, True, False)
_DOWN = 3

Ranges = dict[str, Any]
# Scale, zero and type of a product's result, then its post-operation, as oneDNN takes them.
Post = tuple[Any, ...]


class Quantised(NamedTuple):
    """One product in int8.

    ``scale`` and ``zero`` map its input to 0…255, after a division by the smoothing that ``factor`` includes;
    ``packed``, ``scales`` and ``zeros`` are its weight, one symmetric scale per output.
    """

    scale: float
    zero: int
    factor: Any
    packed: Any
    scales: Any
    zeros: Any
    bias: Any


class Int8Runtime(PackedRuntime):
    """Int8 products with bfloat16 attention, residuals and normalisation.

    Input ranges are those of neutral texts and fixed afterwards, so no window's vector depends on others. Weights
    take half the range on a processor that adds int8 products in 16 bits.

    Parameters
    ----------
    ranges
        Smallest and largest input of every product by channel, see :func:`measure`.
    """

    def __init__(self, weights: Bert, ranges: Ranges, pooling: str, threads: int) -> None:
        self.ranges = ranges
        self.most = 127 if sums_int8() else 63
        super().__init__(weights, INT8, pooling, threads)

    def _prepare(self) -> None:
        self.quantised, self.outliers = [], []
        for number, layer in enumerate(self.weights.layers):
            top = self._extremes(number, _DOWN)[1].topk(min(OUTLIERS, len(layer.products[_DOWN].weight[0])))
            kept = top.indices.sort().values
            self.outliers.append(self._aside(layer.products[2], layer.products[_DOWN], kept))
            self.quantised.append([self._quantise(number, place, kept) for place in range(4)])

    def _layer(self, number: int, hidden: Any, groups: list[Group]) -> Any:
        import torch

        mixed, out, up, down = self.quantised[number]
        name, algorithm = self.weights.activation
        plain: Post = (1.0, 0, self.type, "none", [], "")
        context = self._attend(_product(self._round(hidden, mixed), mixed, plain), groups)
        hidden = self._normalise(_added(self._round(context, out), out, hidden), self.norms[number][0])
        post: Post = (down.scale, down.zero, torch.uint8, name, [], algorithm)
        inner = _product(self._round(hidden, up), up, post)
        in_weight, in_bias, out_weight = self.outliers[number]
        linear = torch.ops.mkldnn._linear_pointwise
        aside = linear(hidden, in_weight, in_bias, name, [], algorithm)
        hidden = linear.binary(aside, hidden, out_weight, None, "add")
        return self._normalise(_added(inner, down, hidden), self.norms[number][1])

    def _round(self, values: Any, into: Quantised) -> Any:
        import torch

        zero = torch.tensor(float(into.zero), dtype=values.dtype)
        return torch.addcmul(zero, values, into.factor).round_().clamp_(0, 255).to(torch.uint8)

    def _aside(self, up: Linear, down: Linear, kept: Any) -> tuple[Any, Any, Any]:
        weight_in, weight_out = (
            reordered(part, self.type) for part in (up.weight[kept], down.weight[:, kept])
        )
        return weight_in, up.bias[kept].to(self.type), weight_out

    def _extremes(self, number: int, place: int) -> tuple[Any, Any]:
        low, high = self.ranges[f"{number}.{place}"]
        return low, high

    def _quantise(self, number: int, place: int, kept: Any) -> Quantised:
        import torch

        weight, bias = self.weights.layers[number].products[place]
        low, high = self._extremes(number, place)
        smooth = torch.ones_like(low)
        if _SMOOTHED[place]:
            spread = torch.maximum(low.abs(), high.abs()).clamp(min=1e-5)
            smooth = spread**SMOOTHING / weight.abs().amax(0).clamp(min=1e-5) ** (1 - SMOOTHING)
        weight = weight * smooth
        low, high = low / smooth, high / smooth
        if place == _DOWN:
            weight[:, kept] = 0
            low[kept] = high[kept] = 0
        least, most = min(float(low.min()), 0.0), max(float(high.max()), 1e-5)
        scale = (most - least) / 255
        scales = weight.abs().amax(1).clamp(min=1e-8) / self.most
        rounded = torch.round(weight / scales[:, None]).clamp(-self.most, self.most).to(torch.int8)
        packed = torch.ops.onednn.qlinear_prepack(rounded, None)
        zeros = torch.zeros(len(scales), dtype=torch.int)
        factor = (1 / (smooth * scale)).to(self.type)
        return Quantised(scale, round(-least / scale), factor, packed, scales, zeros, bias.float())


class Measuring(PackedRuntime):
    """The float32 model, keeping the smallest and largest input of every product by channel."""

    def __init__(self, weights: Bert, pooling: str, threads: int) -> None:
        self.ranges: Ranges = {}
        super().__init__(weights, "float32", pooling, threads)

    def _prepare(self) -> None:
        """Products run on the float32 weights as they are."""

    def _layer(self, number: int, hidden: Any, groups: list[Group]) -> Any:
        import torch

        linear = torch.nn.functional.linear
        mixed, out, up, down = self.weights.layers[number].products
        tokens = groups[-1].rows.stop
        name, algorithm = self.weights.activation
        context = self._attend(linear(hidden, *mixed), groups)
        middle = self._normalise(linear(context, *out) + hidden, self.norms[number][0])
        inner = linear(middle, *up)
        functional = torch.nn.functional
        inner = functional.gelu(inner, approximate=algorithm) if name == "gelu" else functional.relu(inner)
        for place, values in enumerate((hidden, context, middle, inner)):
            self._keep(f"{number}.{place}", values[:tokens])
        return self._normalise(linear(inner, *down) + middle, self.norms[number][1])

    def _keep(self, name: str, values: Any) -> None:
        import torch

        found = torch.stack(torch.aminmax(values, dim=0))
        known = self.ranges.get(name, found)
        self.ranges[name] = torch.stack(
            [torch.minimum(known[0], found[0]), torch.maximum(known[1], found[1])]
        )


def open_int8(source: Checkpoint, weights: Bert, cache: Path | None, threads: int) -> Int8Runtime:
    """Quantise a model by ranges that are measured once and kept in the cache."""
    from safetensors.torch import load_file, save_file

    def write(folder: Path) -> None:
        save_file(measure(source, weights), folder / RANGES)

    with exported(cache, source.fingerprint(), INT8, write) as folder:
        return Int8Runtime(weights, load_file(folder / RANGES), source.pooling, threads)


def measure(source: Checkpoint, weights: Bert) -> Ranges:
    """Range of every product's input on the neutral texts: ``"layer.place"`` to float32, shape (2, channels)."""
    model = Measuring(weights, source.pooling, 1)
    ids = calibration.windows(source)
    for start in range(0, len(ids), 16):
        model.pooled(ids[start : start + 16])
    return {name: values.clone() for name, values in model.ranges.items()}


def _product(values: Any, into: Quantised, post: Post) -> Any:
    import torch

    return torch.ops.onednn.qlinear_pointwise(
        values, into.scale, into.zero, into.packed, into.scales, into.zeros, into.bias, *post
    )


def _added(values: Any, into: Quantised, residual: Any) -> Any:
    """Add the product to the residual, in its place."""
    import torch

    return torch.ops.onednn.qlinear_pointwise.binary(
        *(values, into.scale, into.zero, into.packed, into.scales, into.zeros, residual, into.bias),
        *(1.0, 0, residual.dtype, 1.0, 0, "sum", 1.0, "none", [], ""),
    )
