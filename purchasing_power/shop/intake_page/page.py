"""The intake page: one HTML file, English or Chinese, on which a data owner sees whether the data came in right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from markupsafe import Markup
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from purchasing_power.pages.page import BLUE, DASH, ORANGE, SPACE, bold, code, render_page, share, verdict
from purchasing_power.pages.pictures import BLUE as BAR
from purchasing_power.pages.pictures import picture
from purchasing_power.shop.intake_page.words import UNITS, WORDS, term
from purchasing_power.shop.key_matches import LEAST_SHARE
from purchasing_power.shop.report import ColumnReport, IntakeReport, KeyMatch, Money, OrderFigures, TableReport

MOST_GAPS = 5
# Weeks at either end that hold at most this share of the orders (or FEW of them) are isolated where the gap is so long.
ISOLATED_SHARE, FEW, ISOLATED_GAP = 0.01, 3, 26
_WEEK = timedelta(days=7)
Words = Mapping[str, str]
Weeks = Sequence[tuple[date, int]]
Cell = str | Markup | tuple[str | Markup, str]


def intake_page(report: IntakeReport, title: str, language: str) -> str:
    """One HTML document; it fetches nothing, runs no script and shows no user id and no value of a row.

    Parameters
    ----------
    title
        What was taken in, such as the name of the shop's folder.
    language
        ``"en"`` or ``"zh"``.
    """
    words = WORDS[language]
    return render_page(
        "purchasing_power.shop.intake_page",
        "page.html.j2",
        words["title"].format(name=title),
        language,
        ORANGE if report.warnings else BLUE,
        words=words,
        headline=headline(report, language),
        facts={} if report.orders is None else _facts(report.orders, words),
        warnings=report.warnings,
        notes=report.notes,
        orders=report.orders,
        **_rows(report.tables, language),
        **_money(report.money, words),
        **({} if report.orders is None else _time(report.orders, words)),
        keys=[_key(match) for match in report.key_matches],
        columns=[
            (name, [_column(column, table.read, language) for column in table.columns])
            for name, table in report.tables.items()
            if table.columns
        ],
    )


def headline(report: IntakeReport, language: str) -> Markup:
    """Rows read and kept, net money and the number of warnings, in one sentence."""
    words = WORDS[language]
    orders = report.tables.get("orders")
    counted = [orders] if orders is not None else list(report.tables.values())
    figures = {"read": sum(table.read for table in counted), "kept": sum(table.kept for table in counted)}
    rows = words["rows" if orders is None else "order_lines"]
    parts: list[str | Markup] = [rows.format(**{name: f"{value:,}" for name, value in figures.items()})]
    if report.money:
        net = sum(one.net * one.rate for one in report.money)
        parts.append(words["net_money"].format(net=f"{_short(net, language)}{SPACE}{_own(report.money, words)}"))
    count = len(report.warnings)
    warned = words["warning"] if count == 1 else words["warnings_count"].format(count=count)
    parts.append(bold(warned) if count else words["no_warning"])
    return Markup(words["and"]).join(parts)


def gaps(weeks: Weeks) -> list[tuple[date, int]]:
    """Runs of weeks without an order, longest first: the Monday they begin on and how many weeks they last."""
    found: list[tuple[date, int]] = []
    for monday, orders in weeks:
        if orders:
            continue
        if found and found[-1][0] + found[-1][1] * _WEEK == monday:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((monday, 1))
    return sorted(found, key=lambda gap: gap[1], reverse=True)


def bulk(weeks: Weeks) -> Weeks:
    """The weeks without isolated ones at either end: few orders, and a gap of half a year between them and the rest."""
    begin, end = 0, len(weeks)
    total = sum(orders for _, orders in weeks)
    for monday, length in sorted(gaps(weeks)):
        if length < ISOLATED_GAP:
            continue
        place = (monday - weeks[0][0]) // _WEEK
        before, after = (sum(orders for _, orders in part) for part in (weeks[:place], weeks[place:]))
        if before <= max(ISOLATED_SHARE * total, FEW) and before < after:
            begin = place + length
        elif after <= max(ISOLATED_SHARE * total, FEW) and after < before:
            end = min(end, place)
    return weeks[begin:end]


def _facts(orders: OrderFigures, words: Words) -> dict[str, str]:
    gap = words["nobody_returns"] if orders.gap_days is None else f"{orders.gap_days:,.3g}"
    return {
        words["orders"]: f"{orders.orders:,}",
        words["users"]: f"{orders.users:,}",
        words["span"]: words["to"].format(first=orders.first, last=orders.last),
        words["orders_per_user"]: f"{orders.orders_per_user:,.3g}",
        words["returning"]: share(orders.returning_share, 1),
        words["gap"]: gap,
    }


# Where rows go, in the order of the page; those that no table needs are no column of it.
_ENDS = ("kept", "quarantined", "left_out", "added_up", "returned")


def _rows(tables: Mapping[str, TableReport], language: str) -> dict[str, object]:
    words = WORDS[language]
    counts = {name: _counts(table) for name, table in tables.items()}
    ends = [end for end in (*_ENDS, "difference") if end == "kept" or any(one[end] for one in counts.values())]
    shown = ["read", *ends, *(["guests"] if any(one["guests"] for one in counts.values()) else [])]
    return {
        "rows_head": [words["table"], *(words[name] for name in shown)],
        "rows": [
            [(code(name), term(_source(name, tables[name]), language)), *(_end(of, end) for end in shown)]
            for name, of in counts.items()
        ],
        "quarantined": [
            [(term(reason, language), name), f"{count:,}", _row_number(table, reason)]
            for name, table in tables.items()
            for reason, count in table.reasons.items()
        ],
        "left_out": [
            [(term(reason, language), name), f"{count:,}"]
            for name, table in tables.items()
            for reason, count in table.left_out.items()
        ],
    }


def _counts(table: TableReport) -> dict[str, int]:
    counts = {name: getattr(table, name) for name in ("read", "guests", *_ENDS) if name != "left_out"}
    counts["left_out"] = sum(table.left_out.values())
    # A table that was not read but made, such as the returns among order lines, has nothing to account for.
    counts["difference"] = table.read - sum(counts[end] for end in _ENDS) if table.read else 0
    return counts


def _end(counts: Mapping[str, int], end: str) -> Cell:
    count = counts[end]
    if end == "read" or not count:
        return f"{count:,}" if end in ("read", "kept") or count else DASH
    return verdict(f"{count:,}", good=False) if end == "difference" else (f"{count:,}", _portion(count, counts["read"]))


def _source(name: str, table: TableReport) -> str:
    return "" if table.source == name else table.source


def _row_number(table: TableReport, reason: str) -> str:
    return f"{table.first_rows[reason]:,}" if reason in table.first_rows else DASH


def _money(money: Sequence[Money], words: Words) -> dict[str, object]:
    own, converted = _own(money, words), any(one.rate != 1 for one in money)
    head = [words[name] for name in ("currency", "gross", "money_returned", "net")]
    rows: list[list[Cell]] = [
        [
            one.currency or words["own_currency"],
            *(f"{value:,.2f}" for value in (one.gross, one.returned, one.net)),
            *([f"{one.rate:g}"] if converted else []),
        ]
        for one in money
    ]
    if converted:
        head.append(words["rate"].format(currency=own))
        sums = (sum(getattr(one, name) * one.rate for one in money) for name in ("gross", "returned", "net"))
        rows.append([bold(words["total"].format(currency=own)), *(bold(f"{value:,.2f}") for value in sums), ""])
    return {"money_head": head, "money": rows}


def _own(money: Sequence[Money], words: Words) -> str:
    """The shop's own currency: the one that needs no rate."""
    return next((one.currency for one in money if one.rate == 1 and one.currency), words["own_currency"])


