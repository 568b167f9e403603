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


def test_every_option_that_changes_a_vector_changes_the_fingerprint(tiny_bert: Path) -> None:
    options = ("", "?pooling=max", "?max_length=16", "?overlap=3", "?prefix=query", "?prefix=query%3A", "?layers=1")
    found = {checkpoint.find(f"{tiny_bert}{option}").fingerprint() for option in options}
    assert len(found) == len(options)
    assert checkpoint.find(f"{tiny_bert}?pooling=mean&runtime=onnx-float32&device=cpu").fingerprint() in found


def test_a_copy_keeps_the_fingerprint_and_the_options(tiny_gpt: Path, tmp_path: Path) -> None:
    source = checkpoint.find(f"{tiny_gpt}?pooling=weighted_mean&max_length=24&overlap=7&prefix=query%3A%20")
    source.copy(tmp_path / "new" / "gpt")
    copied = checkpoint.find(str(tmp_path / "new" / "gpt"))
    assert copied.fingerprint() == source.fingerprint()
    assert (copied.pooling, copied.max_length, copied.overlap, copied.prefix) == ("weighted_mean", 24, 7, "query: ")
    assert checkpoint.find(f"{tmp_path / 'new' / 'gpt'}?pooling=last").pooling == "last"


def test_windows_overlap_by_an_eighth_unless_told(tiny_bert: Path, tmp_path: Path) -> None:
    assert checkpoint.find(str(tiny_bert)).overlap == 4
    assert checkpoint.find(f"{tiny_bert}?max_length=16").overlap == 2
    assert checkpoint.find(f"{tiny_bert}?overlap=0").overlap == 0
    checkpoint.find(f"{tiny_bert}?overlap=16").copy(tmp_path)
    assert checkpoint.find(f"{tmp_path}?max_length=16").overlap == 2


def test_windows_that_the_model_does_not_allow_are_refused(tiny_bert: Path) -> None:
    with pytest.raises(DataError, match=r"max_length: got 65; the model has positions for 64 tokens"):
        checkpoint.find(f"{tiny_bert}?max_length=65")
    with pytest.raises(DataError, match="overlap: got 17; at most 16, half of max_length"):
        checkpoint.find(f"{tiny_bert}?overlap=17")


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode_weightedmean_tokens": True}, "weighted_mean"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean"),
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"embedding_dimension": 16}, "mean"),
    ],
)
def test_sentence_transformers_own_files_say_the_pooling(config: dict[str, object], pooling: str, copy: Path) -> None:
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text(json.dumps(config))
    assert checkpoint.find(str(copy)).pooling == pooling
    assert checkpoint.find(f"{copy}?pooling=max").pooling == "max"


def test_joined_poolings_need_a_choice_and_a_dense_layer_is_not_left_out_silently(copy: Path) -> None:
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": ["cls", "mean"]}))
    with pytest.raises(DataError, match=r"join 2 poolings \(cls, mean\).*\?pooling=cls"):
        checkpoint.find(str(copy))
    kinds = ("Transformer", "Pooling", "Dense", "Normalize")
    modules = [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds]
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.warns(UserWarning, match="would also apply Dense, which is left out"):
        assert checkpoint.find(f"{copy}?pooling=mean").pooling == "mean"


def test_a_default_prompt_is_the_prefix_unless_told(copy: Path) -> None:
    prompts = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    (copy / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    assert checkpoint.find(str(copy)).prefix == "query: "
    assert checkpoint.find(f"{copy}?prefix=").prefix == ""


def test_a_missing_folder_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder\. Give minilm"):
        checkpoint.find(str(tmp_path / "nothing"))


def test_a_missing_folder_before_a_question_mark_says_that_no_path_may_hold_one(tmp_path: Path) -> None:
    (tmp_path / "what?pooling=mean").mkdir()
    with pytest.raises(DataError, match=r"no such folder .*no path may hold one"):
        checkpoint.find(str(tmp_path / "what?pooling=mean"))


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
