"""Every runtime gives the vectors of the padded float32 model, whatever the batch, the thread or the pooling."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from purchasing_power.errors import DataError
from purchasing_power.text import checkpoint
from purchasing_power.text.encoder_spec import POOLINGS, RUNTIMES
from purchasing_power.text.runtime import base, int8, packed
from purchasing_power.text.runtime.base import Runtime, open_runtime
from purchasing_power.text.runtime.packed import PackedRuntime
from purchasing_power.text.runtime.padded import PaddedRuntime

# The tiny models have weights of a size that int8 was not made for; real models lose far less.
LEAST_COSINE = {"float32": 0.999999, "bfloat16": 0.997, "onnx-float32": 0.999999, "openvino-bf16": 0.997}
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
    if precision.startswith("onnx"):
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    return open_runtime(checkpoint.find(f"{folder}?pooling={pooling}"), precision, "cpu", cache, 2)


def _cosine(left: np.ndarray, right: np.ndarray) -> float:
    sizes = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / sizes).min())


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8", "onnx-float32"])
def test_every_pooling_is_that_of_the_padded_model(
    precision: str, pooling: str, tiny_bert: Path, exports: Path
) -> None:
    source = checkpoint.find(f"{tiny_bert}?pooling={pooling}")
    expected = PaddedRuntime(source, device="cpu").pooled(_windows())
    found = _open(tiny_bert, precision, exports, pooling).pooled(_windows())
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert _cosine(found, expected) > LEAST_COSINE.get(precision, LEAST_INT8)


@pytest.mark.parametrize("precision", ["openvino-bf16", SLOW, "onnx-int8"])
def test_graphs_keep_near_the_padded_model(precision: str, tiny_bert: Path, exports: Path) -> None:
    expected = PaddedRuntime(checkpoint.find(str(tiny_bert)), device="cpu").pooled(_windows())
    assert _cosine(_open(tiny_bert, precision, exports).pooled(_windows()), expected) > LEAST_INT8


@pytest.mark.parametrize("pooling", ["last", "weighted_mean"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "onnx-float32", SLOW_BF16])
def test_a_gpt_like_model_runs_in_every_runtime(
    precision: str, pooling: str, tiny_gpt: Path, exports: Path
) -> None:
    source = checkpoint.find(f"{tiny_gpt}?pooling={pooling}")
    expected = PaddedRuntime(source, device="cpu").pooled(_windows())
    found = _open(tiny_gpt, precision, exports, pooling).pooled(_windows())
    assert _cosine(found, expected) > LEAST_COSINE[precision]


@pytest.mark.parametrize("precision", EVERY)
def test_no_window_decides_the_vector_of_another(precision: str, tiny_bert: Path, exports: Path) -> None:
    runtime = _open(tiny_bert, precision, exports)
    alone = np.concatenate([runtime.pooled([window]) for window in _windows()])
    assert _cosine(runtime.pooled(_windows()), alone) > (0.99999 if precision != "bfloat16" else 0.9999)


@pytest.mark.parametrize("precision", EVERY)
def test_two_threads_at_once_get_what_one_gets(precision: str, tiny_bert: Path, exports: Path) -> None:
    runtime = _open(tiny_bert, precision, exports)
    batches = [_windows()[: 1 + number % len(LENGTHS)] for number in range(24)]
    expected = [runtime.pooled(batch) for batch in batches]
    with ThreadPoolExecutor(2) as threads:
        for found, alone in zip(threads.map(runtime.pooled, batches), expected, strict=True):
            np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("precision", ["int8", "onnx-float32"])
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


def test_bert_is_packed_and_gpt_is_padded(tiny_bert: Path, tiny_gpt: Path, tmp_path: Path) -> None:
    assert isinstance(_open(tiny_bert, "float32", tmp_path), PackedRuntime)
    assert isinstance(_open(tiny_gpt, "float32", tmp_path), PaddedRuntime)


def test_a_roberta_counts_positions_from_after_the_padding(tiny_bert: Path, tmp_path: Path) -> None:
    from transformers import XLMRobertaConfig, XLMRobertaModel

    config = XLMRobertaConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40, pad_token_id=1, initializer_range=0.5,
    )  # fmt: skip
    XLMRobertaModel(config).save_pretrained(tmp_path)
    runtime = _open(tmp_path, "float32", tmp_path / "cache")
    assert isinstance(runtime, PackedRuntime)
    model = PaddedRuntime(checkpoint.find(str(tmp_path)), device="cpu")
    windows = [[token for token in window if token != 1] for window in _windows()]
    np.testing.assert_allclose(runtime.pooled(windows), model.pooled(windows), atol=1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_a_processor_without_bfloat16_or_int8_sums_serves_what_another_one_trained(
    precision: str, tiny_bert: Path, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _open(tiny_bert, precision, exports).pooled(_windows())
    monkeypatch.setattr(packed, "computes_bfloat16", lambda: False)
    monkeypatch.setattr(int8, "sums_int8", lambda: False)
    elsewhere = _open(tiny_bert, precision, exports).pooled(_windows())
    assert _cosine(elsewhere, here) > LEAST_COSINE.get(precision, LEAST_INT8)
    expected = PaddedRuntime(checkpoint.find(str(tiny_bert)), device="cpu").pooled(_windows())
    assert not np.array_equal(elsewhere, _open(tiny_bert, "float32", exports).pooled(_windows()))
    assert _cosine(elsewhere, expected) > LEAST_COSINE.get(precision, LEAST_INT8)


def test_int8_of_a_gpt_names_the_runtimes_that_serve_it(tiny_gpt: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="openvino-int8 or onnx-int8"):
        _open(tiny_gpt, "int8", tmp_path)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tiny_bert: Path) -> None:
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "onnxruntime" else name)
    with pytest.raises(DataError, match=r"onnxruntime not installed.*purchasing-power\[onnx\]"):
        open_runtime(checkpoint.find(str(tiny_bert)), "onnx-float32", "cpu")
    assert "onnx-float32" not in base.installed() and "float32" in base.installed()


def test_an_unknown_runtime_lists_those_allowed(tiny_bert: Path) -> None:
    with pytest.raises(DataError, match="float32, bfloat16, int8"):
        open_runtime(checkpoint.find(str(tiny_bert)), "fp8", "cpu")
    with pytest.raises(DataError, match="auto, cpu, cuda"):
        open_runtime(checkpoint.find(str(tiny_bert)), "float32", "tpu")


def test_two_writers_of_one_export_leave_one_whole(tmp_path: Path) -> None:
    from purchasing_power.text.runtime.exports import exported

    def write(folder: Path) -> None:
        # The other writer is done before this one.
        (folder / "graph").write_text("mine")
        other = tmp_path / "print" / "int8"
        other.mkdir()
        (other / "graph").write_text("theirs")

    with exported(tmp_path, "print", "int8", write) as folder:
        assert (folder / "graph").read_text() == "theirs"
    assert os.listdir(tmp_path / "print") == ["int8"]


@pytest.mark.parametrize("precision", ["onnx-float32", "onnx-int8"])
def test_the_weights_of_an_onnx_graph_are_mapped_and_not_copied(
    precision: str, tiny_bert: Path, tmp_path: Path
) -> None:
    runtime = _open(tiny_bert, precision, tmp_path)
    [weights] = tmp_path.glob(f"*/{precision}/graph.weights")
    assert weights.stat().st_mode & 0o444 == 0o444
    assert str(weights) in Path("/proc/self/maps").read_text()
    assert runtime.pooled(_windows()).shape[0] == len(LENGTHS)
