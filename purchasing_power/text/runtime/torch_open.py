"""The torch runtimes: packed where the model allows it, padded elsewhere."""

from __future__ import annotations

from pathlib import Path

from purchasing_power.errors import DataError
from purchasing_power.text.checkpoint import Checkpoint
from purchasing_power.text.encoder_spec import INT8
from purchasing_power.text.runtime import bert
from purchasing_power.text.runtime.base import Runtime
from purchasing_power.text.runtime.packed import PackedRuntime
from purchasing_power.text.runtime.padded import PaddedRuntime, load_model, place


def open_torch(
    source: Checkpoint, precision: str, device: str, cache: Path | None, threads: int | None
) -> Runtime:
    """Load a model in torch: float32, bfloat16, or int8 products on the processor.

    Raises
    ------
    DataError
        If the model cannot be loaded, or int8 is asked for where it cannot be had.
    """
    import torch

    possible = place("cpu" if precision == INT8 else device) == "cpu" and torch.backends.mkldnn.is_available()
    weights = bert.read(load_model(source)) if possible else None
    threads = threads or torch.get_num_threads()
    if precision == INT8:
        if weights is None:
            raise DataError(
                f"runtime int8: got encoder {source.folder.name}; it serves models of the types "
                f"{', '.join(sorted(bert.FAMILY))} on a torch with oneDNN. Set openvino-int8 or onnx-int8."
            )
        from purchasing_power.text.runtime.int8 import open_int8

        return open_int8(source, weights, cache, threads)
    if weights is None:
        return PaddedRuntime(source, precision, device)
    return PackedRuntime(weights, precision, source.pooling, threads)
