"""Feature blocks of a few rows in numpy: the sums of scikit-learn's and our transformers, without their checks.

What a text, or the categories of a row, add is kept, so that a request looks it up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from scipy.special import ndtri

from purchasing_power.errors import DataError
from purchasing_power.serving.fast.fitted_parts import Fitted, Unsupported, class_name
from purchasing_power.serving.rows import RequestColumns, Rows
from purchasing_power.text import terms
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore, digest, vectors
from purchasing_power.text.weighting import known_rarity, project, projection

Block = Callable[[Rows], Any]
Step = Callable[[np.ndarray], np.ndarray]
CategoryRow = tuple[str | None, ...]

# Rows of categories whose columns are kept.
CACHED_ROWS = 10_000
# What a block keeps of distinct texts, bytes; a text and its place take about 400 beside its array.
CACHE_BYTES, TEXT_BYTES = 20_000_000, 400
# Longer texts are known by their digest.
LONGEST_TEXT = 150
# The border that QuantileTransformer draws around its outermost quantiles.
BORDER = 1e-7
_NO_PLACES = np.zeros(0, np.int64)


def block(name: str, fitted: Any, names: Any, columns: RequestColumns) -> Block:
    """A fitted block as a function of checked rows; one that is not known here runs as it is.

    Its output has the shape (n_rows, n_columns) of the block.

    Parameters
    ----------
    names
        Names of the columns that the block reads.

    Raises
    ------
    Unsupported
        If one that is not known was read of a file, and so cannot run.
    """
    if name == "numeric" and list(names) == list(columns.numeric):
        steps = _numeric(fitted)
        if steps is not None:
            return lambda rows: reduce(lambda X, step: step(X), steps, rows.numeric)
    if class_name(fitted) == "Categories" and list(names) == list(columns.categorical):
        encode = _one_hot(fitted)
        if encode is not None:
            # A cached array is only read: it is copied when blocks are put side by side.
            cached = lru_cache(CACHED_ROWS)(encode)
            return lambda rows: _each(cached, rows.categorical)
    parts = _steps(fitted)
    if class_name(parts[0]) == "EncodedDocuments" and len(parts) == 1:
        return _encoded(fitted)
    if class_name(parts[0]) == "TfidfDocuments" and parts[0].svd_ is not None:
        weigh = _tfidf(parts[0])
        if len(parts) == 1:
            return weigh
        if [class_name(one) for one in parts[1:]] == ["StandardScaler"]:
            scale = _scale(parts[1])
            return lambda rows: scale(weigh(rows))
    if isinstance(fitted, Fitted):
        raise Unsupported(f"{name} ({class_name(fitted)})")
    return lambda rows: fitted.transform(rows.frame[names])


def _each(one: Callable[[Any], np.ndarray], rows: Sequence[Any] | np.ndarray) -> np.ndarray:
    """What a function gives for each row, below each other; a single row, the usual request, is not copied."""
    return one(rows[0])[None] if len(rows) == 1 else np.stack([one(row) for row in rows])


def _steps(fitted: Any) -> list[Any]:
    """The steps of a pipeline; of another transformer, itself."""
    return [step for _, step in fitted.steps] if class_name(fitted) == "Pipeline" else [fitted]


def _numeric(fitted: Any) -> list[Step] | None:
    """The steps of the numeric block; ``None`` where one of them is not known."""
    if class_name(fitted) == "FunctionTransformer" and fitted.func is None:
        return []
    makers = {"SimpleImputer": _fill, "QuantileTransformer": _quantiles, "StandardScaler": _scale}
    parts = _steps(fitted)
    if any(class_name(part) not in makers for part in parts):
        return None
    return [makers[class_name(part)](part) for part in parts]


def _fill(imputer: Any) -> Step:
    values = imputer.statistics_
    return lambda X: np.where(np.isnan(X), values, X)


def _scale(scaler: Any) -> Step:
    means = np.asarray(0.0 if scaler.mean_ is None else scaler.mean_)
    scales = np.asarray(1.0 if scaler.scale_ is None else scaler.scale_)
    return lambda X: (X - means.astype(X.dtype)) / scales.astype(X.dtype)


def _quantiles(transformer: Any) -> Step:
    """Quantiles to a normal distribution, all columns at once; scikit-learn goes column by column.

    Like there, a value that several quantiles have gets the mean of the first one's share and the last one's.
    """
    quantiles, shares = transformer.quantiles_, transformer.references_
    firsts = _first_equal(quantiles)
    lowest, highest = quantiles[0] + BORDER, quantiles[-1] - BORDER
    least, most = ndtri(BORDER - np.spacing(1)), ndtri(1 - (BORDER - np.spacing(1)))
    column, end = np.arange(quantiles.shape[1]), len(quantiles) - 2

    def one(x: np.ndarray) -> np.ndarray:
        # Small integers add up several times faster than truth values do.
        count = (quantiles <= x).view(np.uint8).sum(axis=0, dtype=np.uint16).astype(np.intp)
        at = np.maximum(count - 1, 0)
        below = np.minimum(at, end)
        low, width = quantiles[below, column], quantiles[below + 1, column] - quantiles[below, column]
        part = np.minimum(np.maximum((x - low) / np.where(width > 0, width, 1.0), 0.0), 1.0)
        between = shares[below] + part * (shares[below + 1] - shares[below])
        on = 0.5 * (shares[at] + shares[firsts[at, column]])
        share = np.where(quantiles[at, column] == x, on, between)
        share[x > highest] = 1.0
        share[x < lowest] = 0.0
        return np.minimum(np.maximum(ndtri(share), least), most)

    return lambda X: _each(one, X)


def _first_equal(quantiles: np.ndarray) -> np.ndarray:
    """Row of the first quantile equal to each, shape (n_quantiles, n_columns)."""
    new = np.ones(quantiles.shape, bool)
    new[1:] = quantiles[1:] != quantiles[:-1]
    rows = np.where(new, np.arange(len(quantiles))[:, None], 0)
    return np.maximum.accumulate(rows, axis=0)


def _one_hot(fitted: Any) -> Callable[[CategoryRow], np.ndarray] | None:
    """What a fitted :class:`~purchasing_power.model.columns.Categories` makes of the categories of a row.

    ``None`` where a column has so many that they get more than a column each.
    """
    blocks = [(name, part) for name, part, _ in fitted.encoders_.transformers_ if name != "remainder"]
    if [name for name, _ in blocks] != ["one_hot"]:
        return None
    filler, encoder = (step for _, step in blocks[0][1].steps)
    if (class_name(filler), class_name(encoder)) != ("SimpleImputer", "OneHotEncoder"):
        return None
    missing = filler.fill_value
    places, unseen, width = _places(encoder)

    def encode(row: CategoryRow) -> np.ndarray:
        encoded = np.zeros(width, np.float32)
        for known, other, value in zip(places, unseen, row, strict=True):
            place = known.get(missing if value is None else value, other)
            if place is not None:
                encoded[place] = 1.0
        return encoded

    return encode


def _places(encoder: Any) -> tuple[list[dict[str, int]], list[int | None], int]:
    """Output column of each category of each column, that of unseen ones, if any, and how many there are.

    A column's rare categories share its last output.
    """
    places: list[dict[str, int]] = []
    unseen: list[int | None] = []
    width = 0
    for values, mapping in zip(encoder.categories_, encoder._default_to_infrequent_mappings, strict=True):
        local = np.arange(len(values)) if mapping is None else np.asarray(mapping)
        places.append({value: width + int(at) for value, at in zip(values, local, strict=True)})
        unseen.append(None if mapping is None else width + int(local.max()))
        width += int(local.max()) + 1
    return places, unseen, width


class TextCache:
    """What was made of each text before; all is dropped where there would be too much.

    Parameters
    ----------
    make
        Gives an array for each of some distinct texts.
    """

    def __init__(self, make: Callable[[list[str]], list[np.ndarray]]) -> None:
        self.make = make
        self.arrays: dict[str | bytes, np.ndarray] = {}
        self.size = 0

    def get(self, texts: list[str]) -> list[np.ndarray]:
        """An array for each text, made where it is not cached."""
        cached, keys = self.arrays, [_key(text) for text in texts]
        arrays = [cached.get(key) for key in keys]
        new = [text for text, array in zip(texts, arrays, strict=True) if array is None]
        if not new:
            return arrays  # type: ignore[return-value]
        made = dict(zip(map(_key, new), self.make(new), strict=True))
        size = sum(array.nbytes + TEXT_BYTES for array in made.values())
        if self.size + size > CACHE_BYTES:
            # Another thread may read the old one meanwhile.
            self.arrays = cached = {}
            self.size = 0
        cached.update(made)
        self.size += size
        return [made[key] if array is None else array for key, array in zip(keys, arrays, strict=True)]


def _key(text: str) -> str | bytes:
    return text if len(text) <= LONGEST_TEXT else digest(text)


def _encoded(block: Any) -> Callable[[Rows], np.ndarray]:
    """Weighted mean vectors of a fitted ``EncodedDocuments``, reduced; shape (n_rows, n_columns).

    The reduction is linear, so each text's vector is reduced once, and a row sums what its texts gave.
    """
    encoder = Encoder.open(block.encoder)
    if encoder.store_key != block.store_key_:
        raise DataError(
            f"encoder {block.encoder}: got {encoder.store_key}; the model was fitted with {block.store_key_}. "
            "The bundle is damaged: log the model again."
        )
    warm = None if block.warm_store is None else VectorStore(block.warm_store)
    # A bundle has no store of its own to write to: what a new text adds is kept here, reduced.
    store = None if block.store is None else VectorStore(block.store)
    width, centre, project = _projection(block)
    texts = TextCache(lambda new: list(project(vectors(encoder, new, store, warm=warm))))

    def one(documents: list[str]) -> np.ndarray:
        distinct, weights = _weights(block, documents)
        total = weights.sum()
        if not total > 0:
            return np.zeros(width, np.float32)
        mean = (weights @ np.stack(texts.get(distinct))) / total
        return (mean - centre).astype(np.float32)

    return lambda rows: _each(one, rows.documents)


def _tfidf(block: Any) -> Callable[[Rows], np.ndarray]:
    """Sublinear TF-IDF of a fitted ``TfidfDocuments``, after SVD; shape (n_rows, n_columns)."""
    known, components = terms.columns(block.terms_), block.svd_.components_
    rarity, all_words = block.tfidf_.idf_, block.stop_words == "keep"

    def columns(text: str) -> np.ndarray:
        places = map(known.get, terms.terms(text, block.ngram_max, all_words))
        return np.array([place for place in places if place is not None], np.int64)

    texts = TextCache(lambda new: [columns(text) for text in new])

    def one(documents: list[str]) -> np.ndarray:
        places, counts = np.unique(np.concatenate([*texts.get(documents), _NO_PLACES]), return_counts=True)
        weights = (1.0 + np.log(counts)) * rarity[places]
        length = np.sqrt(weights @ weights)
        return (components[:, places] @ (weights / (length or 1.0))).astype(np.float32)

    return lambda rows: _each(one, rows.documents)


def _weights(block: Any, documents: list[str]) -> tuple[list[str], np.ndarray]:
    """Distinct texts and their weights, as :func:`~purchasing_power.text.weighting.document_weights` gives them."""
    totals: dict[str, float] = dict.fromkeys(sorted(set(documents)), 0.0)
    for place, text in enumerate(documents):
        totals[text] += 1 / (1 + place) if block.weighting == "recency" else 1.0
    distinct, weights = list(totals), np.array(list(totals.values()))
    if block.weighting in ("log_count", "idf"):
        weights = np.log1p(weights)
    if block.weighting == "idf" and distinct:
        weights *= known_rarity(distinct, block.digests_, block.rarity_)
    return distinct, weights


def _projection(block: Any) -> tuple[int, np.ndarray | float, Callable[[np.ndarray], np.ndarray]]:
    """Columns, the centre to take off a mean, and what reduces vectors, shape (n, dimension), without centring them."""
    if block.components is None:
        return block.dimension_, 0.0, lambda vectors: vectors
    if block.pca_ is None:
        return 1, 0.0, lambda vectors: np.zeros((len(vectors), 1))
    matrix, centre = projection(block.pca_)
    return matrix.shape[1], centre, lambda vectors: project(vectors, matrix)
