"""What the words and ids of an export mean for its order lines."""

from __future__ import annotations

from dataclasses import dataclass, field

CANCELLED = (
    *("cancelled", "canceled", "cancel", "cancellation", "void", "voided", "storniert", "annulé", "annulée"),
    *("anulado", "cancelado", "annullato", "已取消", "取消", "交易关闭", "已关闭"),
)
UNPAID = (
    *("pending", "unpaid", "failed", "declined", "rejected", "abandoned", "draft", "test", "expired", "trash"),
    *("on hold", "on-hold", "on_hold", "pending payment", "pending-payment", "pending_payment", "payment pending"),
    *("payment failed", "payment_failed", "awaiting payment", "awaiting-payment", "checkout-draft", "auto-draft"),
    *("not paid", "test order", "unbezahlt", "待付款", "未付款", "待支付", "未支付", "测试"),
)
RETURNED = (
    *("refunded", "refund", "returned", "return", "chargeback", "charged_back", "reversed", "retourniert"),
    *("erstattet", "remboursé", "remboursée", "reembolsado", "devuelto", "reso", "已退款", "退款", "已退货", "退货"),
)


@dataclass(frozen=True)
class OrderRules:
    """What statuses, ids and currencies say about an order line.

    Attributes
    ----------
    left_out
        Status words, lower case, whose lines do not count: cancelled, unpaid, test.
    returned
        Status words, lower case, whose lines are a purchase and its return at once.
    guests
        User ids that stand for no user.
    currency
        The shop's own; ``None`` takes the one that most lines have.
    rates
        What one unit of another currency is in the shop's own.
    """

    left_out: tuple[str, ...] = (*CANCELLED, *UNPAID)
    returned: tuple[str, ...] = RETURNED
    guests: tuple[str, ...] = ()
    currency: str | None = None
    rates: dict[str, float] = field(default_factory=dict)