def _short(amount: float, language: str) -> str:
    unit = next((unit for unit in UNITS[language] if abs(amount) >= unit[0]), None)
    return f"{amount:,.0f}" if unit is None else f"{amount / unit[1]:,.1f}{SPACE}{unit[2]}"


def _time(orders: OrderFigures, words: Words) -> dict[str, object]:
    span = {"orders": f"{orders.orders:,}", "first": orders.first, "last": orders.last}
    shown = bulk(orders.weeks)
    isolated = [(monday, count) for monday, count in orders.weeks if count and (monday, count) not in shown]
    drawn = picture(_draw_weeks, 11, 2.8, words["time_label"], shown) if shown else Markup()
    return {
        "time_aside": words["time_aside"].format(**span),
        "timeline": drawn,
        "gaps": [*_isolated_words(isolated, words), *_gap_words(gaps(shown), words)],
    }


def _isolated_words(isolated: Weeks, words: Words) -> list[Markup]:
    if not isolated:
        return []
    mondays = [str(monday) for monday, _ in isolated]
    named = words["comma"].join(mondays[:MOST_GAPS]) + (" …" if len(mondays) > MOST_GAPS else "")
    count = sum(orders for _, orders in isolated)
    text = words["isolated_one" if count == 1 else "isolated"].format(count=f"{count:,}", weeks=named)
    return [verdict(text, good=False)]


