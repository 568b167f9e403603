"""The registry of kinds: which module makes which kind, and how a bundle is opened whatever its kind."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from purchasing_power.errors import DataError
from purchasing_power.model.bundle_files import PURCHASE, kind_of

if TYPE_CHECKING:
    # Importing the contract imports what its kinds stand on; who only lists stages needs none of it.
    from purchasing_power.kinds.kind import Kind

# The module of each kind, which holds it as KIND. It is imported when the kind is asked for.
KINDS = {PURCHASE: "purchasing_power.kinds.purchase"}


def kind(name: str) -> Kind:
    """The kind of a name.

    Raises
    ------
    DataError
        If there is none.
    """
    if name not in KINDS:
        raise DataError(f"kind: got {name!r}; allowed are {', '.join(KINDS)}. Set one of them.")
    found: Kind = import_module(KINDS[name]).KIND
    return found


def open_bundle(folder: Path) -> tuple[Kind, Any]:
    """The kind of a bundle, and the model in it; nothing in the folder is run.

    Raises
    ------
    DataError
        If the folder is no bundle, or of a kind that is not registered.
    """
    found = kind(kind_of(folder))
    return found, found.load(folder)
