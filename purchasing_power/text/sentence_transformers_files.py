"""What sentence-transformers' own files in a model folder say about pooling and prefix."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from purchasing_power.errors import DataError
from purchasing_power.text.encoder_spec import CLS, LAST, MAX, MEAN, WEIGHTED_MEAN

MODULES, PROMPTS = "modules.json", "config_sentence_transformers.json"
POOLING_FOLDER = "1_Pooling"
NAMES = (MODULES, PROMPTS, f"{POOLING_FOLDER}/config.json", "sentence_bert_config.json")
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


def settings(name: str, folder: Path, pooling: str | None) -> dict[str, Any]:
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
        key.removeprefix("pooling_mode_")
        for key, on in config.items()
        if key.startswith("pooling_mode_") and on
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
