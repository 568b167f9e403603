"""Any model that exports to ONNX, in float32 or int8 on the processor."""

from __future__ import annotations

import logging
import warnings
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import FLOAT32, ONNX_INT8
from purchasing_power.text.runtime import graph
from purchasing_power.text.tokens import quiet

GRAPH, WEIGHTS = "graph.onnx", "graph.weights"
OPSET = 17
# Channels of a product's input that stay in float32: more of them cost time and hardly add to the cosine.
OUTLIERS = 8
APART = "outliers"


class OnnxRuntime:
    """An ONNX graph with one session of one thread per stream.

    Parameters
    ----------
    file
        The graph, pooling included.
    streams
        Batches that may run at once.
    """

    budget = graph.TOKENS

    def __init__(self, file: Path, precision: str, streams: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.precision, self.streams = precision, streams
        self._free = graph.free_list(
            [
                onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
                for _ in range(streams)
            ]
        )

    def pooled(self, ids: list[list[int]]) -> np.ndarray:
        """Pool a batch of windows: float32, shape (n_windows, dimension)."""
        session = self._free.get()
        try:
            # Windows of one length need no padding. Int8 takes its activation ranges from what it is given: there they
            # go one by one, so that none decides the vector of another.
            runs = (list(run) for _, run in groupby(ids, len))
            batches = [[window] for window in ids] if self.precision == ONNX_INT8 else runs
            found = [session.run([graph.OUTPUT], graph.padded(batch))[0] for batch in batches]
            return np.concatenate(found)
        finally:
            self._free.put(session)


def open_onnx(source: Checkpoint, precision: str, export: Path | None, threads: int) -> OnnxRuntime:
    """Open a model in ONNX Runtime, exporting it first where there is no export.

    In int8 a product has weights of 7 bits by output channel, so that a processor that adds products of 8 bits in
    16 does not overflow: the vectors are the same on every x86 processor. Its input has 8 bits and the range of each
    window, but for the channels of :func:`_set_outliers_apart`.

    Raises
    ------
    DataError
        If the model does not export.
    """

    def write(folder: Path) -> None:
        model = graph.pooled_graph(source)
        if precision == ONNX_INT8:
            _set_outliers_apart(model, graph.calibration_windows(source))
        _export(source, model, folder / GRAPH)
        if precision == ONNX_INT8:
            _quantise(folder / GRAPH)
        _part(folder)

    with graph.exported(export, write) as folder:
        return OnnxRuntime(folder / GRAPH, precision, threads)


def _set_outliers_apart(model: Any, windows: list[list[int]]) -> None:
    """Give the channels with the largest values of each product's input a float32 product beside the rounded one.

    One scale serves all channels of an input, and a few channels of a language model would stretch it. Which they
    are is measured on neutral texts. Source: Dettmers et al. (2022), LLM.int8(), arXiv:2208.07339.
    """
    import torch

    class Apart(torch.nn.Module):
        def __init__(self, product: Any, largest: Any) -> None:
            super().__init__()
            weight = product.weight.detach()
            kept = largest.topk(min(OUTLIERS, len(largest))).indices.sort().values
            rest = torch.ones_like(largest).index_fill(0, kept, 0)
            self.register_buffer("kept", kept)
            self.register_buffer("rest", rest)
            self.rounded = torch.nn.Linear(weight.shape[1], len(weight), product.bias is not None)
            self.rounded.load_state_dict({**product.state_dict(), "weight": weight * rest})
            self.add_module(APART, torch.nn.Linear(len(kept), len(weight), bias=False))
            self.get_submodule(APART).load_state_dict({"weight": weight[:, kept]})

        def forward(self, values: Any) -> Any:
            apart = self.get_submodule(APART)(values.index_select(-1, self.kept))
            return self.rounded(values * self.rest) + apart

    for name, largest in _largest_inputs(model, windows).items():
        model.set_submodule(name, Apart(model.get_submodule(name), largest).eval())


def _largest_inputs(model: Any, windows: list[list[int]]) -> dict[str, Any]:
    """Largest absolute value of each channel that the linear modules are given for some windows, by their names."""
    import torch

    found: dict[str, Any] = {}

    def keep(name: str, values: Any) -> None:
        largest = values.abs().flatten(0, -2).amax(0)
        found[name] = torch.maximum(found.get(name, largest), largest)

    hooks = [
        module.register_forward_pre_hook(lambda _, given, name=name: keep(name, given[0]))
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    with torch.inference_mode():
        for window in windows:
            model(*map(torch.from_numpy, graph.padded([window]).values()))
    for hook in hooks:
        hook.remove()
    return {name: largest.clone() for name, largest in found.items()}


def _quantise(file: Path) -> None:
    """Replace a graph by one with int8 products."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = file.rename(file.with_name("float32.onnx"))
    nodes = onnx.load(plain, load_external_data=False).graph.node
    apart = [node.name for node in nodes if f"/{APART}/" in node.name]
    level = logging.root.level
    # It advises a shape inference that dynamic quantisation of these graphs does not need.
    logging.root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(
            plain, file, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8, nodes_to_exclude=apart
        )
    finally:
        logging.root.setLevel(level)
    plain.unlink()


def _part(folder: Path) -> None:
    """Move the weights to a file of their own, which a session maps.

    Processes share it, and of the table of words they have in memory what their texts hold.
    """
    import onnx

    graph = onnx.load(folder / GRAPH)
    onnx.save_model(graph, folder / GRAPH, save_as_external_data=True, location=WEIGHTS)
    # It comes readable by its owner alone; a bundle may be served by another account.
    (folder / WEIGHTS).chmod(0o644)


def _export(source: Checkpoint, model: Any, file: Path) -> None:
    import torch

    axes = {0: "windows", 1: "tokens"}
    try:
        with quiet(), warnings.catch_warnings(), torch.no_grad():
            # Tracing warns of every shape it reads; the tests compare the graph on other shapes.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                graph.example(),
                str(file),
                input_names=list(graph.INPUTS),
                output_names=[graph.OUTPUT],
                dynamic_axes={name: axes for name in graph.INPUTS} | {graph.OUTPUT: {0: "windows"}},
                opset_version=OPSET,
                dynamo=False,
            )
    except Exception as error:
        # Exporters raise whatever the traced code raises.
        raise DataError(
            f"encoder {source.folder.name}: it does not export to ONNX ({type(error).__name__}). "
            f"Set runtime to {FLOAT32}, which runs every model."
        ) from error
