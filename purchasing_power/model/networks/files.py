"""The files of a network with a language model: their names, and a language model's files without its weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from purchasing_power.text.checkpoint import SETTINGS_FILE, Checkpoint
from purchasing_power.text.tokens import save_tokens

# The language model, and what stands on top of it.
ENCODER, HEAD = "encoder", "head.safetensors"
SETTINGS = ("pooling", "max_length", "overlap", "prefix")


def copy_without_weights(source: Checkpoint, folder: Path) -> Checkpoint:
    """Copy configuration, tokenizer and settings to a folder, and give it as a checkpoint without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.files():
        # model.safetensors, its parts and their index.
        if not path.name.startswith("model"):
            shutil.copyfile(path, folder / path.name)
    settings = {name: getattr(source, name) for name in SETTINGS}
    (folder / SETTINGS_FILE).write_text(json.dumps(settings))
    return replace(source, folder=folder)


def save_tokenizer(source: Checkpoint, folder: Path) -> None:
    """Write what :func:`tokenizer_source` reads, so that a text is cut into the same tokens without the model."""
    save_tokens(copy_without_weights(source, folder), folder)


def tokenizer_source(folder: Path, dimension: int) -> Checkpoint:
    """Give the checkpoint, without weights, whose tokenizer :func:`save_tokenizer` wrote."""
    settings = json.loads((folder / SETTINGS_FILE).read_text())
    return Checkpoint(folder=folder, dimension=dimension, **settings)
