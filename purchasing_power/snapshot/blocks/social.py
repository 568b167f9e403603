"""Whom a user follows, who follows the user, and how the followed shop."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from purchasing_power.snapshot.arithmetic import mean, ratio, total
from purchasing_power.snapshot.feature import Block, Feature
from purchasing_power.snapshot.history import History, seconds
from purchasing_power.snapshot.plan import Plan


def rows(history: History) -> ir.Table:
    """One row per user, cutoff and follow known then: ``out`` (the user follows), the friend's spend."""
    spent = history.money_at.filter(history.money_at.paid_days <= history.plan.recent)
    figures = {"spend": total(spent.paid), "orders": spent.age_days.count()}
    spent = spent.group_by(friend=spent.user, moment=spent.cutoff).aggregate(**figures)
    edges = _edges(history)
    known = edges.join(history.cutoffs, edges.second < history.cutoffs.cutoff)
    known = known.left_join(spent, [known.friend == spent.friend, known.cutoff == spent.moment])
    return known.select("user", "cutoff", "out", active=known.orders.fill_null(0) > 0, spend=known.spend.fill_null(0.0))


def _edges(history: History) -> ir.Table:
    """Follows in both directions: ``user``, ``friend``, ``second``, ``out``.

    An undated one holds as soon as both users are known: before, the table tells of a friend who is yet to come.
    """
    follows, people = history.tables["follows"], history.people
    since = seconds(follows.since) if "since" in follows.columns else ibis.null("int64")
    follower = people.select(user_id="user_id", follower="user", known="since")
    followed = people.select(friend_id="user_id", followed="user", friend_known="since")
    pairs = follows.select("user_id", "friend_id", since=since)
    pairs = pairs.join(follower, "user_id").join(followed, "friend_id")
    pairs = pairs.mutate(second=pairs.since.coalesce(ibis.greatest(pairs.known, pairs.friend_known)))
    out = pairs.select(user="follower", friend="followed", second="second", out=True)
    return out.union(pairs.select(user="followed", friend="follower", second="second", out=False))


def features(plan: Plan) -> list[Feature]:
    """Numbers of follows in both directions and the recent spend of the followed."""
    out, into = "Users whom the user follows.", "Users who follow the user."
    return [
        Feature("follows_out", "users", out, "关注的用户数", lambda t: t.count(where=t.out), 0.0),
        Feature("follows_in", "users", into, "粉丝数", lambda t: t.count(where=~t.out), 0.0),
        *_recent(plan.recent),
    ]


def _recent(days: int) -> list[Feature]:
    last_zh = f"近 {days} 天"
    return [
        Feature(
            f"friend_spend_mean_{days}d",
            "currency",
            f"Mean amount paid less returns in the last {days} days by those whom the user follows.",
            f"{last_zh}所关注用户的平均消费金额",
            lambda t: mean(t.spend, t.out),
        ),
        Feature(
            f"friend_active_share_{days}d",
            "share",
            f"Share of those whom the user follows with an order in the last {days} days.",
            f"{last_zh}所关注用户的下单比例",
            lambda t: ratio(t.count(where=t.out & t.active), t.count(where=t.out)),
        ),
        Feature(
            f"follower_active_share_{days}d",
            "share",
            f"Share of the user's followers with an order in the last {days} days.",
            f"{last_zh}粉丝的下单比例",
            lambda t: ratio(t.count(where=~t.out & t.active), t.count(where=~t.out)),
        ),
    ]


BLOCK = Block("social", ("follows",), rows, features)
