"""Tests of the entry points: MLproject is the only home of defaults, and wrong parameters are met."""

from __future__ import annotations

import importlib
import re
from dataclasses import MISSING, dataclass, fields, make_dataclass
from typing import ClassVar

import pytest

from purchasing_power.snapshot.settings import SnapshotSettings
from steps.retrain import KEPT
from tracking.chain import entry_points, options_of
from tracking.entry import Parser, choice, count, number, optional_date, parameter, parse, subset

POINTS = entry_points()
# Entry point, the parameter's name before, and its name now.
RENAMED = [("monitor", "matter", "drift_importance"), ("watch", "matter", "drift_importance")]


def test_a_retrained_model_has_the_snapshot_of_the_version_in_production() -> None:
    settings = {one.name for one in fields(SnapshotSettings)}
    assert set(KEPT) == settings - {"last_cutoff"}
    assert settings < set(POINTS["snapshot"].defaults)


@dataclass(frozen=True)
class Asked:
    """A step's parameters."""

    RENAMED: ClassVar[dict[str, str]] = {"weight": "share"}

    share: float = parameter("a share", number)
    seed: int = parameter("a seed", count)


@pytest.mark.parametrize("name", POINTS)
def test_mlproject_and_options_have_the_same_parameters(name: str) -> None:
    point = POINTS[name]
    names = [one.name for one in fields(importlib.import_module(point.module).Options)]
    assert names == list(point.defaults)
    assert re.findall(r"--(\w+) {(\w+)}", point.command) == [(key, key) for key in point.defaults]


@pytest.mark.parametrize("name", POINTS)
def test_options_have_no_defaults_and_take_those_of_mlproject(name: str) -> None:
    options = importlib.import_module(POINTS[name].module).Options
    assert all(one.default is MISSING and one.default_factory is MISSING for one in fields(options))
    assert isinstance(options_of(name, {}), options)


def test_a_default_is_the_same_wherever_a_parameter_appears() -> None:
    homes: dict[str, dict[str, str]] = {}
    for point in POINTS.values():
        for key, value in point.defaults.items():
            homes.setdefault(key, {})[point.name] = value
    differing = {key: found for key, found in homes.items() if len(set(found.values())) > 1}
    # A retrain tries fewer trials and may start from tables; each step acts on its own stage and need of users;
    # a server has two processes, a study one, whose draws the seed alone decides; a file's user is a column, an
    # explanation's user is one of them.
    assert set(differing) == {"trials", "version", "users", "min_users", "workers", "user"}


def test_a_typo_is_answered_with_the_nearest_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(Asked, "train")
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--share", "1", "--seed", "0", "--sahre", "2"])
    assert stop.value.code == 2
    assert "unknown parameter 'sahre'; allowed are share, seed. Did you mean share?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given", [["--weight", "1"], ["--share", "1", "--weight", "1"], ["--share", "1", "--weight=1"]]
)
def test_a_renamed_parameter_is_refused_with_its_new_name(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(Asked, given)
    assert stop.value.code == 2
    assert "parameter 'weight' was renamed to 'share'" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "old", "new"), RENAMED)
def test_mlflow_run_with_a_renamed_parameter_is_refused_with_the_new_name(
    name: str, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # MLflow writes a parameter that MLproject does not have behind the command.
    words_given = [*POINTS[name].arguments({}), f"--{old}", "0.3"]
    with pytest.raises(SystemExit):
        parse(importlib.import_module(POINTS[name].module).Options, words_given)
    assert f"parameter {old!r} was renamed to {new!r}" in capsys.readouterr().err


@pytest.mark.parametrize("name", POINTS)
def test_no_renamed_parameter_is_still_taken_and_its_new_name_is(name: str) -> None:
    parser = Parser(importlib.import_module(POINTS[name].module).Options, name)
    assert not set(parser.renamed) & set(parser.names)
    assert set(parser.renamed.values()) <= set(parser.names)


def test_options_hold_the_parsed_values() -> None:
    assert parse(Asked, ["--share", "0.5", "--seed", "3"]) == Asked(share=0.5, seed=3)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (count, "-1"),
        (count, "many"),
        (number, "nan"),
        (number, "x"),
        (optional_date, "3.12.2017"),
        (choice("a"), "b"),
        (subset("a"), "a,c"),
        (subset("a"), ","),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(kind, wrong, capsys: pytest.CaptureFixture[str]) -> None:
    options = make_dataclass("One", [("it", str, parameter("it", kind))])
    with pytest.raises(SystemExit):
        parse(options, ["--it", wrong])
    assert "argument --it" in capsys.readouterr().err
