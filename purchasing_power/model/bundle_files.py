"""Names of the files in a bundle, and what is told of the encoder beside them."""

from __future__ import annotations

import json
from pathlib import Path

from purchasing_power.errors import DataError

DESCRIPTION = "bundle.json"
SCORER, CALIBRATOR = "scorer", "calibrator.skops"
# Of a scorer on the feature matrix: its blocks, the encoder that they read, vectors that came along.
FEATURES, ENCODER, WARM = "features.skops", "encoder.json", "vectors"
# Its head: LightGBM's text, scikit-learn's estimator, or a network's folder.
TREES, ESTIMATOR, NETWORK = "trees.txt", "head.skops", "mlp"
# Of a blend: what it predicts, and a folder for each member.
BLEND, MEMBER = "blend.json", "member_{}"


def kind_of(folder: Path) -> str:
    """Name of the kind of model that a bundle holds; one from before there were kinds holds a purchase model.

    Raises
    ------
    DataError
        If the folder is no bundle.
    """
    try:
        found = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"model bundle: no readable {DESCRIPTION} in {folder}. Give the bundle folder of a trained model."
        ) from error
    return str(found.get("kind", "purchase"))


def encoder_reference(folder: Path) -> str | None:
    """Reference of the encoder beside a scorer's folder, as it was saved; ``None`` where it reads none."""
    if not (folder / ENCODER).exists():
        return None
    kept = json.loads((folder / ENCODER).read_text())
    return f"{folder.parent / kept['folder']}?runtime={kept['runtime']}"
