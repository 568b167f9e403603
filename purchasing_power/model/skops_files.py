"""Fitted scikit-learn objects as files: written with skops, and read only when every class in them is trusted."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from purchasing_power.errors import DataError

# The only classes, beside numbers, arrays, numpy's functions and a head's own classes, that a file may hold; any other
# is refused on loading. Their paths stand in the files of users: a class that moves needs its old path here as well.
TRUSTED = (
    "numpy.dtype",
    "purchasing_power.model.columns.Categories",
    "purchasing_power.model.columns.moments",
    "purchasing_power.text.vectorize.EncodedDocuments",
    "purchasing_power.text.vectorize.TfidfDocuments",
    "skrub._datetime_encoder.DatetimeEncoder",
    "skrub._datetime_encoder._CircularEncoder",
    "skrub._string_encoder.StringEncoder",
    "skrub._to_str.ToStr",
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.decomposition._pca.PCA",
    "sklearn.decomposition._truncated_svd.TruncatedSVD",
    "sklearn.feature_extraction.text.HashingVectorizer",
    "sklearn.feature_extraction.text.TfidfTransformer",
    "sklearn.feature_extraction.text.TfidfVectorizer",
    "sklearn.impute._base.SimpleImputer",
    "sklearn.linear_model._base.LinearRegression",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.QuantileTransformer",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._encoders.OneHotEncoder",
    "sklearn.preprocessing._function_transformer.FunctionTransformer",
    "sklearn.preprocessing._label.LabelEncoder",
    "sklearn.preprocessing._target_encoder.TargetEncoder",
)


def dump(fitted: Any, path: Path) -> None:
    """Write a fitted object."""
    _skops().dump(fitted, path)


def load(path: Path, more: tuple[str, ...] = ()) -> Any:
    """Read what :func:`dump` wrote; nothing in the file is run.

    Parameters
    ----------
    more
        Classes that the file may hold beside those of ``TRUSTED``, by module path.

    Raises
    ------
    DataError
        If the file holds a class that is not trusted.
    """
    skops = _skops()
    trusted = [*TRUSTED, *more]
    unknown = sorted(set(skops.get_untrusted_types(file=path)) - set(trusted))
    if unknown:
        raise DataError(
            f"model bundle: {path.name} holds {', '.join(unknown[:5])}; only classes of numpy and this library, and "
            "those of scikit-learn and skrub that it uses, are loaded. The file was not written by this library: train "
            "the model again."
        )
    return skops.load(path, trusted=trusted)


def _skops() -> ModuleType:
    """``skops.io``, which trusts no class of scikit-learn here by itself.

    On its import it asks scikit-learn for all estimators, to trust them: that loads every part of scikit-learn, and
    torch through one of them. Given none, a worker is ready sooner, takes 11 MB less and has no torch.
    """
    if "skops.io" in sys.modules:
        return sys.modules["skops.io"]
    from sklearn import utils

    all_estimators = utils.all_estimators
    utils.all_estimators = list
    try:
        return import_module("skops.io")
    finally:
        utils.all_estimators = all_estimators
