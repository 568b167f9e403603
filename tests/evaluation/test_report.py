from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pytest

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Resampling, interval, paired_bootstrap
from purchasing_power.evaluation.evaluation import Driver, Effect, Evaluation, target_phrase, tier_rows
from purchasing_power.evaluation.metrics import classification_metrics, ranking_metrics, regression_metrics
from purchasing_power.evaluation.pictures import confusion_counts, decile_means
from purchasing_power.evaluation.report import against_naive, evaluation_report, headline
from purchasing_power.snapshot.target import Target

SPACE = "\N{NO-BREAK SPACE}"
DRIVERS = (
    Driver("spend_28d", 0.1234, 0.1, 0.15, "Spend of the last 28 days"),
    Driver("price_$_a<b>$", 0.05, 0.02, 0.09),
)


def two_classes(rows: int = 400, seed: int = 0) -> Evaluation:
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    y = (signal + rng.normal(size=rows) > 1.2).astype(int)
    p = 1 / (1 + np.exp(-2 * (signal + 0.2 * rng.normal(size=rows) - 1.2)))
    naive, outputs = np.exp(signal + 2 * rng.normal(size=rows)), np.column_stack([1 - p, p])
    metrics = {"model": classification_metrics(y, outputs, 1), "naive": ranking_metrics(y, naive)}
    users = np.arange(rows)
    return Evaluation(
        title="Version 3",
        target_phrase="next month's top-fifth spenders",
        task="binary",
        model={"head": "LightGBM", "digest": "9f1c2e77"},
        trained=("2017-08-13", "2017-09-10", "2017-10-08"),
        tested=("2017-12-03",),
        rows=rows,
        users=rows,
        metrics=metrics,
        y=y,
        outputs=outputs,
        baselines={"naive": naive},
        intervals={"auc": interval(y, p, users, "auc", Resampling(100))},
        against_naive=paired_bootstrap(y, p, naive, users, resampling=Resampling(100)),
        classes=("others", "top fifth"),
        positive=1,
        drivers=DRIVERS,
        notes=("One grocery chain & one year.",),
    )


def three_classes() -> Evaluation:
    rng = np.random.default_rng(1)
    outputs = rng.dirichlet([1, 1, 1], 300)
    y = np.array([rng.choice(3, p=row) for row in outputs])
    metrics = {"model": classification_metrics(y, outputs, 2)}
    shared = {"rows": 300, "users": 300, "metrics": metrics, "y": y, "outputs": outputs, "baselines": {}}
    return replace(two_classes(), task="multiclass", classes=("low", "中", "high"), positive=2, **shared)


def amounts() -> Evaluation:
    rng = np.random.default_rng(2)
    rate = rng.gamma(1, 80, 300)
    y, naive = rate * rng.gamma(4, 0.25, 300), rate * rng.gamma(1, 1, 300)
    metrics = {"model": regression_metrics(y, rate), "naive": regression_metrics(y, naive)}
    shared = {"rows": 300, "users": 300, "metrics": metrics, "y": y, "outputs": rate}
    return replace(
        two_classes(),
        target_phrase="the spend of the next 28 days",
        task="regression",
        classes=(),
        positive=None,
        baselines={"naive": naive},
        intervals={},
        against_naive=None,
        unit="dollars",
        **shared,
    )


def rows_of_table(page: str, number: int) -> dict[str, list[str]]:
    """Cells of the ``number``-th table of a report, by the name of the figure; explanations left out."""
    table = re.findall(r"<table.*?</table>", page, flags=re.DOTALL)[number]
    rows = re.findall(r"<tr><td>(.*?)</tr>", re.sub(r"<small>.*?</small>", "", table), flags=re.DOTALL)
    parts = [[html.unescape(re.sub(r"</?\w+>", "", part)).strip() for part in row.split("<td>")] for row in rows]
    return {name: cells for name, *cells in parts}


KINDS = pytest.mark.parametrize("made", [two_classes, three_classes, amounts])


@KINDS
def test_the_report_fetches_nothing_and_runs_no_script(made) -> None:  # type: ignore[no-untyped-def]
    page = evaluation_report(made())
    assert "://" not in page and "<script" not in page and "<link" not in page and "@import" not in page
    references = re.findall(r'(?:href|src|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)
    assert all(reference.startswith(("#", "data:")) for reference in references)
    assert len(page.encode()) < 2_000_000


@KINDS
def test_every_reference_inside_a_picture_leads_somewhere(made) -> None:  # type: ignore[no-untyped-def]
    page = evaluation_report(made())
    wanted = set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page))
    assert wanted and wanted <= set(re.findall(r'id="([^"]+)"', page))


