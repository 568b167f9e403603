from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from purchasing_power.errors import DataError
from purchasing_power.text import checkpoint


@pytest.fixture
def copy(tiny_bert: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bert, tmp_path / "copy"))


def _change(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


def test_pooling_follows_the_kind_of_model(tiny_bert: Path, tiny_gpt: Path, copy: Path) -> None:
    assert checkpoint.find(str(tiny_bert)).pooling == "mean"
    assert checkpoint.find(str(tiny_gpt)).pooling == "last"
    _change(copy, is_decoder=True)
    assert checkpoint.find(str(copy)).pooling == "last"


def test_a_window_is_the_shortest_that_tokenizer_and_positions_allow(tiny_bert: Path, tiny_gpt: Path) -> None:
    assert checkpoint.find(str(tiny_bert)).max_length == 32
    assert checkpoint.find(str(tiny_gpt)).max_length == 48
    assert checkpoint.find("minilm").max_length == 256


def test_roberta_positions_begin_after_the_padding_id(copy: Path) -> None:
    _change(copy, model_type="roberta", max_position_embeddings=20, pad_token_id=1)
    assert checkpoint.find(str(copy)).max_length == 18


def test_the_fingerprint_follows_content_not_place(tiny_bert: Path, copy: Path) -> None:
    before = checkpoint.find(str(copy)).fingerprint()
    assert before == checkpoint.find(str(tiny_bert)).fingerprint()
    assert len(before) == 16
    (copy / "README.md").write_text("says nothing about vectors")
    assert checkpoint.find(str(copy)).fingerprint() == before
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert checkpoint.find(str(copy)).fingerprint() != before


def test_the_fingerprint_follows_pooling_and_window(copy: Path) -> None:
    before = checkpoint.find(str(copy)).fingerprint()
    (copy / checkpoint.SETTINGS_FILE).write_text(json.dumps({"pooling": "last", "max_length": 32}))
    last = checkpoint.find(str(copy)).fingerprint()
    (copy / checkpoint.SETTINGS_FILE).write_text(json.dumps({"pooling": "mean", "max_length": 16}))
    assert len({before, last, checkpoint.find(str(copy)).fingerprint()}) == 3


def test_a_copy_keeps_the_fingerprint(tiny_gpt: Path, tmp_path: Path) -> None:
    source = checkpoint.find(str(tiny_gpt))
    source.copy(tmp_path / "new" / "gpt")
    assert checkpoint.find(str(tmp_path / "new" / "gpt")).fingerprint() == source.fingerprint()


def test_a_missing_folder_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder\. Give minilm"):
        checkpoint.find(str(tmp_path / "nothing"))


def test_pickled_weights_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(DataError, match="read from safetensors alone"):
        checkpoint.find(str(copy))


def test_a_folder_without_a_model_and_an_encoder_decoder_are_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no config\.json"):
        checkpoint.find(str(tmp_path))
    _change(copy, is_encoder_decoder=True, model_type="t5")
    with pytest.raises(DataError, match=r"encoder-decoder model \(t5\)"):
        checkpoint.find(str(copy))


def test_a_hub_name_without_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"Check the name and the network.*minilm, which is installed"):
        checkpoint.find("someone/some-model")


def test_a_hub_model_that_was_downloaded_before_opens_offline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bert: Path
) -> None:
    from huggingface_hub import constants

    repository = tmp_path / "models--someone--tiny-bert"
    revision = "0" * 40
    shutil.copytree(tiny_bert, repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path))
    found = checkpoint.find("someone/tiny-bert")
    assert found.fingerprint() == checkpoint.find(str(tiny_bert)).fingerprint()


def test_finding_minilm_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from purchasing_power.text.encoder import Encoder; e = Encoder.open('minilm');"
        "assert e.dimension == 384 and len(e.fingerprint) == 16;"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
