"""Chinese names of user-table columns, one rule for each family of features."""

from __future__ import annotations

import re

_COUNTED = {
    "orders": "下单次数",
    "spend": "消费金额",
    "lines": "订单行数",
    "quantity": "购买件数",
    "campaigns": "收到的营销活动数",
    "redemptions": "核销优惠券次数",
    "products": "购买的不同商品数",
    "categories": "购买的不同品类数",
    "brands": "购买的不同品牌数",
    "stores": "光顾的不同门店数",
    "events": "行为事件数",
    "texts": "撰写的文本数",
    "weekdays": "下单的不同星期数",
    "coupon_discount": "优惠券抵扣金额",
    "discount_share": "折扣占比",
    "discounted_line_share": "打折订单行占比",
    "coupon_order_share": "使用优惠券的订单占比",
    "repeat_product_share": "复购商品消费占比",
    "new_product_share": "新商品占比",
    "top_product_share": "消费最多的商品占比",
    "top_category_share": "消费最多的品类占比",
    "category_entropy": "品类分散程度（熵）",
    "main_store_share": "最常去门店的订单占比",
    "weekend_share": "周末订单占比",
    "night_share": "夜间（0–6 点）订单占比",
    "morning_share": "上午（6–12 点）订单占比",
    "afternoon_share": "下午（12–18 点）订单占比",
    "evening_share": "晚间（18–24 点）订单占比",
    "friend_spend_mean": "所关注用户的平均消费金额",
    "friend_active_share": "所关注用户的下单比例",
    "follower_active_share": "粉丝的下单比例",
    "events_per_order": "每单对应的行为事件数",
    "views_per_order": "每单对应的浏览次数",
    "order_amount_mean": "平均每单金额",
    "order_amount_max": "最高单笔金额",
    "order_amount_std": "每单金额的标准差",
}
_SINCE = {
    "order": "上次下单",
    "first_order": "首次下单",
    "coupon": "上次使用优惠券",
    "campaign": "上次收到营销活动",
    "redemption": "上次核销优惠券",
    "event": "上次行为事件",
    "text": "上次撰写文本",
}
_PERIODS = {
    "spend_slope": "每期消费金额的变化趋势",
    "spend_std": "各期消费金额的波动（标准差）",
    "active_periods": "有消费的期数",
    "spend_least": "消费最少一期的金额",
}
_NAMED = {
    "gap_days_mean": "平均下单间隔天数",
    "gap_days_std": "下单间隔天数的标准差",
    "gap_days_max": "最长下单间隔天数",
    "gap_days_last": "最近一次下单间隔天数",
    "overdue_ratio": "距上次下单天数与平均间隔之比",
    "order_amount_mean": "平均每单金额",
    "order_amount_std": "每单金额的标准差",
    "order_amount_max": "最高单笔金额",
    "order_amount_last": "最近一单的金额",
    "lines_per_order": "每单平均行数",
    "lines_max": "单笔订单的最多行数",
    "amount_per_line": "每行平均金额",
    "small_order_share": "小额订单（三行以内）占比",
    "campaigns_redeemed": "核销过的不同活动数",
    "follows_out": "关注的用户数",
    "follows_in": "粉丝数",
    "text_length_mean": "文本平均长度（字符）",
}


def chinese_name(column: str) -> str | None:
    """What a feature column is, in Chinese; ``None`` where no family of features has the name.

    Columns of a profile or a flat file have names of their own, which are shown as they are.
    """
    if column in _NAMED:
        return _NAMED[column]
    if since := re.fullmatch(r"days_since_(\w+)", column):
        return f"距{_SINCE[since[1]]}的天数" if since[1] in _SINCE else None
    if decayed := re.fullmatch(r"(spend|orders)_decayed_(\d+)d", column):
        return f"按时间衰减的{_COUNTED[decayed[1]]}（半衰期 {decayed[2]} 天）"
    if ago := re.fullmatch(r"(spend|orders)_(\d+)_(\d+)d_ago", column):
        return f"{ago[2]}–{ago[3]} 天前的{_COUNTED[ago[1]]}"
    if growth := re.fullmatch(r"(spend|orders)_growth_(\d+)d", column):
        return f"近 {growth[2]} 天{_COUNTED[growth[1]]}较前期的增长（对数）"
    if mix := re.fullmatch(r"(category|brand)_share_(.+)", column):
        return f"“{mix[2]}”{'品类' if mix[1] == 'category' else '品牌'}的消费占比"
    windowed = re.fullmatch(r"(.+)_(\d+)d", column)
    if windowed is None:
        return None
    stem, days = windowed[1], windowed[2]
    if stem in _PERIODS:
        return f"近 {days} 天{_PERIODS[stem]}"
    if stem in _COUNTED:
        return f"近 {days} 天{_COUNTED[stem]}"
    kind = re.fullmatch(r"event_(.+)", stem)
    return f"近 {days} 天“{kind[1]}”事件数" if kind else None