def test_the_tables_print_the_given_figures() -> None:
    evaluation = two_classes()
    model, naive = evaluation.metrics["model"], evaluation.metrics["naive"]
    full = rows_of_table(evaluation_report(evaluation), 2)
    assert full["AUC"] == [f"{model['auc']:.3f}", f"{naive['auc']:.3f}"]
    assert full["Gain at 5 %"][0] == f"{100 * model['gain_5']:.1f}{SPACE}%"
    assert full["Lift at 10 %"][1] == f"{naive['lift_10']:.2f}{SPACE}×"
    assert full["Recall"][0] == f"{100 * model['recall']:.1f}{SPACE}%"
    assert full["Brier score"] == [f"{model['brier']:.3f}", "–"]
    assert len(full) == len(model)


def test_the_interval_stands_under_its_figure() -> None:
    evaluation = two_classes()
    auc = evaluation.intervals["auc"]
    assert f"95{SPACE}%: {auc.low:.3f} to {auc.high:.3f}" in evaluation_report(evaluation)


def test_the_best_of_each_row_is_marked_and_less_is_better_for_errors() -> None:
    evaluation = amounts()
    better = {"r2": 0.5, "mae": 10.0, "gain_10": 0.3}
    worse = {"r2": 0.4, "mae": 20.0, "gain_10": 0.3}
    base = evaluation.metrics["model"]
    page = evaluation_report(replace(evaluation, metrics={"model": base | better, "naive": base | worse}))
    assert "<b>0.500</b>" in page and "<b>0.400</b>" not in page
    assert "<b>10.00</b>" in page and "<b>20.00</b>" not in page
    found = page[page.index("Gain at 10 %") :]
    assert found[: found.index("</tr>")].count("<b>") == 2  # alike as printed, so both


def test_the_headline_tells_the_gain_of_the_top_fifth() -> None:
    evaluation = two_classes()
    model, naive = {"gain_20": 0.62}, {"gain_20": 0.58}
    assert headline(replace(evaluation, metrics={"model": model, "naive": naive})).replace(SPACE, " ") == (
        "The model finds 62 % of next month's top-fifth spenders in the 20 % of users it ranks highest; "
        "ranking by last month's spend finds 58 %."
    )
    assert "58 %, which is better." in headline(
        replace(evaluation, metrics={"model": {"gain_20": 0.5}, "naive": naive})
    ).replace(SPACE, " ")
    assert "at random" in headline(replace(evaluation, metrics={"model": model}))


def test_the_headline_of_an_amount_speaks_of_the_spend_held() -> None:
    evaluation = amounts()
    text = headline(evaluation).replace(SPACE, " ")
    assert f"bring {100 * evaluation.metrics['model']['gain_20']:.0f} % of the spend of the next 28 days" in text
    undefined = evaluation.metrics["model"] | {"gain_20": float("nan"), "mae": 12.5}
    assert "off by 12.50 dollars" in headline(replace(evaluation, metrics={"model": undefined}))


def test_the_report_says_so_where_the_model_is_no_better() -> None:
    evaluation = two_classes()
    assert evaluation.against_naive is not None
    tie = replace(evaluation.against_naive, difference=0.0, low=-0.01, high=0.01)
    worse = replace(evaluation.against_naive, difference=-0.1, low=-0.2, high=-0.05)
    assert "cannot be distinguished" in against_naive(replace(evaluation, against_naive=tie))
    assert "do not use it" in against_naive(replace(evaluation, against_naive=worse))
    assert "better than last month's spend by more than chance" in evaluation_report(evaluation).replace("&#39;", "'")


def test_rows_without_the_positive_class_still_make_a_report() -> None:
    evaluation = two_classes()
    none = np.zeros(400, int)
    metrics = {"model": classification_metrics(none, evaluation.outputs, 1)}
    page = evaluation_report(replace(evaluation, y=none, metrics=metrics, intervals={}, against_naive=None))
    assert "cannot be evaluated" in page and "nan" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)


def test_classes_without_a_positive_one_make_a_report() -> None:
    evaluation = three_classes()
    metrics = {"model": classification_metrics(evaluation.y, evaluation.outputs, None)}
    page = evaluation_report(replace(evaluation, positive=None, metrics=metrics, intervals={}, against_naive=None))
    assert "names the right class" in page and "Whom to approach first" not in page


def test_names_are_shown_as_they_are_and_never_as_markup() -> None:
    page = evaluation_report(two_classes())
    assert "price_$_a&lt;b&gt;$" in page and "a<b>$" not in page
    assert "One grocery chain &amp; one year." in page


