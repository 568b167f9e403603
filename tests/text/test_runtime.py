"""Every runtime gives the vectors of the float32 model in torch, whatever the batch, the thread or the pooling."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from purchasing_power.errors import DataError
from purchasing_power.text import checkpoint
from purchasing_power.text.encoder_spec import POOLINGS, RETIRED, RUNTIMES
from purchasing_power.text.runtime import base
from purchasing_power.text.runtime.base import Runtime, open_runtime
from purchasing_power.text.runtime.graph import exported
from purchasing_power.text.runtime.torch import TorchRuntime

# The tiny models have weights of a size that int8 was not made for; real models lose far less.
LEAST_COSINE = {"float32": 0.999999, "onnx-float32": 0.999999, "openvino-bf16": 0.997}
LEAST_INT8 = 0.97
SLOW = pytest.param("openvino-int8", marks=pytest.mark.slow)
SLOW_BF16 = pytest.param("openvino-bf16", marks=pytest.mark.slow)
EVERY = [SLOW if name == "openvino-int8" else name for name in RUNTIMES]
LENGTHS = (3, 9, 9, 30, 1, 17, 3)


def _windows() -> list[list[int]]:
    random = np.random.default_rng(0)
    return [random.integers(4, 60, length).tolist() for length in LENGTHS]


def _open(folder: Path, precision: str, cache: Path, pooling: str = "mean") -> Runtime:
    if precision.startswith("openvino"):
        pytest.importorskip("openvino")
        pytest.importorskip("nncf")
    return open_runtime(
        checkpoint.find(f"{folder}?pooling={pooling}"),
        precision,
        "cpu",
        cache / f"{folder.name}-{pooling}" / precision,
        2,
    )


def _cosine(left: np.ndarray, right: np.ndarray) -> float:
    sizes = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / sizes).min())


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("precision", ["float32", "onnx-float32"])
def test_every_pooling_is_that_of_the_torch_model(precision: str, pooling: str, tiny_bert: Path, exports: Path) -> None:
    source = checkpoint.find(f"{tiny_bert}?pooling={pooling}")
    expected = TorchRuntime(source, device="cpu").pooled(_windows())
    found = _open(tiny_bert, precision, exports, pooling).pooled(_windows())
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert _cosine(found, expected) > LEAST_COSINE.get(precision, LEAST_INT8)


@pytest.mark.parametrize("precision", ["openvino-bf16", SLOW, "onnx-int8"])
def test_graphs_keep_near_the_torch_model(precision: str, tiny_bert: Path, exports: Path) -> None:
    expected = TorchRuntime(checkpoint.find(str(tiny_bert)), device="cpu").pooled(_windows())
    assert _cosine(_open(tiny_bert, precision, exports).pooled(_windows()), expected) > LEAST_INT8


@pytest.mark.parametrize("pooling", ["last", "weighted_mean"])
@pytest.mark.parametrize("precision", ["float32", "onnx-float32", SLOW_BF16])
def test_a_gpt_like_model_runs_in_every_runtime(precision: str, pooling: str, tiny_gpt: Path, exports: Path) -> None:
    source = checkpoint.find(f"{tiny_gpt}?pooling={pooling}")
    expected = TorchRuntime(source, device="cpu").pooled(_windows())
    found = _open(tiny_gpt, precision, exports, pooling).pooled(_windows())
    assert _cosine(found, expected) > LEAST_COSINE[precision]


@pytest.mark.parametrize("precision", EVERY)
def test_no_window_decides_the_vector_of_another(precision: str, tiny_bert: Path, exports: Path) -> None:
    runtime = _open(tiny_bert, precision, exports)
    alone = np.concatenate([runtime.pooled([window]) for window in _windows()])
    assert _cosine(runtime.pooled(_windows()), alone) > 0.99999


@pytest.mark.parametrize("precision", EVERY)
def test_two_threads_at_once_get_what_one_gets(precision: str, tiny_bert: Path, exports: Path) -> None:
    runtime = _open(tiny_bert, precision, exports)
    batches = [_windows()[: 1 + number % len(LENGTHS)] for number in range(24)]
    expected = [runtime.pooled(batch) for batch in batches]
    with ThreadPoolExecutor(2) as threads:
        for found, alone in zip(threads.map(runtime.pooled, batches), expected, strict=True):
            np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("precision", ["onnx-int8", "onnx-float32"])
def test_an_export_is_made_once(precision: str, tiny_bert: Path, tmp_path: Path) -> None:
    first = _open(tiny_bert, precision, tmp_path).pooled(_windows())
    (folder,) = tmp_path.glob("*/*")
    written = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert folder.name == precision and written
    again = _open(tiny_bert, precision, tmp_path).pooled(_windows())
    assert [path.name for path in tmp_path.glob("*/*")] == [precision]
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    np.testing.assert_array_equal(first, again)


def test_a_runtime_leaves_the_callers_threads_as_they_were(tiny_bert: Path, tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    _open(tiny_bert, "float32", tmp_path).pooled(_windows())
    assert torch.get_num_threads() == before


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tiny_bert: Path) -> None:
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "onnxruntime" else name)
    with pytest.raises(DataError, match=r"onnxruntime not installed.*pip install -e \."):
        open_runtime(checkpoint.find(str(tiny_bert)), "onnx-float32", "cpu")
    assert "onnx-float32" not in base.installed() and "float32" in base.installed()
    monkeypatch.setattr(base, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"openvino, nncf not installed.*purchasing-power\[openvino\]"):
        open_runtime(checkpoint.find(str(tiny_bert)), "openvino-int8", "cpu")


def test_a_graph_that_openvino_does_not_compile_is_refused_so_that_exact_passes_it_over(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    from purchasing_power.text.runtime.openvino import OpenVinoRuntime

    (tmp_path / "graph.xml").write_text("<net/>")
    with pytest.raises(DataError, match="does not compile the model on this processor"):
        OpenVinoRuntime(tmp_path / "graph.xml", 1)


def test_an_unknown_runtime_lists_those_allowed(tiny_bert: Path) -> None:
    with pytest.raises(DataError, match="exact, auto, float32, onnx-float32, onnx-int8"):
        open_runtime(checkpoint.find(str(tiny_bert)), "fp8", "cpu")
    with pytest.raises(DataError, match="auto, cpu, cuda"):
        open_runtime(checkpoint.find(str(tiny_bert)), "float32", "tpu")


def test_two_writers_of_one_export_leave_one_whole(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        # The other writer is done before this one.
        (folder / "graph").write_text("mine")
        other = tmp_path / "print" / "onnx-int8"
        other.mkdir()
        (other / "graph").write_text("theirs")

    with exported(tmp_path / "print" / "onnx-int8", write) as folder:
        assert (folder / "graph").read_text() == "theirs"
    assert os.listdir(tmp_path / "print") == ["onnx-int8"]


@pytest.mark.parametrize("precision", ["onnx-float32", "onnx-int8"])
def test_the_weights_of_an_onnx_graph_are_mapped_and_not_copied(
    precision: str, tiny_bert: Path, tmp_path: Path
) -> None:
    runtime = _open(tiny_bert, precision, tmp_path)
    [weights] = tmp_path.glob(f"*/{precision}/graph.weights")
    assert weights.stat().st_mode & 0o444 == 0o444
    assert str(weights) in Path("/proc/self/maps").read_text()
    assert runtime.pooled(_windows()).shape[0] == len(LENGTHS)


@pytest.mark.parametrize("runtime", sorted(RETIRED))
def test_a_runtime_of_an_earlier_release_is_refused_with_those_that_take_its_place(
    runtime: str, tiny_bert: Path
) -> None:
    with pytest.raises(DataError, match=f"no longer has.*Set {' or '.join(RETIRED[runtime])}"):
        open_runtime(checkpoint.find(str(tiny_bert)), runtime, "cpu")


def test_two_int8_products_of_an_onnx_graph_fit_into_16_bits(tiny_bert: Path, tmp_path: Path) -> None:
    """A processor without VNNI adds two products of an unsigned input and a signed weight in 16 bits."""
    import onnx

    _open(tiny_bert, "onnx-int8", tmp_path)
    [file] = tmp_path.glob("*/*/graph.onnx")
    tensors = [onnx.numpy_helper.to_array(each, str(file.parent)) for each in onnx.load(file).graph.initializer]
    weights = [values.astype(int) for values in tensors if values.dtype == np.int8 and values.ndim == 2]
    # Two layers of six products, and the pooler's is not among them.
    assert len(weights) == 12
    assert all(2 * 255 * np.abs(values).max() <= 32_767 for values in weights)


def test_a_channel_of_large_values_does_not_coarsen_the_others_in_int8(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file, save_file

    from purchasing_power.text.runtime import onnx as onnx_runtime

    shutil.copytree(tiny_bert, tmp_path / "bert")
    weights = load_file(tmp_path / "bert" / "model.safetensors")
    for name in weights:
        if name.endswith("LayerNorm.weight"):
            weights[name][3] *= 100
        elif weights[name].ndim == 2 and weights[name].shape[1] == len(weights["embeddings.LayerNorm.weight"]):
            # The products that read the channel make of it what they made before.
            weights[name][:, 3] /= 100 if "layer" in name else 1
    save_file(weights, tmp_path / "bert" / "model.safetensors", {"format": "pt"})
    expected = TorchRuntime(checkpoint.find(str(tmp_path / "bert")), "cpu").pooled(_windows())
    apart = _open(tmp_path / "bert", "onnx-int8", tmp_path / "apart").pooled(_windows())
    monkeypatch.setattr(onnx_runtime, "OUTLIERS", 0)
    together = _open(tmp_path / "bert", "onnx-int8", tmp_path / "together").pooled(_windows())
    others = np.arange(expected.shape[1]) != 3
    found = [_cosine(each[:, others], expected[:, others]) for each in (apart, together)]
    assert found[0] > LEAST_INT8 > found[1]
