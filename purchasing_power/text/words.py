"""Words of a text in whatever language: jieba segments runs of Chinese, a pattern splits the rest."""

from __future__ import annotations

import logging
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable
from functools import lru_cache

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_RUN = re.compile(f"([{_HAN}]+)")
# Skin tones and joiners lie outside the emoji ranges: a thumb is one word in every colour.
_EMOJI = "\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001f3fa\U0001f400-\U0001faff"
_PLAIN = rf"\d+(?:[.,]\d+)+|[^\W_]+(?:'[^\W_]+)*|[{_EMOJI}]"
_WORD, _WORD_OR_MARK = re.compile(_PLAIN), re.compile(rf"{_PLAIN}|[!?]")
_NONE: frozenset[str] = frozenset()
# Distinct texts whose words are kept: a study of many trials then splits each text once.
_KEPT_TEXTS = 1 << 17
# Longer texts are rarely seen twice and would fill the memory of a server.
_KEPT_CHARACTERS = 1000
# Words too frequent to tell users apart; negations stay out of the lists, since they turn a review around.
_ENGLISH = """
    a about after again all also am an and any are as at be because been before being between both but by can
    could did do does doing down during each few for from further had has have having he her here hers him his
    how i i'd i'll i'm i've if in into is it it's its itself just me more most my myself of off on once only or
    other our ours out over own same she should so some such than that that's the their theirs them then there
    these they they're this those through to under until up us very was we were what when where which while who
    whom why will with would you you're your yours
"""

_CHINESE = """
    的 了 和 是 在 我 有 就 人 都 一 一个 也 很 到 说 要 去 你 会 着 看 自己 这 那 他 她 它 我们 你们 他们 她们 它们
    这个 那个 这些 那些 与 及 或 而 但 但是 因为 所以 如果 虽然 然后 还 还是 又 被 把 让 给 从 对 对于 关于 以 为 于
    之 其 并 并且 等 啊 吧 吗 呢 呀 哦 嗯 啦 哈 得 地 过 个 些 来 上 下 里 中 时 后 前 可以 什么 怎么 这样 那样 只 才
    更 再 则 由 向 比 做 用 能 该 每 各
"""

ENGLISH = frozenset(_ENGLISH.split())
CHINESE = frozenset(_CHINESE.split())


def words(text: str, all_words: bool = False) -> tuple[str, ...]:
    """Split a text as :func:`tokens` does, and remember the answer for short texts in this process.

    Parameters
    ----------
    all_words
        Keep stop words, and exclamation and question marks, as words too: who writes "I am so not keeping
        this!" says with them what the other words leave open.
    """
    return _remembered(text, all_words) if len(text) <= _KEPT_CHARACTERS else _split(text, all_words)


def tokens(text: str) -> list[str]:
    """Words of a text, in order, lower case, stop words left out.

    The language is found per run of characters: Han characters go to jieba, all others to a pattern
    of letters and digits, so a mixed text needs no flag. Compatibility forms are made equal
    (NFKC: full-width letters and digits become plain ones). Numbers are kept, with their decimal
    mark; each emoji is a word of its own, without its skin tone; negations are kept; the rest of
    the punctuation is dropped.
    """
    return list(words(text))


@lru_cache(maxsize=_KEPT_TEXTS)
def _remembered(text: str, all_words: bool) -> tuple[str, ...]:
    return _split(text, all_words)


def _split(text: str, all_words: bool) -> tuple[str, ...]:
    pattern, english, chinese = (_WORD_OR_MARK, _NONE, _NONE) if all_words else (_WORD, ENGLISH, CHINESE)
    found: list[str] = []
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower()
    # re.split with one group puts the Chinese runs at the odd places.
    for place, run in enumerate(_HAN_RUN.split(plain)):
        if place % 2:
            found.extend(word for word in _chinese_cutter()(run) if word not in chinese)
        else:
            found.extend(word for word in pattern.findall(run) if word not in english)
    return tuple(map(sys.intern, found))


@lru_cache(maxsize=1)
def _chinese_cutter() -> Callable[[str], list[str]]:
    """Load jieba and its dictionary (about a second), only once a Chinese text has come."""
    with warnings.catch_warnings():
        # jieba 0.42.1 has invalid escapes in its patterns and asks for the deprecated pkg_resources.
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(logging.WARNING)
    cutter = jieba.Tokenizer()
    # jieba would read and write a marshal file in the shared temporary folder, which another user of the
    # machine can replace and two processes can race on: the dictionary is read from the package instead.
    cutter.FREQ, cutter.total = cutter.gen_pfdict(cutter.get_dict_file())
    cutter.initialized = True
    return cutter.lcut
