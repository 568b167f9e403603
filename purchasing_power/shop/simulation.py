"""A simulated shop: latent purchase rates and price levels, and all the tables they leave behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

START = np.datetime64("2024-01-01", "us")
_DAY = np.timedelta64(86_400_000_000, "us")
_CATEGORIES = ["grocery", "beauty", "electronics", "clothing", "toys", "books", "sports", "home"]
_BRANDS = ["Arbor", "Brio", "Cedar", "Delta", "云杉", "小满"]
_NOUNS = ["tea", "cream", "headphones", "jacket", "puzzle", "novel", "yoga mat", "lamp"]
_NOUNS_ZH = ["茶叶", "面霜", "耳机", "外套", "拼图", "小说", "瑜伽垫", "台灯"]
_GRADES = ["budget", "classic", "premium"]
_GRADES_ZH = ["实惠", "经典", "高端"]
_PRAISE = ["Love this {}, buying again!", "{}很好用，下次还会买 😀", "Great {} ❤️ fast parcel", "物流很快，{}不错 👍"]
_BLAME = ["The {} is too dear for me.", "{}太贵了，不会再买 😞", "Returned the {}, not worth it", "{}等打折再说 🤔"]
_SEARCH = ["cheap {}", "{} 优惠券", "best {}", "{} 推荐"]


@dataclass(frozen=True)
class _People:
    """Latent values of each user: orders a day, price level (1 is average), taste and coupon proneness."""

    ids: np.ndarray
    rate: np.ndarray
    level: np.ndarray
    taste: np.ndarray
    coupons: np.ndarray


def simulate(users: int, seed: int, days: int) -> dict[str, pd.DataFrame]:
    """All eight raw shop tables of a simulated shop, user ids ``u0000`` on.

    Parameters
    ----------
    users, days
        Number of users, and of days from 2024-01-01.
    seed
        The same seed gives the same tables.
    """
    random = np.random.default_rng(seed)
    people = _people(random, users)
    products = _products(random)
    orders = _orders(random, people, products, days)
    campaigns = _campaigns(random, people, days)
    return {
        "orders": orders,
        "products": products.drop(columns=["price", "noun"]),
        "events": _events(random, people, orders, products, days),
        "texts": _texts(random, people, products, days),
        "follows": _follows(random, people, days),
        "users": _profiles(random, people),
        "campaigns": campaigns,
        "redemptions": _redemptions(random, people, campaigns, days),
    }


def _people(random: np.random.Generator, users: int) -> _People:
    rate = random.gamma(1.2, 0.06, users)
    rate[::20] = 0.0
    return _People(
        ids=np.array([f"u{number:04d}" for number in range(users)], dtype=object),
        rate=rate,
        level=np.exp(random.normal(0, 0.5, users)),
        taste=random.dirichlet(np.full(len(_CATEGORIES), 0.5), users),
        coupons=random.beta(1, 3, users),
    )


def _products(random: np.random.Generator, each: int = 15) -> pd.DataFrame:
    kind = np.repeat(np.arange(len(_CATEGORIES)), each)
    brand = random.integers(0, len(_BRANDS), len(kind))
    grade = np.tile(np.arange(each) % 3, len(_CATEGORIES))
    chinese = brand >= 4
    noun = np.where(chinese, np.array(_NOUNS_ZH)[kind], np.array(_NOUNS)[kind])
    grades = np.where(chinese, np.array(_GRADES_ZH)[grade], np.array(_GRADES)[grade])
    brands = np.array(_BRANDS)[brand]
    return pd.DataFrame(
        {
            "product_id": [f"p{number:03d}" for number in range(len(kind))],
            "title": [f"{b} {g} {n}" for b, g, n in zip(brands, grades, noun, strict=True)],
            "category": np.array(_CATEGORIES)[kind],
            "brand": brands,
            "price": np.round((4.0 + 8.0 * grade) * np.exp(random.normal(0, 0.3, len(kind))), 2),
            "noun": noun,
        }
    )


def _times(random: np.random.Generator, day: np.ndarray) -> np.ndarray:
    seconds = np.clip(random.normal(15 * 3600, 4 * 3600, len(day)), 0, 86_399).astype(np.int64)
    return START + day.astype(np.int64) * _DAY + seconds * np.timedelta64(1_000_000, "us")


def _picks(random: np.random.Generator, people: _People, who: np.ndarray) -> np.ndarray:
    """Product positions: category by taste, grade by price level."""
    chosen = (people.taste[who].cumsum(axis=1) < random.random(len(who))[:, None]).sum(axis=1)
    category = np.minimum(chosen, len(_CATEGORIES) - 1)
    grade = np.clip(np.round(1 + 1.2 * np.log(people.level[who]) + random.normal(0, 0.5, len(who))), 0, 2)
    return (category * 15 + 3 * random.integers(0, 5, len(who)) + grade).astype(np.int64)


def _orders(random: np.random.Generator, people: _People, products: pd.DataFrame, days: int) -> pd.DataFrame:
    user = np.repeat(np.arange(len(people.ids)), random.poisson(people.rate * days))
    at = _times(random, random.integers(0, days, len(user)))
    lines = 1 + random.poisson(people.level[user])
    order = np.repeat(np.arange(len(user)), lines)
    who = user[order]
    item = _picks(random, people, who)
    quantity = 1.0 + random.poisson(0.3, len(order))
    full = products["price"].to_numpy()[item] * quantity
    discount = np.round(full * 0.2 * (random.random(len(order)) < 0.3), 2)
    coupon = np.round(full * 0.1 * (random.random(len(order)) < people.coupons[who] / 2), 2)
    frame = pd.DataFrame(
        {
            "user_id": people.ids[who],
            "order_id": [f"o{number:06d}" for number in order],
            "product_id": products["product_id"].to_numpy()[item],
            "ordered_at": at[order],
            "quantity": quantity,
            "amount": np.round(full - discount - coupon, 2),
            "discount": np.round(discount + coupon, 2),
            "coupon_discount": coupon,
            "store_id": [f"s{number}" for number in who % 5],
        }
    )
    first = frame.drop_duplicates(["user_id", "order_id", "product_id"])
    return first.sort_values("ordered_at", kind="stable", ignore_index=True)


def _events(
    random: np.random.Generator, people: _People, orders: pd.DataFrame, products: pd.DataFrame, days: int
) -> pd.DataFrame:
    """Carts and views shortly before each line, and views that lead nowhere."""
    back = random.integers(60, 7_200, len(orders)).astype("timedelta64[s]")
    idle = np.repeat(np.arange(len(people.ids)), random.poisson((0.02 + people.rate) * days))
    bought = {"user_id": orders["user_id"], "product_id": orders["product_id"]}
    parts = [
        pd.DataFrame({**bought, "occurred_at": orders["ordered_at"] - back, "event": "cart"}),
        pd.DataFrame({**bought, "occurred_at": orders["ordered_at"] - 2 * back, "event": "view"}),
        pd.DataFrame(
            {
                "user_id": people.ids[idle],
                "product_id": products["product_id"].to_numpy()[_picks(random, people, idle)],
                "occurred_at": _times(random, random.integers(0, days, len(idle))),
                "event": random.choice(["view", "search", "wish"], len(idle)),
            }
        ),
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame["product_id"] = frame["product_id"].where(frame["event"] != "search")
    return frame.sort_values("occurred_at", kind="stable", ignore_index=True)


def _texts(random: np.random.Generator, people: _People, products: pd.DataFrame, days: int) -> pd.DataFrame:
    """Reviews, searches and posts; keen users praise, the others find things dear."""
    who = np.repeat(np.arange(len(people.ids)), random.poisson((0.004 + 0.15 * people.rate) * days))
    noun = products["noun"].to_numpy()[_picks(random, people, who)]
    happy = random.random(len(who)) < np.clip(people.rate[who] * 8, 0.1, 0.9)
    kind = random.choice(["review", "search", "post", "chat"], len(who), p=[0.4, 0.3, 0.2, 0.1])
    pick = random.integers(0, 4, len(who))
    opinion = np.where(happy, np.array(_PRAISE)[pick], np.array(_BLAME)[pick])
    pattern = np.where(kind == "search", np.array(_SEARCH)[pick], opinion)
    frame = pd.DataFrame(
        {
            "user_id": people.ids[who],
            "written_at": _times(random, random.integers(0, days, len(who))),
            "text": [p.format(n) for p, n in zip(pattern, noun, strict=True)],
            "kind": kind,
        }
    )
    return frame.sort_values("written_at", kind="stable", ignore_index=True)


def _follows(random: np.random.Generator, people: _People, days: int, near: int = 30) -> pd.DataFrame:
    """Four friends each, taken among the users of a similar price level."""
    place = np.argsort(np.argsort(people.level))
    by_level = np.argsort(people.level)
    who = np.repeat(np.arange(len(people.ids)), 4)
    aim = place[who] + random.integers(-near, near + 1, len(who))
    friend = by_level[np.clip(aim, 0, len(people.ids) - 1)]
    frame = pd.DataFrame(
        {
            "user_id": people.ids[who],
            "friend_id": people.ids[friend],
            "since": _times(random, random.integers(0, days, len(who))),
        }
    )
    frame = frame[frame["user_id"] != frame["friend_id"]]
    return frame.drop_duplicates(["user_id", "friend_id"], ignore_index=True)


def _profiles(random: np.random.Generator, people: _People) -> pd.DataFrame:
    count = len(people.ids)
    band = np.digitize(people.level * np.exp(random.normal(0, 0.3, count)), [0.6, 1.0, 1.6])
    return pd.DataFrame(
        {
            "user_id": people.ids,
            "joined_at": START - random.integers(1, 700, count) * _DAY,
            "age": random.integers(18, 75, count).astype("float64"),
            "income_band": np.array(["<25K", "25-50K", "50-75K", "75K+"])[band],
            "city": random.choice(["London", "Berlin", "上海", "成都"], count),
        }
    )


def _campaigns(random: np.random.Generator, people: _People, days: int) -> pd.DataFrame:
    sends = np.arange(10, days, 30)
    sent, user = np.nonzero(random.random((len(sends), len(people.ids))) < 0.5)
    ids = np.array([f"c{number:02d}" for number in range(len(sends))], dtype=object)
    at = START + sends[sent] * _DAY
    return pd.DataFrame({"user_id": people.ids[user], "campaign_id": ids[sent], "sent_at": at})


def _redemptions(random: np.random.Generator, people: _People, campaigns: pd.DataFrame, days: int) -> pd.DataFrame:
    user = campaigns["user_id"].str[1:].astype("int64").to_numpy()
    used = random.random(len(user)) < people.coupons[user] * (people.rate[user] > 0)
    redeemed = campaigns[used]
    wait = random.integers(3_600, 14 * 86_400, len(redeemed)).astype("timedelta64[s]")
    frame = redeemed[["user_id", "campaign_id"]].assign(redeemed_at=redeemed["sent_at"] + wait)
    return frame[frame["redeemed_at"] < START + days * _DAY].reset_index(drop=True)
