"""The strongest reasons for a score in words, English or Chinese."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.explain.explanation import Explanation, explain
from purchasing_power.explain.texts import read_texts
from purchasing_power.explain.words import named_words, word_parts
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.dictionary import chinese_names
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta

MOST_NAMED = 3
_PHRASES = {
    "en": {
        "texts": "Texts bought or written, above all {words}",
        "texts_plain": "Texts bought or written",
        "no_texts": "No texts bought or written",
        "missing": "{name}: not known",
        "value": "{name}: {value}",
        "above": "{name}: {value}, above the typical {typical}",
        "below": "{name}: {value}, below the typical {typical}",
        "alike": "{name}: {value}, which is typical",
        "other": "{name}: {value}, where {typical} is typical",
        "joined": "{text} ({change})",
        "word": "“{word}”",
        "and": ", ",
    },
    "zh": {
        "texts": "购买或撰写的文本，主要是{words}",
        "texts_plain": "购买或撰写的文本",
        "no_texts": "没有购买或撰写的文本",
        "missing": "{name}：未知",
        "value": "{name}：{value}",
        "above": "{name}：{value}，高于典型值 {typical}",
        "below": "{name}：{value}，低于典型值 {typical}",
        "alike": "{name}：{value}，与典型值相同",
        "other": "{name}：{value}，典型值为 {typical}",
        "joined": "{text}（{change}）",
        "word": "“{word}”",
        "and": "、",
    },
}
_CHANGE = {
    "en": ("raises the score by {size}", "lowers the score by {size}", "leaves the score as it is"),
    "zh": ("使得分提高 {size}", "使得分降低 {size}", "不影响得分"),
}


@dataclass(frozen=True)
class Reason:
    """One column's part of a score, and what it says.

    Attributes
    ----------
    column
        Column of the user table.
    part
        What it adds to the score.
    text
        The sentence, without its part.
    """

    column: str
    part: float
    text: str

    def sentence(self, language: str) -> str:
        """The reason with the direction and size of its part."""
        return _PHRASES[language]["joined"].format(text=self.text, change=change(self.part, language))


def strongest(explanation: Explanation, most: int) -> np.ndarray:
    """Positions of each row's columns with the largest parts in size, largest first; shape (n_rows, most)."""
    sizes = np.abs(explanation.parts.to_numpy())
    return np.argsort(-sizes, axis=1, kind="stable")[:, :most]


def reasons(
    model: PurchasingModel,
    frame: pd.DataFrame,
    explanation: Explanation,
    most: int,
    language: str,
    words: Mapping[int, Sequence[str]] | None = None,
) -> list[list[Reason]]:
    """The strongest reasons of each row, the strongest first.

    Parameters
    ----------
    frame, explanation
        Rows of a user table and what ``explain`` gave for them.
    words
        By row position, the words to name where the texts are a reason.
    """
    columns, parts = list(explanation.parts.columns), explanation.parts.to_numpy()
    values, names = model.prepared(frame), column_names(model.meta, language)
    cells = {column: values[column].tolist() for column in model.meta.features}
    has_texts = values[DOCUMENTS].map(lambda texts: texts is not None and len(texts) > 0).to_numpy()

    def text(row: int, column: str) -> str:
        if column == DOCUMENTS:
            return _of_texts(bool(has_texts[row]), (words or {}).get(row, ()), language)
        return _of_value(names[column], cells[column][row], model.typical.get(column), language)

    return [
        [Reason(columns[at], float(parts[row, at]), text(row, columns[at])) for at in positions]
        for row, positions in enumerate(strongest(explanation, most))
    ]


def reason_columns(
    model: PurchasingModel, frame: pd.DataFrame, most: int, language: str, seed: int = 0, progress: bool = False
) -> pd.DataFrame:
    """The strongest reasons of each row, in words and numbers.

    Returns
    -------
    pd.DataFrame
        ``base_score`` (the score compared with), ``reason_1`` (words), ``reason_1_part`` (what it adds to the
        score), and so on, and ``other_reasons`` (what all other columns add): the numbers of a row sum to its
        score.
    """
    explanation = explain(model, frame, seed, progress)
    most = min(most, explanation.parts.shape[1])
    words = words_to_name(model, frame, explanation, most, progress)
    rows = reasons(model, frame, explanation, most, language, words)
    columns: dict[str, object] = {"base_score": explanation.base}
    for position in range(most):
        columns[f"reason_{position + 1}"] = [row[position].sentence(language) for row in rows]
        columns[f"reason_{position + 1}_part"] = [row[position].part for row in rows]
    parts = np.asarray([[reason.part for reason in row] for row in rows], np.float64).reshape(len(rows), -1)
    columns["other_reasons"] = explanation.parts.to_numpy().sum(axis=1) - parts.sum(axis=1)
    return pd.DataFrame(columns, index=frame.index)


def words_to_name(
    model: PurchasingModel, frame: pd.DataFrame, explanation: Explanation, most: int, progress: bool = False
) -> dict[int, list[str]]:
    """By row position, the strongest words of the rows whose texts are among their ``most`` strongest reasons."""
    at = list(explanation.parts.columns).index(DOCUMENTS)
    parts = explanation.parts[DOCUMENTS].to_numpy()
    rows = np.flatnonzero((strongest(explanation, most) == at).any(axis=1) & (parts != 0))
    if DOCUMENTS not in frame or not len(rows):
        return {}
    texts = read_texts(frame[DOCUMENTS])
    table = word_parts(model, frame, explanation, texts, rows, progress=progress)
    return named_words(table, explanation, MOST_NAMED)


def column_names(meta: UserTableMeta, language: str) -> dict[str, str]:
    """What each feature column and the documents are, in words; a column's own name where nothing more is known."""
    names = chinese_names(meta) if language == "zh" else meta.meanings
    return {
        **{column: names.get(column, "").rstrip(".") or column for column in meta.features},
        DOCUMENTS: _PHRASES[language]["texts_plain"],
    }


def change(part: float, language: str) -> str:
    """Direction and size of a part in words."""
    raises, lowers, leaves = _CHANGE[language]
    size = number(abs(part))
    if float(size.replace(",", "")) == 0:
        return leaves
    return (raises if part > 0 else lowers).format(size=size)


def number(value: float) -> str:
    """A number as people read it: three decimals below one, two below a thousand, else none."""
    size = abs(value)
    digits = 3 if size < 1 else 2 if size < 1000 else 0
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _of_texts(any_texts: bool, words: Sequence[str], language: str) -> str:
    phrases = _PHRASES[language]
    if not any_texts:
        return phrases["no_texts"]
    if not words:
        return phrases["texts_plain"]
    named = phrases["and"].join(phrases["word"].format(word=word) for word in words)
    return phrases["texts"].format(words=named)


def _of_value(name: str, value: object, typical: float | str | None, language: str) -> str:
    phrases = _PHRASES[language]
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return phrases["missing"].format(name=name)
    if isinstance(value, str) or isinstance(typical, str):
        kind = "value" if typical is None else "alike" if value == typical else "other"
        return phrases[kind].format(name=name, value=value, typical=typical)
    given = number(float(str(value)))
    if typical is None:
        return phrases["value"].format(name=name, value=given)
    usual = number(typical)
    kind = "alike" if given == usual else "above" if float(str(value)) > typical else "below"
    return phrases[kind].format(name=name, value=given, typical=usual)
