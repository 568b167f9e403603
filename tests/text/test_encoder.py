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

TEXTS = [
    "red milk",
    "",
    "a",
    "我喜欢红色衣服",
    "good 😀 shirt",
    "z" * 20,
    "milk " * 25,
    "milk " * 300 + "red",
    "red",
]


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
    monkeypatch.setattr(module, "TOKEN_BUDGET", 60)
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


def test_a_long_text_is_the_mean_of_its_windows_weighted_by_tokens(tiny_bert: Path) -> None:
    # 30 tokens fit beside [CLS] and [SEP]: windows of 30 and 6 tokens.
    whole = Encoder.open(str(tiny_bert)).encode(["milk " * 30 + "red " * 6])[0]
    means = [_hidden(tiny_bert, text).mean(axis=0) for text in ("milk " * 30, "red " * 6)]
    np.testing.assert_allclose(whole, _unit((30 * means[0] + 6 * means[1]) / 36), atol=1e-5)


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


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_a_saved_model_gives_the_same_fingerprint_and_vectors(
    model: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    encoder = Encoder.open(str(request.getfixturevalue(model)))
    encoder.save(tmp_path / "saved")
    again = Encoder.open(str(tmp_path / "saved"))
    assert again is not encoder
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(again.encode(TEXTS), encoder.encode(TEXTS))


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
        for noun in (
            "milk",
            "shoes",
            "Käse 2.5%",
            "衣服，质量不错。I bought it twice and would buy it again!",
        )
    ]
    expected = sentence_transformers.SentenceTransformer(str(encoder.source.folder), device="cpu").encode(
        texts
    )
    np.testing.assert_allclose(encoder.encode(texts), expected, atol=1e-5)
