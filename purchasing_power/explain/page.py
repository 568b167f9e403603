"""The explanation of a model and of one user's score as one readable HTML file, English or Chinese."""

from __future__ import annotations

import pandas as pd

from purchasing_power.evaluation.evaluation import Effect
from purchasing_power.explain.model_explanation import ModelExplanation
from purchasing_power.explain.reasons import column_names, number
from purchasing_power.explain.user_explanation import UserExplanation
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.pages.page import code, render_page

MOST_COLUMNS, MOST_EFFECTS, MOST_WORDS = 20, 8, 12
Cell = str | tuple[str, str]
WORDS = {
    "en": {
        "headline": "This user's score is {score}; the typical score compared with is {base}.",
        "first": " The strongest reason: {reason}.",
        "score": "Score of this user",
        "base": "Score compared with",
        "others": "Everything else together",
        "adds": "What adds up to the score",
        "adds_aside": "From the score compared with, each reason leads up or down, and together they give this "
        "user's score exactly.",
        "words": "Words in the user's texts",
        "words_aside": "They add up to what the texts add. A word that too few users share is not named.",
        "documents": "Texts of the user",
        "documents_aside": "They add up to what the texts add; 1 is the newest.",
        "text": "Text {places} of {count}",
        "other_words": "All other words",
        "other_texts": "All other texts",
        "model": "What the model depends on",
        "model_aside": "It shows what the score depends on, not what makes a user buy.",
        "column": "Column",
        "shap": "Mean size of its part of the score",
        "drop": "Loss of the ranking when shuffled",
        "direction": "High values",
        "more": "raise the score",
        "less": "lower the score",
        "between": "{low} to {high}",
        "words_raise": "Words that raise the score",
        "words_lower": "Words that lower the score",
        "categories_raise": "Categories that raise the score",
        "categories_lower": "Categories that lower the score",
        "mean": "Mean part",
        "rows": "Users",
        "reason": "Reason",
        "part": "Part of the score",
        "no_outcomes": " No outcome of a row that the model has not seen is known, so no column was shuffled.",
    },
    "zh": {
        "headline": "该用户的得分为 {score}，作为比较的典型得分为 {base}。",
        "first": "最主要的原因：{reason}。",
        "score": "该用户的得分",
        "base": "作为比较的得分",
        "others": "其余各项合计",
        "adds": "得分的构成",
        "adds_aside": "从作为比较的得分出发，每个原因使得分升高或降低，各项相加正好等于该用户的得分。",
        "words": "用户文本中的词",
        "words_aside": "各词相加等于文本对得分的影响。极少用户使用的词不予显示。",
        "documents": "用户的文本",
        "documents_aside": "各文本相加等于文本对得分的影响；1 为最新。",
        "text": "第 {places} 条文本（共 {count} 条）",
        "other_words": "其他所有词",
        "other_texts": "其他所有文本",
        "model": "模型依据什么",
        "model_aside": "这里说明得分取决于什么，并不说明什么促使用户购买。",
        "column": "列",
        "shap": "对得分影响的平均大小",
        "drop": "打乱该列后排序指标的损失",
        "direction": "数值高时",
        "more": "得分升高",
        "less": "得分降低",
        "between": "{low} 至 {high}",
        "words_raise": "提高得分的词",
        "words_lower": "降低得分的词",
        "categories_raise": "提高得分的类别",
        "categories_lower": "降低得分的类别",
        "mean": "平均影响",
        "rows": "用户数",
        "reason": "原因",
        "part": "对得分的影响",
        "no_outcomes": "模型未见过的行还没有结果，因此没有打乱任何一列。",
    },
}


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
    words = WORDS[language]
    head = [words["column"], words["shap"], *([] if permuted is None else [words["drop"]]), words["direction"]]
    return render_page(
        "purchasing_power.explain",
        "page.html.j2",
        title,
        language,
        words=words,
        headline=words["model"] if user is None else _headline(user, language),
        user=None if user is None else _user(user, words),
        aside=words["model_aside"] if permuted is not None else words["model_aside"] + words["no_outcomes"],
        head=head,
        columns=_columns(model, overall, permuted, language),
        lists=_lists(overall, words),
    )


def _headline(user: UserExplanation, language: str) -> str:
    words = WORDS[language]
    text = words["headline"].format(score=number(user.score), base=number(user.base))
    if user.reasons:
        text += words["first"].format(reason=user.reasons[0].sentence(language))
    return text


def _user(user: UserExplanation, words: dict[str, str]) -> dict[str, object]:
    reasons = [(reason.text, reason.part) for reason in user.reasons] + [(words["others"], user.others)]
    documents = [
        (words["text"].format(places=places, count=user.count) if places else words["other_texts"], part)
        for places, part in _pairs(user.documents)
    ]
    longest = max(abs(part) for _, part in reasons) or 1.0
    bars = {"reasons": reasons, "words": _words(user, words), "documents": documents}
    return {
        "base": number(user.base),
        "score": number(user.score),
        **{name: [_bar(text, part, longest) for text, part in pairs] for name, pairs in bars.items()},
    }


def _words(user: UserExplanation, words: dict[str, str]) -> list[tuple[str, float]]:
    """The words of the largest parts, then all others together."""
    pairs = sorted(_pairs(user.words), key=lambda pair: -abs(pair[1]))
    named = [pair for pair in pairs if pair[0]][:MOST_WORDS]
    rest = sum(part for _, part in pairs) - sum(part for _, part in named)
    return [*named, (words["other_words"], rest)] if pairs else []


def _pairs(table: pd.DataFrame) -> list[tuple[str, float]]:
    return list(zip(table["term"].astype(str), table["part"].astype(float), strict=True))


def _bar(text: str, part: float, longest: float) -> dict[str, object]:
    width = round(100 * min(abs(part) / longest, 1.0), 1)
    return {"text": text, "part": f"{part:+.4f}", "width": width, "way": "up" if part >= 0 else "down"}


def _columns(
    model: PurchasingModel, overall: ModelExplanation, permuted: pd.DataFrame | None, language: str
) -> list[list[Cell]]:
    words, names = WORDS[language], column_names(model.meta, language)

    def with_range(value: float, low: float, high: float) -> Cell:
        return f"{value:.4f}", words["between"].format(low=f"{low:.4f}", high=f"{high:.4f}")

    rows: list[list[Cell]] = []
    for driver in overall.drivers[:MOST_COLUMNS]:
        name, direction = names[driver.feature], overall.directions.get(driver.feature)
        row = [
            (name, "" if name == driver.feature else code(driver.feature)),
            with_range(driver.importance, driver.low, driver.high),
        ]
        if permuted is not None:
            drops = permuted.loc[driver.feature].to_numpy()
            row.append(with_range(drops.mean(), drops.min(), drops.max()))
        rows.append([*row, "" if direction is None else words["more" if direction > 0 else "less"]])
    return rows


def _lists(overall: ModelExplanation, words: dict[str, str]) -> dict[str, list[list[Cell]]]:
    """Rows of effects by title: words and categories, those that raise the score and those that lower it."""
    effects: dict[str, list[Effect]] = {}
    for kind, of in (("words", overall.words), ("categories", overall.categories)):
        effects[f"{kind}_raise"] = [one for one in of if one.part > 0][:MOST_EFFECTS]
        effects[f"{kind}_lower"] = [one for one in reversed(of) if one.part < 0][:MOST_EFFECTS]
    return {
        words[name]: [[one.name, f"{one.part:+.4f}", f"{one.rows:,}"] for one in of]
        for name, of in effects.items()
        if of
    }