def _gap_words(found: Sequence[tuple[date, int]], words: Words) -> list[str]:
    sentences = [
        words["gap_week" if weeks == 1 else "gap_line"].format(
            weeks=f"{weeks:,}", first=first, last=first + weeks * _WEEK - timedelta(days=1)
        )
        for first, weeks in found[:MOST_GAPS]
    ]
    further = len(found) - MOST_GAPS
    if further > 0:
        sentences.append(words["more_gap" if further == 1 else "more_gaps"].format(count=f"{further:,}"))
    return sentences or [words["no_gap"]]


def _draw_weeks(figure: Figure, weeks: Weeks) -> None:
    axes = figure.subplots()
    edges = [date2num(monday) for monday, _ in weeks]
    axes.stairs([orders for _, orders in weeks], [*edges, edges[-1] + _WEEK.days], fill=True, color=BAR)
    locator = AutoDateLocator(minticks=3, maxticks=12)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, formats=_DATES, offset_formats=[""] * 6))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="x", visible=False)
    axes.set(xlim=(edges[0], edges[-1] + _WEEK.days), ylim=(0, None))


# Figures alone, which every language reads.
_DATES = ["%Y", "%Y-%m", "%Y-%m-%d", "%H:%M", "%H:%M", "%S"]


def _key(match: KeyMatch) -> list[Cell]:
    good = not match.advice and match.matched_ids >= LEAST_SHARE * match.ids
    return [
        (code(f"{match.column} → {match.partner}"), match.advice),
        f"{match.ids:,}",
        (verdict(_portion(match.matched_ids, match.ids), good), f"{match.matched_ids:,}"),
        (verdict(_portion(match.matched_rows, match.rows), good), f"{match.matched_rows:,} / {match.rows:,}"),
    ]


def _column(column: ColumnReport, rows: int, language: str) -> list[Cell]:
    unread: Cell = DASH
    if column.unread:
        unread = (verdict(f"{column.unread:,}", good=False), _portion(column.unread, rows))
    read_as = WORDS[language]["colon"].join(term(text, language) for text in (column.kind, column.how) if text)
    return [
        (code(column.name), read_as),
        (f"{column.missing:,}", _portion(column.missing, rows)) if column.missing else DASH,
        unread,
    ]


def _portion(part: int, whole: int) -> str:
    """A share in percent that is 0 or 100 only where it is so exactly."""
    if not whole:
        return ""
    if part in (0, whole):
        return share(float(bool(part)))
    percent = min(max(100 * part / whole, 0.1), 99.9)
    return f"<0.1{SPACE}%" if part / whole < 0.001 else f"{percent:.1f}{SPACE}%"
