"""The scorer and the calibration of a bundle as plain attributes, for who computes with them without scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path

from purchasing_power.model.bundle_files import (
    BLEND,
    CALIBRATOR,
    ESTIMATOR,
    FEATURES,
    MEMBER,
    NETWORK,
    SCORER,
    WARM,
    encoder_reference,
)
from purchasing_power.model.params import ModelParams
from purchasing_power.model.table_scorer import MatrixHead
from purchasing_power.serving.fast.fitted_files import Fitted, Unknown, read


def read_scorer(folder: Path, params: ModelParams) -> Fitted:
    """Read the scorer of a bundle.

    Raises
    ------
    Unknown
        If a part of it can be computed by nothing but the library that fitted it.
    """
    return _scorer(folder / SCORER, params)


def read_calibrator(folder: Path) -> Fitted | None:
    """Read the calibration of a bundle; see :func:`read_scorer`."""
    return read(folder / CALIBRATOR) if (folder / CALIBRATOR).exists() else None


def _scorer(folder: Path, params: ModelParams) -> Fitted:
    if params.members:
        members = [
            _scorer(folder / MEMBER.format(number), member.params)
            for number, member in enumerate(params.members)
        ]
        weights = [member.weight for member in params.members]
        task = json.loads((folder / BLEND).read_text())["task"]
        return Fitted("BlendScorer", {"scorers": members, "weights": weights, "task": task})
    if not isinstance(params.head, MatrixHead):
        raise Unknown(params.head.name)
    features = read(folder / FEATURES)
    reference = encoder_reference(folder)
    if reference is not None:
        _set_encoder(features, reference, folder.parent / WARM)
    # A network is read without scikit-learn as it is.
    fitted = params.head.read(folder) if (folder / NETWORK).exists() else read(folder / ESTIMATOR)
    return Fitted("TableScorer", {"features": features, "fitted": fitted})


def _set_encoder(features: Fitted, reference: str, warm: Path) -> None:
    """As :func:`~purchasing_power.model.features.set_encoder` does."""
    for name, block, _ in features.transformers_:
        if name == "encoder":
            text = block.steps[0][1] if hasattr(block, "steps") else block
            text.__dict__ |= {"encoder": reference, "warm_store": str(warm), "store": None}
