"""Tests of the entry points: MLproject is the only home of defaults, and wrong parameters are met."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass

import pytest

from tracking.chain import entry_points
from tracking.entry import Parser, choice, number, optional_date, options, whole, words

POINTS = entry_points()


@pytest.mark.parametrize("name", POINTS)
def test_mlproject_and_parser_have_the_same_parameters(name: str) -> None:
    point = POINTS[name]
    parser = importlib.import_module(point.module).parser()
    assert parser.names == list(point.defaults)
    assert re.findall(r"--(\w+) {(\w+)}", point.command) == [(key, key) for key in point.defaults]


@pytest.mark.parametrize("name", POINTS)
def test_a_parser_has_no_defaults_and_takes_those_of_mlproject(name: str) -> None:
    point = POINTS[name]
    parser = importlib.import_module(point.module).parser()
    assert all(action.default is None for action in parser._actions if action.dest != "help")
    assert len(vars(parser.parse_args(point.arguments({})))) == len(point.defaults)


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
    parser = Parser(prog="train").add("target", "what").add("seed", "seed", whole)
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--target", "tier", "--seed", "0", "--targte", "spend"])
    assert stop.value.code == 2
    assert (
        "unknown parameter 'targte'; allowed are target, seed. Did you mean target?"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "given", [["--weight", "1"], ["--share", "1", "--weight", "1"], ["--share", "1", "--weight=1"]]
)
def test_a_renamed_parameter_is_refused_with_its_new_name(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser(prog="step").add("share", "a share", number).renamed("weight", "share")
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(given)
    assert stop.value.code == 2
    assert "parameter 'weight' was renamed to 'share'" in capsys.readouterr().err


@pytest.mark.parametrize("name", POINTS)
def test_no_renamed_parameter_is_still_taken_and_its_new_name_is(name: str) -> None:
    parser = importlib.import_module(POINTS[name].module).parser()
    assert not set(parser.new_names) & set(parser.names)
    assert set(parser.new_names.values()) <= set(parser.names)


def test_options_have_the_parsed_values_and_differ_from_the_parameters_in_none() -> None:
    @dataclass(frozen=True)
    class StepOptions:
        """A step's parameters."""

        share: float
        seed: int

    parser = Parser(prog="step").add("share", "a share", number).add("seed", "seed", whole)
    words_given = ["--share", "0.5", "--seed", "3"]
    assert options(StepOptions, parser.parse_args(words_given)) == StepOptions(share=0.5, seed=3)
    with pytest.raises(TypeError, match="users"):
        options(StepOptions, parser.add("users", "users").parse_args([*words_given, "--users", "latest"]))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (whole, "-1"),
        (whole, "many"),
        (number, "nan"),
        (number, "x"),
        (optional_date, "3.12.2017"),
        (choice("a"), "b"),
        (words("a"), "a,c"),
        (words("a"), ","),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(kind, wrong, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Parser(prog="step").add("it", "it", kind).parse_args(["--it", wrong])
    assert "argument --it" in capsys.readouterr().err
