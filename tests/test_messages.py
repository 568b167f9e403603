"""Tests of messages: a parameter that one recommends is there for whoever reads it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from steps.main import FLAT, FLAT_USE, SHOP, SHOP_USE
from tracking.chain import entry_points

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("purchasing_power", "steps", "tracking", "monitoring")
POINTS = entry_points()
PARAMETERS = {name for point in POINTS.values() for name in point.defaults}
# Entry points that run others, whose messages they pass on.
CHAINS = {"main": {*SHOP, *FLAT, *SHOP_USE, *FLAT_USE}, "retrain": set(SHOP) - {"ingest"}}
# What an entry point does without, though a message that it may pass on names it.
ELSEWHERE = {
    # main trains purchase models (the message names another registered model as well) and leaves retraining to monitor.
    "main": {"kind", "retrain"},
    # retrain takes these from the version in production, or from the tables that it is given.
    "retrain": {"step", "horizon", "first_cutoff", "encoder", "runtime", "task", "label", "max_amount", "population"},
}
VERB = r"(?:[Ss]et|[Rr]aise|[Ll]ower|[Gg]ive|[Mm]ove|[Uu]se|[Tt]ake|[Cc]hange|[Cc]hoose|[Ll]engthen|[Ss]horten|[Nn]ame)"
KIND = r"(?:(?:the|a|an|another|parameters?|smaller|larger|longer|shorter|earlier|later|higher|lower) )*"
NAME = rf"(?:{'|'.join(sorted(PARAMETERS, key=len, reverse=True))})\b"
ADVISED = re.compile(rf"\b(?:{VERB}|[Pp]arameters?) {KIND}({NAME}(?:(?:,| or|, or| and) {KIND}{NAME})*)(?! table)")
GIVEN = re.compile(rf"(?<![\w.{{?/])({NAME})=")
TYPED = re.compile(r"-P [\"']?(\w+)")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the project by its dotted name."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in zip(names, paths, strict=True)}


@cache
def nodes(module: str) -> list[ast.AST]:
    """Every node of a module's tree."""
    return list(ast.walk(modules()[module]))


@cache
def messages(module: str) -> list[str]:
    """Strings of more than one word that a person may read: no docstring, no help of a parameter."""
    passed: set[ast.AST] = set()
    for node in nodes(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed.add(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "parameter":
            passed.update(node.args)
        elif isinstance(node, ast.JoinedStr):
            passed.update(node.values)
    texts = [text_of(node) for node in nodes(module) if node not in passed]
    return [text for text in texts if " " in text.strip()]


def text_of(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def recommended(text: str) -> set[str]:
    """Parameters that a message tells its reader to give.

    A message about a parameter's own value (``NAME: got …``) reaches those alone who gave it, and one that names the
    entry point to run (``-e snapshot``, ``serve -P``, ``take the snapshot with``) speaks of that one's parameters.
    """
    if re.search(rf"-e \w+|\b(?:{'|'.join(POINTS)}) -P|the snapshot with", text):
        return set()
    named = {*TYPED.findall(text), *GIVEN.findall(text)}
    for words in ADVISED.findall(text):
        named |= set(re.findall(NAME, words))
    own = r"(?:^|[ :]){0}(?:=\S*)?(?: {{}})?: |^[\w ]+: (?:\w+={{}}, )*{0}="
    return {name for name in named if not re.search(own.replace("{0}", name).replace("{{}}", r"\{\}"), text)}


@cache
def imports(name: str) -> set[str]:
    """Modules of the project that a module imports, inside functions and by name too."""
    found: set[str] = set()
    for node in nodes(name):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found & set(modules())


@cache
def reached(point: str) -> frozenset[str]:
    """Modules that an entry point may run, those of the steps that it chains included."""
    todo = [POINTS[name].module for name in {point, *CHAINS.get(point, ())}]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += imports(name)
    return frozenset(seen)


@cache
def advice(module: str) -> set[str]:
    """Parameters that the messages of a module recommend."""
    return {name for text in messages(module) for name in recommended(text)}


def lacking(point: str, names: frozenset[str]) -> dict[str, set[str]]:
    """Recommended parameters that an entry point does not take, with the modules that recommend them."""
    found: dict[str, set[str]] = {}
    for module in names:
        for name in advice(module) - set(POINTS[point].defaults) - ELSEWHERE.get(point, set()):
            found.setdefault(name, set()).add(module)
    return found


def test_every_parameter_that_is_typed_in_a_message_is_one_of_the_entry_point_it_names() -> None:
    templates = [path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.j2")]
    for text in [*(text for module in modules() for text in messages(module)), *templates]:
        for command in re.split(r"(?=mlflow run)", text):
            named = re.search(r"-e (\w+)", command) or re.search(rf"\b({'|'.join(POINTS)}) -P", command)
            allowed = set(POINTS[named[1]].defaults) if named and named[1] in POINTS else PARAMETERS
            assert set(TYPED.findall(command)) <= allowed, text


@pytest.mark.parametrize("point", CHAINS)
def test_a_chain_takes_every_parameter_that_a_message_of_its_steps_recommends(point: str) -> None:
    assert lacking(point, reached(point)) == {}


@pytest.mark.parametrize("point", sorted(set(POINTS) - set(CHAINS)))
def test_a_step_takes_every_parameter_that_its_own_messages_recommend(point: str) -> None:
    # Library modules belong to many steps: the chains above stand for them, but for intake, which is one step's.
    package = POINTS[point].module.partition(".")[0]
    own = ("purchasing_power.shop.", f"{package}.") if point == "ingest" else (f"{package}.",)
    assert lacking(point, frozenset(name for name in reached(point) if name.startswith(own))) == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("orders: is above {}. Raise max_amount if such amounts are real.", {"max_amount"}),
        ("Take an earlier first_cutoff, a smaller step or a shorter horizon.", {"first_cutoff", "step", "horizon"}),
        ("lengthen the horizon or use target=intent", {"horizon", "target"}),
        ("Train under another registered model (-P model=NAME).", {"model"}),
        ("name another column with the parameter label, or set task=regression", {"label", "task"}),
        ("encoder {}: runtime: got {}. Set runtime to exact.", set()),
        ("reasons: got {}. Set reasons=0.", set()),
        ("Promote it (mlflow run . -e promote -P version=N).", set()),
        ("serve -P shadow=staging -P proxy=nginx records them.", set()),
        ("Give the user table that the model was trained on.", set()),
    ],
)
def test_what_a_message_recommends_is_read_from_it(text: str, names: set[str]) -> None:
    assert recommended(text) == names
