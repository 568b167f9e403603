from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from purchasing_power.errors import DataError
from purchasing_power.text import encoder as module
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.runtime import base

TEXTS = ["red milk", "", "a", "我喜欢红色衣服", "good 😀 shirt", "z" * 20, "milk " * 25, "milk " * 300 + "red", "red"]
OPTIONS = "?pooling=max&max_length=20&overlap=5&prefix=red%3A%20"


def _hidden(folder: Path, text: str) -> np.ndarray:
    """Last layer of one text, straight from transformers: shape (n_tokens, dimension)."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(folder).eval()(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        )
    return hidden.last_hidden_state[0].numpy()


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_bert_like_vectors_are_the_mean_of_the_tokens(tiny_bert: Path) -> None:
    texts = ["red milk", "我喜欢红色衣服", "shirt"]
    for text, vector in zip(texts, Encoder.open(str(tiny_bert)).encode(texts), strict=True):
        np.testing.assert_allclose(vector, _unit(_hidden(tiny_bert, text).mean(axis=0)), atol=1e-5)


def test_gpt_like_vectors_are_the_last_token(tiny_gpt: Path) -> None:
    texts = ["red milk", "衣服", "a"]
    for text, vector in zip(texts, Encoder.open(str(tiny_gpt)).encode(texts), strict=True):
        np.testing.assert_allclose(vector, _unit(_hidden(tiny_gpt, text)[-1]), atol=1e-5)


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_a_vector_does_not_depend_on_its_batch(
    model: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder.open(str(request.getfixturevalue(model)))
    together = encoder.encode(TEXTS)
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])
    monkeypatch.setattr(encoder._ready().runtime, "budget", 60)
    monkeypatch.setattr(module, "CHUNK_TEXTS", 2)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together[::-1], encoder.encode(TEXTS[::-1]), atol=1e-5)


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_every_text_has_a_finite_unit_vector(model: str, request: pytest.FixtureRequest) -> None:
    vectors = Encoder.open(str(request.getfixturevalue(model))).encode(TEXTS)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), 16))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_the_end_of_a_long_text_counts(model: str, request: pytest.FixtureRequest) -> None:
    encoder = Encoder.open(str(request.getfixturevalue(model)))
    start = "milk " * 100
    one, other = encoder.encode([start + "red", start + "zzz"])
    assert np.abs(one - other).max() > 1e-4


def test_a_long_text_is_the_mean_of_its_windows_with_every_token_counted_once(tiny_bert: Path) -> None:
    # 30 tokens fit beside [CLS] and [SEP]: windows of 30 and 6 tokens, or of 30 and 10 that share 4.
    text = "milk " * 30 + "red " * 6
    for overlap, parts, weights in (
        (0, ("milk " * 30, "red " * 6), (30, 6)),
        (4, ("milk " * 30, "milk " * 4 + "red " * 6), (28, 8)),
    ):
        whole = Encoder.open(f"{tiny_bert}?overlap={overlap}").encode([text])[0]
        means = [_hidden(tiny_bert, part).mean(axis=0) for part in parts]
        np.testing.assert_allclose(whole, _unit(np.average(means, axis=0, weights=weights)), atol=1e-5)


POOLED = {
    "mean": lambda hidden: hidden.mean(axis=0),
    "cls": lambda hidden: hidden[0],
    "max": lambda hidden: hidden.max(axis=0),
    "last": lambda hidden: hidden[-1],
    "weighted_mean": lambda hidden: np.average(hidden, axis=0, weights=np.arange(1, len(hidden) + 1)),
}


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
@pytest.mark.parametrize("pooling", POOLED)
def test_any_model_may_be_pooled_in_any_way(pooling: str, model: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(model)
    # Padded beside a longer text, which must not leak in.
    texts = ["red milk", "shirt", "good 😀 shirt"]
    for text, vector in zip(texts, Encoder.open(f"{folder}?pooling={pooling}").encode(texts), strict=True):
        np.testing.assert_allclose(vector, _unit(POOLED[pooling](_hidden(folder, text))), atol=1e-5)


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_a_prefix_stands_before_the_text_and_before_every_window(model: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(model)
    plain = Encoder.open(f"{folder}?overlap=0")
    prefixed = Encoder.open(f"{folder}?overlap=0&prefix=red%3A%20")
    texts = ["milk", "", "good 😀"]
    np.testing.assert_allclose(prefixed.encode(texts), plain.encode([f"red: {text}" for text in texts]), atol=1e-5)
    ids = prefixed._ready().tokens.windows(["milk " * 100]).ids
    lead = plain._ready().tokens.windows(["red:"]).ids[0]
    lead = lead[: len(lead) - len(plain._ready().tokens.after)]
    assert len(ids) > 3
    assert all(window[: len(lead)] == lead for window in ids)


def test_a_prefix_that_leaves_no_room_is_refused(tiny_bert: Path) -> None:
    with pytest.raises(DataError, match="prefix take 14 and the overlap 2, so no window gets on"):
        Encoder.open(f"{tiny_bert}?max_length=16&prefix={'a' * 12}").encode(["milk"])


def test_repeated_texts_are_run_once(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder.open(str(tiny_bert))
    ran: list[int] = []
    loaded = encoder._ready()
    pooled = loaded.runtime.pooled
    monkeypatch.setattr(loaded.runtime, "pooled", lambda ids: ran.append(len(ids)) or pooled(ids))
    found = encoder.encode(["red", "milk", "red", "red"])
    assert sum(ran) == 2
    np.testing.assert_array_equal(found[[0, 0]], found[[2, 3]])


def test_a_runtime_and_a_device_that_cannot_be_are_refused(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for left_open in ("auto", "exact"):
        with pytest.raises(DataError, match=f"got {left_open}, which is chosen on the texts"):
            Encoder.open(f"{tiny_bert}?runtime={left_open}")
    with pytest.raises(DataError, match="onnx-int8 runs on the processor alone"):
        Encoder.open(f"{tiny_bert}?runtime=onnx-int8&device=cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DataError, match=r"device: got cuda.*Set device to auto or cpu"):
        Encoder.open(f"{tiny_bert}?device=cuda").encode(["red"])


def test_runtimes_have_keys_and_encoders_of_their_own_but_one_fingerprint(tiny_bert: Path) -> None:
    one, other = Encoder.open(str(tiny_bert)), Encoder.open(f"{tiny_bert}?runtime=onnx-float32")
    assert one is not other
    assert one.fingerprint == other.fingerprint
    assert (one.store_key, other.store_key) == (f"{one.fingerprint}-float32", f"{one.fingerprint}-onnx-float32")
    assert one.size_mb == (tiny_bert / "model.safetensors").stat().st_size / 1e6


def test_the_same_texts_in_another_order_have_the_same_vectors_to_the_last_digit(tiny_bert: Path) -> None:
    encoder = Encoder.open(str(tiny_bert))
    texts = [f"{word} {number}" for word in ("red", "milk", "shirt") for number in range(40)]
    mixed = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_array_equal(encoder.encode([texts[at] for at in mixed]), encoder.encode(texts)[mixed])


def test_no_texts_give_no_vectors(tiny_bert: Path) -> None:
    assert Encoder.open(str(tiny_bert)).encode([]).shape == (0, 16)


def test_a_model_is_opened_once_and_again_when_its_files_change(tiny_bert: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "model")
    first = Encoder.open(str(folder))
    assert Encoder.open(str(folder)) is first
    (folder / "tokenizer_config.json").write_text(
        json.dumps({**json.loads((folder / "tokenizer_config.json").read_text()), "model_max_length": 16})
    )
    assert Encoder.open(str(folder)) is not first


@pytest.mark.parametrize(("model", "options"), [("tiny_bert", ""), ("tiny_gpt", OPTIONS), ("tiny_bert", OPTIONS)])
def test_a_saved_model_gives_the_same_fingerprint_and_vectors(
    model: str, options: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    encoder = Encoder.open(f"{request.getfixturevalue(model)}{options}")
    encoder.save(tmp_path / "saved")
    again = Encoder.open(f"{tmp_path / 'saved'}?runtime={encoder.precision}")
    assert again is not encoder
    assert again.store_key == encoder.store_key
    np.testing.assert_array_equal(again.encode(TEXTS), encoder.encode(TEXTS))


@pytest.mark.parametrize("precision", ["onnx-float32", "onnx-int8"])
def test_a_saved_model_brings_its_exported_graph(
    precision: str, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(module.EXPORTS_VARIABLE, str(tmp_path / "exports"))
    encoder = Encoder.open(f"{tiny_bert}?runtime={precision}&max_length=24")
    expected = encoder.encode(TEXTS)
    encoder.save(tmp_path / "saved")
    monkeypatch.setenv(module.EXPORTS_VARIABLE, str(tmp_path / "nowhere"))
    # A server installs what runs a graph alone.
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == "onnx" else name)
    again = Encoder.open(f"{tmp_path / 'saved'}?runtime={precision}")
    np.testing.assert_array_equal(again.encode(TEXTS), expected)
    assert again.fingerprint == encoder.fingerprint
    assert not (tmp_path / "nowhere").exists()


def test_a_graph_of_the_recipe_before_stays_what_the_model_is_read_with(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(module.EXPORTS_VARIABLE, str(tmp_path / "exports"))
    new = Encoder.open(f"{tiny_bert}?runtime=onnx-int8")
    new.save(tmp_path / "saved")
    graphs = tmp_path / "saved" / "graphs" / new.fingerprint
    [graph] = graphs.iterdir()
    assert new.store_key == f"{new.fingerprint}-{graph.name}" != f"{new.fingerprint}-onnx-int8"
    graph.rename(graphs / "onnx-int8")
    old = Encoder.open(f"{tmp_path / 'saved'}?runtime=onnx-int8")
    assert old.store_key == f"{new.fingerprint}-onnx-int8"
    monkeypatch.setenv(module.EXPORTS_VARIABLE, str(tmp_path / "nowhere"))
    np.testing.assert_array_equal(old.encode(TEXTS), new.encode(TEXTS))
    assert not (tmp_path / "nowhere").exists()


def test_threads_may_share_an_encoder(tiny_bert: Path, tmp_path: Path) -> None:
    encoder = Encoder.open(str(shutil.copytree(tiny_bert, tmp_path / "fresh")))
    expected = Encoder.open(str(tiny_bert)).encode(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: encoder.encode(TEXTS), range(12)):
            np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_weights_missing_from_the_file_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = Path(shutil.copytree(tiny_bert, tmp_path / "holed"))
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match="1 weights are not in the file"):
        Encoder.open(str(folder)).encode(["red"])


def test_a_damaged_model_is_refused_without_a_vector(tiny_bert: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = Path(shutil.copytree(tiny_bert, tmp_path / "nan"))
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.1.output.dense.bias"][:] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match="NaN or infinity"):
        Encoder.open(str(folder)).encode(["red"])
    truncated = Path(shutil.copytree(tiny_bert, tmp_path / "short"))
    (truncated / "model.safetensors").write_bytes((truncated / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(DataError, match="cannot load it"):
        Encoder.open(str(truncated)).encode(["red"])


@pytest.mark.slow
def test_minilm_equals_sentence_transformers() -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    encoder = Encoder.open("minilm")
    texts = [
        f"{adjective} {noun}"
        for adjective in ("fresh red", "cheap", "großer", "很好的", "😀")
        for noun in ("milk", "shoes", "Käse 2.5%", "衣服，质量不错。I bought it twice and would buy it again!")
    ]
    model = sentence_transformers.SentenceTransformer(str(encoder.source.folder), device="cpu")
    np.testing.assert_allclose(encoder.encode(texts), model.encode(texts), atol=1e-5)
    prefixed = Encoder.open("minilm?prefix=query%3A%20").encode(texts)
    np.testing.assert_allclose(prefixed, model.encode(texts, prompt="query: "), atol=1e-5)
