"""A study as one HTML file that needs no network: its trials, its encoders, its blend, Optuna's own plots."""

from __future__ import annotations

import html
import warnings
from collections.abc import Sequence

import optuna
from optuna.trial import TrialState
from plotly.graph_objects import Figure, Scatter

from purchasing_power.model.params import ModelParams
from purchasing_power.tuning.blend_search import Blended
from steps.study.encoders import ComparedEncoder

TEMPLATE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1100px;padding:0 1rem;color:#1f2933}}
table{{border-collapse:collapse;margin:1rem 0}}
td,th{{padding:.3rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid #d9e2ec}}
td.n{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
h2{{margin-top:2.5rem}}.scroll{{overflow-x:auto}}</style>
<h1>{title}</h1><p>{summary}</p>{sections}</html>"""
BEST = 10


def study_report(
    study: optuna.Study,
    metric: str,
    encoders: Sequence[ComparedEncoder] = (),
    blended: Blended | None = None,
) -> str:
    """Table of the best trials, comparison of encoders, the blend, and history, importance and slices."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    pruned = study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    summary = (
        f"Best of {len(complete)} complete and {len(pruned)} pruned trials: {study.best_value:.4f} {metric} on average "
        f"over the forward-in-time folds (trial {study.best_trial.number})."
    )
    ordered = sorted(complete, key=lambda trial: -(trial.value or 0.0))[:BEST]
    rows = [(f"{trial.number}", f"{trial.value:.4f}", _words(trial.params)) for trial in ordered]
    figures, sections = (
        _figures(study),
        [_heading("Best trials"), _table(["trial", metric, "parameters"], rows)],
    )
    if encoders:
        sections += [_heading("Encoders"), _encoders(encoders, metric)]
        figures = [
            *([_chart(encoders, metric)] if sum(one.encoder is not None for one in encoders) > 1 else []),
            *figures,
        ]
    if blended is not None:
        sections += [_heading("Blend"), _blend(blended, metric)]
    drawn = [
        figure.to_html(full_html=False, include_plotlyjs="inline" if number == 0 else False)
        for number, figure in enumerate(figures)
    ]
    return TEMPLATE.format(
        title=f"Study {html.escape(study.study_name)}",
        summary=html.escape(summary),
        sections="".join([*sections, _heading("Plots"), *drawn]),
    )


def _encoders(compared: Sequence[ComparedEncoder], metric: str) -> str:
    head = f"encoder,trial,{metric},95 % interval,minus the best,95 % interval,texts a second,MB,dimension,runtime"
    rows = []
    for one in compared:
        at, encoder = one.interval, one.encoder
        trial = "made for this table" if one.trial is None else str(one.trial)
        figures = (f"{at.score:.4f}", f"{at.low:.4f} to {at.high:.4f}")
        behind = (f"{at.behind:+.4f}", f"{at.behind_low:+.4f} to {at.behind_high:+.4f}")
        behind = ("best", "") if at.behind == 0 else behind
        if encoder is None:
            kind = f"none: {one.params.representation} with {one.params.head.name}"
            rows.append((kind, trial, *figures, *behind, "", "", "", ""))
            continue
        cost = (f"{encoder.texts_per_second:,.0f}", f"{encoder.size_mb:,.0f}", str(encoder.dimension))
        rows.append((encoder.asked, trial, *figures, *behind, *cost, encoder.runtime))
    note = (
        "Each encoder stands with the best trial that reads it. Intervals: users are drawn with replacement 1,000 "
        "times, all rows of a user together and the same draws for every line, and the figure is the mean over folds. "
        "They say how far the rows decide, not what more trials would find; the best of several trials is a little "
        "too good. Speed is that of distinct texts on the machine of the study."
    )
    return f"{_table(head.split(','), rows)}<p>{note}</p>"


def _chart(compared: Sequence[ComparedEncoder], metric: str) -> Figure:
    known = [(one.encoder, one.interval) for one in compared if one.encoder is not None]
    figure = Figure(
        Scatter(
            x=[encoder.texts_per_second for encoder, _ in known],
            y=[at.score for _, at in known],
            error_y={
                "array": [at.high - at.score for _, at in known],
                "arrayminus": [at.score - at.low for _, at in known],
            },
            text=[_short(encoder.asked) for encoder, _ in known],
            marker={"size": 11},
            mode="markers+text",
            textposition="top center",
        )
    )
    figure.update_layout(
        title="Encoders: quality and speed", xaxis_title="texts a second", yaxis_title=metric
    )
    figure.update_xaxes(type="log")
    return figure


def _blend(found: Blended, metric: str) -> str:
    verdict = (
        "It is taken as the study's result."
        if found.better
        else "It does not beat its best member, which stays the study's result."
    )
    said = (
        f"{found.score:.4f} {metric} with weights that the other folds chose, against {found.alone_score:.4f} of "
        f"its best member alone. {verdict}"
    )
    members = [
        (f"{weight:.2f}", params.head.name, params.representation, _settings(params))
        for weight, params in zip(found.weights, found.members, strict=True)
    ]
    parts = [
        (str(number), f"{score:.4f}", f"{alone:.4f}")
        for number, (score, alone) in enumerate(zip(found.scores, found.alone, strict=True))
    ]
    who = _table(["weight", "head", "representation", "differs from the defaults"], members)
    return f"<p>{html.escape(said)}</p>{who}{_table(['fold', 'blend', 'best member'], parts)}"


def _figures(study: optuna.Study) -> list[Figure]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures = [optuna.visualization.plot_optimization_history(study)]
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) > 1 and len({trial.value for trial in complete}) > 1:
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            figures.append(optuna.visualization.plot_param_importances(study, evaluator=evaluator))
        figures.append(optuna.visualization.plot_slice(study))
    return figures


def _heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{html.escape(name)}" for name in head)
    body = "".join("<tr>" + "".join(map(_cell, row)) for row in rows)
    return f'<div class="scroll"><table><tr>{top}{body}</table></div>'


def _cell(text: str) -> str:
    kind = ' class="n"' if text[:1].isdigit() or text[:1] in "+-" else ""
    return f"<td{kind}>{html.escape(text)}"


def _settings(params: ModelParams) -> str:
    return _words({name: value for name, value in params.changed().items() if name != "representation"})


def _short(reference: str) -> str:
    return reference.partition("?")[0].rstrip("/").rpartition("/")[2]


def _words(params: dict[str, object]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )
