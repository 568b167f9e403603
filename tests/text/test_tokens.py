from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from purchasing_power.text import checkpoint
from purchasing_power.text.tokens import TOKENS_FILE, open_tokens, save_tokens

TEXTS = ["Red milk!", "", "我喜欢 [SEP] 😀", "milk " * 60]


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_one_window_holds_the_tokens_that_transformers_gives(model: str, request: pytest.FixtureRequest) -> None:
    from transformers import AutoTokenizer

    folder = request.getfixturevalue(model)
    found = open_tokens(checkpoint.find(str(folder))).windows(TEXTS[:1] + TEXTS[2:3])
    assert found.ids == AutoTokenizer.from_pretrained(folder)(TEXTS[:1] + TEXTS[2:3])["input_ids"]


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt"])
def test_saved_tokens_are_the_same_and_need_no_transformers(
    model: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = checkpoint.find(f"{request.getfixturevalue(model)}?prefix=red%3A%20")
    source.copy(tmp_path)
    save_tokens(source, tmp_path)
    code = (
        "import sys; from purchasing_power.text import checkpoint; "
        "from purchasing_power.text.tokens import open_tokens; "
        f"print(open_tokens(checkpoint.find({str(tmp_path)!r})).windows({TEXTS!r}).ids); "
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(open_tokens(source).windows(TEXTS).ids)


def test_saved_tokens_of_files_that_have_changed_are_not_read(tiny_bert: Path, tmp_path: Path) -> None:
    source = checkpoint.find(str(tiny_bert))
    source.copy(tmp_path)
    save_tokens(source, tmp_path)
    (tmp_path / TOKENS_FILE).write_text((tmp_path / TOKENS_FILE).read_text().replace("milk", "kmil"))
    tampered = open_tokens(checkpoint.find(str(tmp_path))).windows(["milk"]).ids
    assert tampered != open_tokens(source).windows(["milk"]).ids
    # Another pooling is another fingerprint.
    other = open_tokens(checkpoint.find(f"{tmp_path}?pooling=max")).windows(["milk"]).ids
    assert other == open_tokens(source).windows(["milk"]).ids
