"""A study as one HTML file that needs no network: its trials, its encoders, its blend, Optuna's own plots."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
from markupsafe import Markup
from optuna.trial import TrialState
from plotly.graph_objects import Figure, Scatter

from purchasing_power.model.params import ModelParams
from purchasing_power.pages.page import render_page
from purchasing_power.tuning.blend_search import Blended
from steps.study.encoders import ComparedEncoder

BEST = 10
Cell = str | tuple[str, str]


def study_report(
    study: optuna.Study, metric: str, encoders: Sequence[ComparedEncoder] = (), blended: Blended | None = None
) -> str:
    """Table of the best trials, comparison of encoders, the blend, and history, importance and slices."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    pruned = study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    summary = (
        f"Best of {len(complete)} complete and {len(pruned)} pruned trials: {study.best_value:.4f} {metric} on average "
        f"over the forward-in-time folds (trial {study.best_trial.number})."
    )
    ordered = sorted(complete, key=lambda trial: -(trial.value or 0.0))[:BEST]
    figures = _figures(study)
    if sum(one.encoder is not None for one in encoders) > 1:
        figures.insert(0, _chart(encoders, metric))
    return render_page(
        "steps.study",
        "study.html.j2",
        f"Study {study.study_name}",
        headline=summary,
        metric=metric,
        trials=[(f"{trial.number}", f"{trial.value:.4f}", _words(trial.params)) for trial in ordered],
        encoders=[_encoder(one) for one in encoders],
        blend=None if blended is None else _blend(blended, metric),
        plots=[
            # The first brings the script that draws them all.
            Markup(figure.to_html(full_html=False, include_plotlyjs="inline" if number == 0 else False))
            for number, figure in enumerate(figures)
        ],
    )


def _encoder(compared: ComparedEncoder) -> list[Cell]:
    at, encoder = compared.interval, compared.encoder
    behind: Cell = (f"{at.behind:+.4f}", f"{at.behind_low:+.4f} to {at.behind_high:+.4f}")
    figures: list[Cell] = [
        "made for this table" if compared.trial is None else str(compared.trial),
        (f"{at.score:.4f}", f"{at.low:.4f} to {at.high:.4f}"),
        "best" if at.behind == 0 else behind,
    ]
    if encoder is None:
        params = compared.params
        return [f"none: {params.representation} with {params.head.name}", *figures, "", "", "", ""]
    cost = (f"{encoder.texts_per_second:,.0f}", f"{encoder.size_mb:,.0f}", str(encoder.dimension))
    return [encoder.asked, *figures, *cost, encoder.runtime]


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
    figure.update_layout(title="Encoders: quality and speed", xaxis_title="texts a second", yaxis_title=metric)
    figure.update_xaxes(type="log")
    return figure


def _blend(found: Blended, metric: str) -> dict[str, object]:
    verdict = (
        "It is taken as the study's result."
        if found.better
        else "It does not beat its best member, which stays the study's result."
    )
    sentence = (
        f"{found.score:.4f} {metric} with weights that the other folds chose, against {found.alone_score:.4f} of "
        f"its best member alone. {verdict}"
    )
    members = [
        (f"{weight:.2f}", params.head.name, params.representation, _settings(params))
        for weight, params in zip(found.weights, found.members, strict=True)
    ]
    folds = [
        (str(number), f"{score:.4f}", f"{alone:.4f}")
        for number, (score, alone) in enumerate(zip(found.scores, found.alone, strict=True))
    ]
    return {"sentence": sentence, "members": members, "folds": folds}


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


def _settings(params: ModelParams) -> str:
    return _words({name: value for name, value in params.changed().items() if name != "representation"})


def _short(reference: str) -> str:
    return reference.partition("?")[0].rstrip("/").rpartition("/")[2]


def _words(params: dict[str, object]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in params.items()
    )