def test_every_driver_and_every_fact_of_the_making_is_shown() -> None:
    page = evaluation_report(two_classes())
    for text in ("spend_28d", "Spend of the last 28 days", "0.1234", "LightGBM", "9f1c2e77", "2017-12-03"):
        assert text in page
    assert "2017-08-13 to 2017-10-08 (3 cutoffs)" in page


def test_words_and_categories_that_raise_or_lower_the_score_are_shown() -> None:
    effects = tuple(Effect(f"word{n}", 10.0 - n, 9.5 - n, 10.5 - n, 40) for n in range(21))
    page = evaluation_report(replace(two_classes(), effects={"Words": effects, "Categories": ()}))
    assert "+10.0000" in page and "-10.0000" in page and "word10<" not in page
    assert "Words and categories" not in evaluation_report(two_classes())


def test_the_same_evaluation_gives_the_same_report() -> None:
    assert evaluation_report(two_classes()) == evaluation_report(two_classes())


def test_confusion_counts_every_row_once_and_splits_two_classes_at_one_half() -> None:
    y = np.array([0, 0, 1, 1])
    outputs = np.array([[0.6, 0.4], [0.5, 0.5], [0.4, 0.6], [0.9, 0.1]])
    evaluation = replace(two_classes(), rows=4, y=y, outputs=outputs, baselines={})
    assert confusion_counts(evaluation).tolist() == [[1, 1], [1, 1]]
    assert confusion_counts(three_classes()).sum() == 300


def test_tenths_by_prediction_hold_their_own_means() -> None:
    prediction = np.arange(20.0)
    figures = decile_means(prediction + 1, prediction)
    assert figures[0].tolist() == [0.5, 1.5, 1.0] and figures.shape == (10, 3)


TARGET = Target(
    "tier",
    "multiclass",
    "spend_next_28d",
    classes=("none", "low", "middle", "high"),
    positive=3,
    thresholds=(0.0, 25.5, 1_200.0),
    class_spend=(0.0, 12.0, 300.0, 2_000.0),
    class_share=(0.9, 0.05, 0.03, 0.02),
)


@pytest.mark.parametrize(
    ("tested", "phrase"),
    [
        (0.2, "the top-fifth spenders of the next 28 days"),
        (0.176, "the top-fifth spenders of the next 28 days"),
        (0.224, "the top-fifth spenders of the next 28 days"),
        (0.17, "the high spenders of the next 28 days (17 % of those tested)"),
        (0.33, "the high spenders of the next 28 days (33 % of those tested)"),
        (0.0213, "the high spenders of the next 28 days (2.1 % of those tested)"),
    ],
)
def test_high_spenders_are_a_top_fifth_only_where_they_are_about_a_fifth(tested: float, phrase: str) -> None:
    assert target_phrase(TARGET, 28, tested).replace(SPACE, " ") == phrase


def test_the_table_of_tiers_tells_spend_and_shares() -> None:
    y = np.array([0, 0, 0, 3])
    page = evaluation_report(replace(two_classes(), target="Tier. Why.", tiers=tier_rows(TARGET, y)))
    cells = [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td>.*?</td>", page)]
    at = cells.index("none")
    assert [one.replace(SPACE, " ") for one in cells[at : at + 20]] == [
        *("none", "up to 0.00", "0.00", "90.0 %", "75.0 %"),
        *("low", "0.00 to 25.50", "12.00", "5.0 %", "0.0 %"),
        *("middle", "25.50 to 1,200.00", "300.00", "3.0 %", "0.0 %"),
        *("high", "above 1,200.00", "2,000.00", "2.0 %", "25.0 %"),
    ]
    # A model of an earlier version does not know its training rows' shares.
    before = tier_rows(replace(TARGET, class_share=()), y)
    assert [tier.trained for tier in before] == [None] * 4
    assert tier_rows(replace(TARGET, name="intent"), y) == ()


def test_warnings_stand_right_under_the_headline() -> None:
    warned = replace(two_classes(), warnings=("Column <b> tells the outcome.",), population="known users")
    page = evaluation_report(warned)
    places = [page.index(part) for part in ('class="headline"', "Column &lt;b&gt; tells", "<dl", "known users")]
    assert places == sorted(places)
    assert 'class="warnings"' not in evaluation_report(two_classes())


def test_parts_of_different_rows_are_refused() -> None:
    with pytest.raises(DataError, match="same rows"):
        replace(two_classes(), y=np.zeros(3))
