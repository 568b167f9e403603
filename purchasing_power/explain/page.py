"""The explanation of a model and of one user's score as one readable HTML file, English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd
from jinja2 import Environment

from purchasing_power.evaluation.evaluation import Effect
from purchasing_power.explain.model_explanation import ModelExplanation
from purchasing_power.explain.page_words import SAID
from purchasing_power.explain.reasons import Reason, change, column_names, number
from purchasing_power.model.purchasing_model import PurchasingModel

SHOWN_COLUMNS, SHOWN_EFFECTS, SHOWN_WORDS = 20, 8, 12


@dataclass(frozen=True)
class UserExplanation:
    """One user's score taken apart: ``base``, the reasons and ``others`` sum to ``score``.

    Attributes
    ----------
    others
        What all columns that are no reason add together.
    words, documents
        What each word, and each text by its places (newest first, from 1), adds; the empty name is all others.
    count
        Texts the user has.
    """

    score: float
    base: float
    reasons: Sequence[Reason]
    others: float
    words: pd.DataFrame
    documents: pd.DataFrame
    count: int


def explanation_page(
    title: str,
    model: PurchasingModel,
    overall: ModelExplanation,
    permuted: pd.DataFrame | None,
    user: UserExplanation | None,
    language: str,
) -> str:
    """One HTML document; it fetches nothing, runs no script and shows no user id and no whole text.

    Parameters
    ----------
    permuted
        What ``permutation_importance`` gave; ``None`` where no outcomes are known.
    """
    template = files("purchasing_power.explain").joinpath("page.html.j2").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    return page.render(
        said=SAID[language],
        language=language,
        title=title,
        columns=_columns(model, overall, permuted, language),
        permuted=permuted is not None,
        lists=_lists(overall, language),
        user=None if user is None else _user(user, language),
    )


def _user(user: UserExplanation, language: str) -> dict[str, object]:
    said = SAID[language]
    bars = [(reason.text, reason.part) for reason in user.reasons] + [(said["others"], user.others)]
    longest = max(abs(part) for _, part in bars) or 1.0
    verdict = said["verdict"].format(score=number(user.score), base=number(user.base))
    if user.reasons:
        verdict += said["first"].format(reason=user.reasons[0].sentence(language))
    documents = [
        (said["text"].format(places=places, count=user.count) if places else said["other_texts"], part)
        for places, part in _pairs(user.documents)
    ]
    return {
        "verdict": verdict,
        "base": number(user.base),
        "score": number(user.score),
        "rows": [_bar(text, part, longest, language) for text, part in bars],
        "words": [_bar(text, part, longest, language) for text, part in _words(user, said)],
        "documents": [_bar(text, part, longest, language) for text, part in documents],
    }


def _words(user: UserExplanation, said: dict[str, str]) -> list[tuple[str, float]]:
    """The words of the largest parts, then all others together."""
    pairs = sorted(_pairs(user.words), key=lambda pair: -abs(pair[1]))
    named = [pair for pair in pairs if pair[0]][:SHOWN_WORDS]
    rest = sum(part for _, part in pairs) - sum(part for _, part in named)
    return [*named, (said["other_words"], rest)] if pairs else []


def _pairs(table: pd.DataFrame) -> list[tuple[str, float]]:
    return list(zip(table["term"].astype(str), table["part"].astype(float), strict=True))


def _bar(text: str, part: float, longest: float, language: str) -> dict[str, object]:
    return {
        "text": text,
        "part": f"{part:+.4f}".replace("-", "\N{MINUS SIGN}"),
        "change": change(part, language),
        "width": round(100 * min(abs(part) / longest, 1.0), 1),
        "up": part >= 0,
    }


def _columns(
    model: PurchasingModel, overall: ModelExplanation, permuted: pd.DataFrame | None, language: str
) -> list[dict[str, object]]:
    said, found = SAID[language], []
    names = column_names(model.meta, language)
    for driver in overall.drivers[:SHOWN_COLUMNS]:
        direction = overall.directions.get(driver.feature)
        row: dict[str, object] = {
            "name": names[driver.feature],
            "column": driver.feature,
            "shap": f"{driver.importance:.4f}",
            "between": said["between"].format(low=f"{driver.low:.4f}", high=f"{driver.high:.4f}"),
            "direction": "" if direction is None else said["more" if direction > 0 else "less"],
        }
        if permuted is not None:
            drops = permuted.loc[driver.feature]
            row["drop"] = f"{drops.mean():.4f}".replace("-", "\N{MINUS SIGN}")
            row["drops"] = said["between"].format(low=f"{drops.min():.4f}", high=f"{drops.max():.4f}")
        found.append(row)
    return found


def _lists(overall: ModelExplanation, language: str) -> list[dict[str, object]]:
    said = SAID[language]
    found: list[dict[str, object]] = []
    for kind, effects in (("words", overall.words), ("categories", overall.categories)):
        for direction, chosen in (("raise", raising(effects)), ("lower", lowering(effects))):
            if chosen:
                rows = [
                    {
                        "name": one.name,
                        "part": f"{one.part:+.4f}".replace("-", "\N{MINUS SIGN}"),
                        "rows": one.rows,
                    }
                    for one in chosen
                ]
                found.append({"title": said[f"{kind}_{direction}"], "rows": rows})
    return found


def raising(effects: Sequence[Effect], most: int = SHOWN_EFFECTS) -> list[Effect]:
    """Effects that raise the score, the strongest first."""
    return [one for one in effects if one.part > 0][:most]


def lowering(effects: Sequence[Effect], most: int = SHOWN_EFFECTS) -> list[Effect]:
    """Effects that lower the score, the strongest first."""
    return [one for one in reversed(effects) if one.part < 0][:most]
