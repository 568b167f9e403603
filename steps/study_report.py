"""The study's own plots as one HTML file that needs no network."""

from __future__ import annotations

import html
import warnings

import optuna
from optuna.trial import TrialState
from plotly.graph_objects import Figure

TEMPLATE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1100px;color:#1f2933}}
table{{border-collapse:collapse}}td,th{{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #d9e2ec}}</style>
<h1>{title}</h1><p>{summary}</p>{table}{figures}</html>"""


def study_report(study: optuna.Study, metric: str) -> str:
    """History, importance and slices of a study, with a table of its best trials."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    pruned = study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    summary = (
        f"Best of {len(complete)} complete and {len(pruned)} pruned trials: {study.best_value:.4f} {metric} on average "
        f"over the forward-in-time folds (trial {study.best_trial.number})."
    )
    ranked = sorted(complete, key=lambda trial: -(trial.value or 0.0))[:10]
    rows = "".join(
        f"<tr><td>{trial.number}<td>{trial.value:.4f}<td>{html.escape(_words(trial.params))}"
        for trial in ranked
    )
    table = f"<table><tr><th>trial<th>{html.escape(metric)}<th>parameters{rows}</table>"
    figures = "".join(
        figure.to_html(full_html=False, include_plotlyjs="inline" if number == 0 else False)
        for number, figure in enumerate(_figures(study))
    )
    return TEMPLATE.format(
        title=f"Study {html.escape(study.study_name)}", summary=summary, table=table, figures=figures
    )


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


def _words(params: dict[str, object]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )
