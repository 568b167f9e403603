"""Parameters of a model in their flat form: one mapping of common parameters, the head's name and its settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from purchasing_power.errors import DataError
from purchasing_power.model.heads.registry import DEFAULT, HEADS
from purchasing_power.model.params import Member, ModelParams, read_value

# Parameters by the names that they had, and their names now.
RENAMED = {
    "tuning": "finetune",
    "tuning_epochs": "finetune_epochs",
    "tuning_rate": "finetune_rate",
    "tuning_rows": "finetune_rows",
}
# While parameters had these names, this library wrote the settings of all heads into a file; nobody types them all.
_OF_ALL_HEADS = {"C", "gamma", "trees", "hidden", "filters", "row_documents", "members", *RENAMED}
HEAD, MEMBERS = "head", "members"


def parameters() -> dict[str, Field]:
    """Every parameter but head and members: common ones, then each head's; those of one name are alike in all heads."""
    own = {one.name: one for head in HEADS.values() for one in fields(head)}
    return {one.name: one for one in fields(ModelParams) if one.name not in (HEAD, MEMBERS)} | own


def model_params(values: Mapping[str, Any] | None = None, /, **more: Any) -> ModelParams:
    """Build from the flat form; a parameter that another head has is checked and left out.

    Parameters
    ----------
    values, more
        What :meth:`ModelParams.to_dict` gave or a part of it, and further parameters; what is missing is the default.

    Raises
    ------
    DataError
        If a key or a value is not allowed.
    """
    given = _renamed({**(values or {}), **more})
    known = parameters()
    unknown = sorted(set(given) - {HEAD, *known, MEMBERS})
    if unknown:
        raise DataError(
            f"model parameters: got unknown {', '.join(unknown)}; allowed are {', '.join((HEAD, *known, MEMBERS))}. "
            "Correct the spelling."
        )
    name = given.pop(HEAD, DEFAULT.name)
    if name not in HEADS:
        raise DataError(f"model head: got {name!r}; allowed are {', '.join(HEADS)}. Set one of them.")
    members = _members(given.pop(MEMBERS, ()))
    read = {key: read_value(known[key], value) for key, value in given.items()}
    head = HEADS[name](**{one.name: read[one.name] for one in fields(HEADS[name]) if one.name in read})
    common = {one.name: read[one.name] for one in fields(ModelParams) if one.name in read}
    return ModelParams(head=head, members=members, **common)


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
        raise DataError(f"model parameters: cannot read {path} ({error}). Give a JSON file of parameters.") from error
    if not isinstance(values, dict):
        raise DataError(f"model parameters: {path} holds a {type(values).__name__}; a JSON object is needed.")
    return model_params(values)


def refuse_old_names(names: Iterable[str]) -> None:
    """Refuse parameters by the names that they had.

    Raises
    ------
    DataError
        If there is one, with its new name.
    """
    old = [name for name in RENAMED if name in set(names)]
    if old:
        pairs = ", ".join(f"{name} is now {RENAMED[name]}" for name in old)
        raise DataError(f"model parameters: {pairs}. Write the new name.")


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    if not set(values) >= _OF_ALL_HEADS:
        refuse_old_names(values)
        return values
    return {RENAMED.get(name, name): value for name, value in values.items()}


def _members(values: Iterable[Any]) -> tuple[Member, ...]:
    try:
        return tuple(
            one if isinstance(one, Member) else Member(float(one["weight"]), model_params(one["params"]))
            for one in values
        )
    except (TypeError, ValueError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"model members: got {error}; each is an object with a weight (a number) and params. Correct them."
        ) from error
