"""Names of the files in a bundle, and the encoder that lies beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from purchasing_power.errors import DataError

DESCRIPTION, PURCHASE = "bundle.json", "purchase"
SCORER, CALIBRATOR = "scorer", "calibrator.skops"
# Of a scorer on the feature matrix: its blocks, the encoder that they read, vectors that came along.
FEATURES, ENCODER, WARM = "features.skops", "encoder.json", "vectors"
# Its head: LightGBM's text, scikit-learn's estimator, or a network's folder.
TREES, ESTIMATOR, NETWORK = "trees.txt", "head.skops", "mlp"
# Of a blend: what it predicts, and a folder for each member.
BLEND, MEMBER = "blend.json", "member_{}"


def read_description(folder: Path) -> dict[str, Any]:
    """What a bundle of any kind says of itself.

    Raises
    ------
    DataError
        If the folder is no bundle.
    """
    try:
        description: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"model bundle: no readable {DESCRIPTION} in {folder}. Give the bundle folder of a trained model."
        ) from error
    return description


def kind_of(folder: Path) -> str:
    """Name of the kind of model that a bundle holds; one from before there were kinds holds a purchase model."""
    return str(read_description(folder).get("kind", PURCHASE))


def encoder_block(features: Any) -> Any:
    """The fitted block that reads an encoder's vectors, or ``None``."""
    blocks = [block for name, block, _ in features.transformers_ if name == "encoder"]
    return next((block.steps[0][1] if hasattr(block, "steps") else block for block in blocks), None)


def open_encoder_block(features: Any, folder: Path) -> None:
    """Let the encoder block read the encoder and the vectors that came along with a scorer's folder."""
    block = encoder_block(features)
    if block is not None:
        saved = json.loads((folder / ENCODER).read_text())
        block.encoder = f"{folder.parent / saved['folder']}?runtime={saved['runtime']}"
        block.warm_store, block.store = str(folder.parent / WARM), None
