"""Any model that OpenVINO converts, in bfloat16 or int8 on the processor."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import FLOAT32, OPENVINO_INT8
from purchasing_power.text.runtime import graph
from purchasing_power.text.runtime.base import INT8_INSTRUCTIONS, processor_features
from purchasing_power.text.tokens import quiet

GRAPH = "graph.xml"
# Share of an input's spread that smoothing moves into the weights (Xiao et al. 2023, SmoothQuant, arXiv:2211.10438).
SMOOTHING = 0.95


class OpenVinoRuntime:
    """A compiled OpenVINO graph with one infer request per stream.

    Parameters
    ----------
    file
        The graph, pooling included.
    streams
        Batches that may run at once, each in one thread.
    """

    budget = graph.TOKENS

    def __init__(self, file: Path, streams: int) -> None:
        import openvino

        options = {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
            "INFERENCE_PRECISION_HINT": "bf16" if _has_bfloat16() else "f32",
        }
        self.streams = streams
        try:
            compiled = openvino.Core().compile_model(str(file), "CPU", options)
        except RuntimeError as error:
            last = str(error).strip().splitlines()[-1]
            raise DataError(
                f"runtime of OpenVINO: it does not compile the model on this processor ({last.rstrip('. ')}). "
                "Set runtime to exact, which passes it over, or to another one."
            ) from error
        # A request is one thread's at a time.
        self._free = graph.free_list([compiled.create_infer_request() for _ in range(streams)])

    def pooled(self, ids: list[list[int]]) -> np.ndarray:
        """Pool a batch of windows: float32, shape (n_windows, dimension)."""
        request = self._free.get()
        try:
            # The result lies in the request's own memory.
            return np.array(request.infer(graph.padded(ids))[0], np.float32)
        finally:
            self._free.put(request)


def open_openvino(source: Checkpoint, precision: str, export: Path | None, threads: int) -> OpenVinoRuntime:
    """Compile a model, exporting it first where there is no export.

    Raises
    ------
    DataError
        If OpenVINO cannot convert the model.
    """

    def write(folder: Path) -> None:
        import openvino

        model = _converted(source)
        if precision == OPENVINO_INT8:
            model = _quantised(source, model)
        openvino.save_model(model, str(folder / GRAPH), compress_to_fp16=False)

    with graph.exported(export, write) as folder:
        return OpenVinoRuntime(folder / GRAPH, threads)


def _converted(source: Checkpoint) -> Any:
    import openvino
    import torch

    ids, mask = graph.example()
    try:
        with quiet(), warnings.catch_warnings(), torch.no_grad():
            # Tracing warns of every shape it reads; the tests compare the graph on other shapes.
            warnings.simplefilter("ignore")
            model = openvino.convert_model(graph.pooled_graph(source), example_input={"ids": ids, "mask": mask})
        for port, name in zip(model.inputs, graph.INPUTS, strict=True):
            port.get_tensor().set_names({name})
            port.get_node().set_partial_shape(openvino.PartialShape([-1, -1]))
        model.validate_nodes_and_infer_types()
    except DataError:
        raise
    except Exception as error:
        # Converters raise whatever the traced code raises.
        raise DataError(
            f"encoder {source.folder.name}: OpenVINO cannot convert it ({type(error).__name__}). "
            f"Set runtime to {FLOAT32}, which runs every model."
        ) from error
    return model


def _quantised(source: Checkpoint, model: Any) -> Any:
    """Quantise after training with NNCF by the neutral texts; weights take half their range where sums overflow."""
    import logging

    import nncf
    from nncf.quantization.advanced_parameters import OverflowFix

    nncf.set_log_level(logging.ERROR)
    samples = [graph.padded([window]) for window in graph.calibration_windows(source)]
    return nncf.quantize(
        model,
        nncf.Dataset(samples),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(samples),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=None if INT8_INSTRUCTIONS & processor_features() else OverflowFix.ENABLE,
            smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=SMOOTHING),
        ),
    )


def _has_bfloat16() -> bool:
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
