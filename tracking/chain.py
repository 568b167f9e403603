"""Runs several entry points in this process, each as a nested run, as MLproject writes them."""

from __future__ import annotations

import importlib
import shlex
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import mlflow
import yaml

from purchasing_power.errors import DataError
from tracking import entry, runs

MLPROJECT = runs.ROOT / "MLproject"


@dataclass(frozen=True)
class EntryPoint:
    """One entry point of MLproject: parameter defaults, the module and its argument template."""

    name: str
    defaults: dict[str, str]
    command: str

    @property
    def module(self) -> str:
        """Module that ``python -m`` runs."""
        return shlex.split(self.command)[2]

    def arguments(self, parameters: dict[str, str]) -> list[str]:
        """Command-line arguments, with the given parameters in place of the defaults."""
        values = {**self.defaults, **parameters}
        return shlex.split(self.command.format(**{key: shlex.quote(text) for key, text in values.items()}))[3:]


def entry_points() -> dict[str, EntryPoint]:
    """Every entry point of MLproject by name."""
    project: dict[str, Any] = yaml.safe_load(MLPROJECT.read_text(encoding="utf-8"))
    return {
        name: EntryPoint(
            name,
            {key: str(rule["default"]) for key, rule in (body.get("parameters") or {}).items()},
            str(body["command"]),
        )
        for name, body in project["entry_points"].items()
    }


def options_of(name: str, given: dict[str, str]) -> Any:
    """Options of an entry point: the defaults of MLproject, and what is given of its parameters."""
    step = entry_points()[name]
    return _parse(step, _chosen(step, given))[1]


def check_steps(names: list[str], given: dict[str, str]) -> None:
    """Check the parameters of entry points before the first one starts; a wrong one ends the process."""
    known = entry_points()
    for name in names:
        _parse(known[name], _chosen(known[name], given))


def run_steps(names: list[str], given: dict[str, str]) -> dict[str, str]:
    """Run entry points in order, each as a run nested in the active one, and collect their outputs.

    A step's parameter takes the output of an earlier step by the same name, else the value in
    ``given``, else its default in MLproject. Every parameter is checked before the first step starts.
    Modules are imported once, in this process.
    """
    check_steps(names, given)
    known = entry_points()
    outputs: dict[str, str] = {}
    for name in names:
        step = known[name]
        outputs |= _run(step, _chosen(step, {**given, **outputs}))
    return outputs


def _chosen(step: EntryPoint, pool: dict[str, str]) -> dict[str, str]:
    return {key: pool[key] for key in step.defaults if key in pool}


def _parse(step: EntryPoint, chosen: dict[str, str]) -> tuple[ModuleType, Any]:
    module = importlib.import_module(step.module)
    return module, entry.parse(module.Options, step.arguments(chosen), step.name)


def _run(step: EntryPoint, chosen: dict[str, str]) -> dict[str, str]:
    module, options = _parse(step, chosen)
    with mlflow.start_run(run_name=step.name, nested=True):
        runs.mark(step.name)
        mlflow.set_tag("mlflow.project.entryPoint", step.name)
        mlflow.log_params({**step.defaults, **chosen})
        made = module.run(options) or {}
        runs.record(made)
    if not isinstance(made, dict):
        raise DataError(f"{step.name}: an entry point gives a dict of outputs, not {type(made).__name__}.")
    return made
