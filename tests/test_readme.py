"""Tests of the papers for people: commands that run as written, links that lead somewhere, two languages in step."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from purchasing_power.kinds.registry import KINDS
from purchasing_power.shop.contract import KEYS, TABLES
from purchasing_power.shop.mapping.form import parse_yaml
from purchasing_power.shop.mapping.mapping import built_in_names
from purchasing_power.shop.mapping.rules import TABLE_KEYS, check_mapping
from purchasing_power.shop.order_lines import DUPLICATES
from tracking.chain import entry_points, options_of

ROOT = Path(__file__).resolve().parents[1]
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
CONTRIBUTING, DATA = ROOT / "CONTRIBUTING.md", ROOT / "docs" / "data.md"
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")])
HEADINGS = {
    "Purchasing Power": "Purchasing Power：用户购买力预测",
    "Two commands": "两条命令",
    "The map": "项目地图",
    "Your own data": "使用自己的数据",
    "Read on": "继续阅读",
    "Limits": "局限",
}
POINTS = entry_points()
ENV_MANAGERS = ("local", "uv", "virtualenv")
# Commands that are neither ours nor MLproject's, by their first words.
OTHERS = (
    "curl -s ",
    "export MLFLOW_",
    "mlflow artifacts download ",
    "mlflow server ",
    "mlflow ui ",
    ". .venv/bin/activate",
    "pytest ",
)


def blocks(path: Path, language: str) -> list[str]:
    """Contents of the fenced blocks of one language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)
    return [text for name, text in found if name == language]


def prose(path: Path) -> str:
    """The text outside fenced blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def headings(path: Path) -> list[str]:
    return [line.lstrip("# ") for line in prose(path).splitlines() if re.match(r"#+ ", line)]


def fenced(path: Path) -> list[str]:
    """Command lines of the bash blocks, comments left out and continued lines joined."""
    lines = [line for block in blocks(path, "bash") for line in block.replace("\\\n", " ").strip().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def commands(path: Path) -> list[str]:
    """Fenced commands, and those within a sentence that start a run or a make target."""
    spans = re.findall(r"`((?:mlflow run \.|make) [^`…]+)`", prose(path))
    return [*fenced(path), *spans]


ALL = [(path.name, command) for path in PAPERS for command in commands(path)]


@pytest.fixture(autouse=True)
def example_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry of the kind that CONTRIBUTING.md adds; its commands name it."""
    monkeypatch.setitem(KINDS, "lapse", "purchasing_power.kinds.lapse")


@pytest.mark.parametrize(("paper", "command"), ALL, ids=lambda word: word[:60])
def test_a_command_runs_as_written(paper: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        assert words[1:] and set(words[1:]) <= targets()
    elif words[:3] == ["mlflow", "run", "."]:
        check_mlflow_run(words[3:])
    elif words[0] == "python":
        check_python(words[1:])
    else:
        assert command.startswith(OTHERS), f"{paper}: {command}"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))


def check_mlflow_run(words: list[str]) -> None:
    options = list(zip(words[::2], words[1::2], strict=True))
    assert {option for option, _ in options} <= {"-e", "-P", "--env-manager", "--experiment-name"}
    assert dict(options)["--env-manager"] in ENV_MANAGERS, "without it MLflow wants conda"
    point = POINTS[dict(options).get("-e", "main")]
    given = dict(value.split("=", 1) for option, value in options if option == "-P")
    assert set(given) <= set(point.defaults)
    options_of(point.name, given)


def check_python(words: list[str]) -> None:
    if words[0] == "-m":
        assert importlib.util.find_spec(words[1]) is not None
    else:
        assert (ROOT / words[0]).is_file()


def test_a_wrong_command_would_be_found() -> None:
    for wrong in (
        "mlflow run . --env-manager local -P dta=shop",
        "mlflow run . -e train --env-manager local -P target=wealth",
        "mlflow run . -e sreve --env-manager local",
        "mlflow run . -P data=shop",
        "make demmo",
        "python benchmarks/none.py",
        "rm -rf workspace",
    ):
        with pytest.raises((AssertionError, KeyError, SystemExit)):
            test_a_command_runs_as_written("a paper", wrong)


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_a_readme_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 160


def test_both_readmes_have_the_same_sections_in_order() -> None:
    assert headings(READMES[0]) == list(HEADINGS)
    assert headings(READMES[1]) == list(HEADINGS.values())


def test_both_readmes_hold_the_same_commands_and_outputs_in_order() -> None:
    assert fenced(READMES[0]) == fenced(READMES[1])
    for language in ("text", "json"):
        assert blocks(READMES[0], language) == blocks(READMES[1], language)


def test_both_readmes_name_the_same_files_and_parameters() -> None:
    names = [set(re.findall(r"`([^`\n]+)`", prose(path))) for path in READMES]
    assert names[0] == names[1]


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_every_entry_point_is_on_the_map_with_its_own_file(path: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([\w/]+\.py)` \|", prose(path), re.M)
    assert {name: file[:-3].replace("/", ".") for name, file in rows} == {
        name: point.module for name, point in POINTS.items()
    }


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_parameter_that_is_given_in_a_sentence_is_one_of_mlproject(path: Path) -> None:
    given = set(re.findall(r"-P \"?(\w+)=", prose(path)))
    assert given <= {name for point in POINTS.values() for name in point.defaults}


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_and_picture_is_there(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    lost = [
        link
        for link in links
        if not re.match(r"[a-z]+:|#", link) and not (path.parent / link.partition("#")[0]).exists()
    ]
    assert lost == []


@pytest.mark.parametrize("name", TABLES)
def test_the_page_on_data_names_the_columns_and_keys_of_the_contract(name: str) -> None:
    cells = re.search(rf"^\| `{name}` \|([^|]*)\|([^|]*)\|([^|]*)\|$", prose(DATA), re.M)
    assert cells is not None
    columns = TABLES[name]
    written = [re.findall(r"`(\w+)`", cell) for cell in cells.groups()[:2]]
    assert written[0] == [column for column, part in columns.items() if part.needed]
    assert written[1] == [column for column, part in columns.items() if not part.needed]
    assert cells[3].strip() == (", ".join(KEYS.get(name, ())) or "none")


def test_the_mapping_on_the_page_on_data_is_read_and_every_built_in_one_and_key_is_named() -> None:
    (text,) = blocks(DATA, "yaml")
    mapping = check_mapping(parse_yaml(text, "the page"), "the page", text, "")
    assert set(mapping.tables) == {"orders", "users"} and mapping.rules.rates == {"CHF": 1.05}
    words = set(re.findall(r"`([^`\n]+)`", prose(DATA)))
    assert {*built_in_names(), *TABLE_KEYS} <= words and set(DUPLICATES) <= {*words, "sum"}


def test_the_worked_example_fits_the_files_that_it_changes() -> None:
    for diff in blocks(CONTRIBUTING, "diff"):
        for part in re.split(r"^--- a/", diff, flags=re.M)[1:]:
            text = (ROOT / part.splitlines()[0]).read_text(encoding="utf-8")
            context = [line[1:] for line in part.splitlines()[1:] if line.startswith((" ", "-"))]
            context = [line for line in context if not line.startswith("-- ")]
            assert context and all(line in text.splitlines() for line in context)
