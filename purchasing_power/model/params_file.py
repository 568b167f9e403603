"""Parameters of a model as a JSON file."""

from __future__ import annotations

import json
from pathlib import Path

from purchasing_power.errors import DataError
from purchasing_power.model.params import ModelParams


def read_params(path: Path) -> ModelParams:
    """Read parameters from a JSON file, such as the best ones that ``tune`` wrote.

    Raises
    ------
    DataError
        If the file is missing or is not a JSON object of parameters.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"model parameters: cannot read {path} ({error}). Give a JSON file of parameters."
        ) from error
    if not isinstance(values, dict):
        raise DataError(f"model parameters: {path} holds a {type(values).__name__}; a JSON object is needed.")
    return ModelParams.from_dict(values)
