"""Tests of the target beside production: what is left open becomes its own, and nothing is trained in vain."""

from __future__ import annotations

import pytest
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from tracking.production_target import beside_production, check_comparable, target_of


def version(**tags: str) -> ModelVersion:
    """A version in production with tags."""
    return ModelVersion("shop", "1", 0, tags=[_Tag(key.replace("_", "."), value) for key, value in tags.items()])


class _Tag:
    def __init__(self, key: str, value: str) -> None:
        self.key, self.value = key, value


FOUR = version(target="tier", target_classes="none, low, middle, high")
BEFORE, INTENT, LABEL, OTHER = version(target="tier"), version(target="intent"), version(target="label"), version()


def test_a_version_of_before_has_three_tiers() -> None:
    assert [target_of(one) for one in (FOUR, BEFORE, INTENT, OTHER)] == ["four_tiers", "three_tiers", "intent", None]


@pytest.mark.parametrize(
    ("production", "asked", "given"),
    [
        (None, "auto", "auto"),
        (OTHER, "auto", "auto"),
        (LABEL, "auto", "auto"),
        (INTENT, "auto", "intent,auto"),
        (INTENT, "spend", "spend"),
        (FOUR, "auto", "four_tiers,auto"),
        (FOUR, "tier", "four_tiers,tier"),
        (FOUR, "four_tiers", "four_tiers"),
        (BEFORE, "tier", "three_tiers,tier"),
    ],
)
def test_what_is_left_open_is_productions_first(production: ModelVersion | None, asked: str, given: str) -> None:
    assert beside_production(production, asked) == given


@pytest.mark.parametrize(
    ("production", "asked", "refused"),
    [
        (None, "intent", False),
        (INTENT, "auto", False),
        (INTENT, "intent", False),
        (INTENT, "tier", True),
        (BEFORE, "four_tiers", True),
        (BEFORE, "tier", False),
        (BEFORE, "label", True),
        (LABEL, "auto", True),
        (LABEL, "label", False),
    ],
)
def test_what_could_not_be_compared_is_refused_before_it_is_trained(
    production: ModelVersion | None, asked: str, refused: bool
) -> None:
    if refused:
        with pytest.raises(DataError, match=f"this run would predict {asked}; they cannot be compared"):
            check_comparable(production, "shop", asked)
    else:
        check_comparable(production, "shop", asked)
