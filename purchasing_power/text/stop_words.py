"""Words too frequent to tell users apart; negations stay out of the lists, since they turn a review around."""

from __future__ import annotations

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
