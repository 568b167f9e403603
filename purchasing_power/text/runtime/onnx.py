"""Any model that exports to ONNX, in float32 or int8 on the processor."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.runtime import graph
from purchasing_power.text.runtime.exports import exported
from purchasing_power.text.tokens import quiet

GRAPH, WEIGHTS = "graph.onnx", "graph.weights"
OPSET = 17
INT8 = "onnx-int8"


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
            # Int8 takes its activation ranges from what it is given: windows go one by one, so that none
            # decides the vector of another.
            batches = [[window] for window in ids] if self.precision == INT8 else [ids]
            found = [session.run([graph.OUTPUT], graph.padded(batch))[0] for batch in batches]
            return np.concatenate(found)
        finally:
            self._free.put(session)


def open_onnx(source: Checkpoint, precision: str, cache: Path | None, threads: int | None) -> OnnxRuntime:
    """Open a model in ONNX Runtime, exporting it first where no export is kept.

    Int8 has weights by output channel and activation ranges of each window.

    Raises
    ------
    DataError
        If the model does not export.
    """

    def write(folder: Path) -> None:
        _export(source, folder / GRAPH)
        if precision == INT8:
            _quantise(folder / GRAPH)
        _part(folder)

    streams = threads or len(os.sched_getaffinity(0))
    with exported(cache, source.fingerprint(), precision, write) as folder:
        return OnnxRuntime(folder / GRAPH, precision, streams)


def _quantise(file: Path) -> None:
    """Replace a graph by one with int8 products."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = file.rename(file.with_name("float32.onnx"))
    level = logging.root.level
    # It advises a shape inference that dynamic quantisation of these graphs does not need.
    logging.root.setLevel(logging.ERROR)
    try:
        # Sums of signed weights would overflow on a processor that adds int8 products in 16 bits.
        quantize_dynamic(plain, file, per_channel=True, weight_type=QuantType.QUInt8)
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


def _export(source: Checkpoint, file: Path) -> None:
    import torch

    axes = {0: "windows", 1: "tokens"}
    try:
        with quiet(), warnings.catch_warnings(), torch.no_grad():
            # Tracing warns of every shape it reads; the tests compare the graph on other shapes.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph.pooled_graph(source),
                graph.example(),
                str(file),
                input_names=list(graph.INPUTS),
                output_names=[graph.OUTPUT],
                dynamic_axes={name: axes for name in graph.INPUTS} | {graph.OUTPUT: {0: "windows"}},
                opset_version=OPSET,
                dynamo=False,
            )
    except DataError:
        raise
    except Exception as error:
        # Exporters raise whatever the traced code raises.
        raise DataError(
            f"encoder {source.folder.name}: it does not export to ONNX ({type(error).__name__}). "
            "Set runtime to float32 or bfloat16, which run every model."
        ) from error
