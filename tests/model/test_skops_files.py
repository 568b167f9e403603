"""Fitted objects go through files of which nothing but known classes is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from purchasing_power.errors import DataError
from purchasing_power.model import skops_files

X, Y = np.arange(8.0)[:, None], np.arange(8) % 2


def test_what_was_written_predicts_the_same(tmp_path: Path) -> None:
    fitted = LogisticRegression().fit(X, Y)
    skops_files.dump(fitted, tmp_path / "head.skops")
    again = skops_files.load(tmp_path / "head.skops")
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("other", [KNeighborsClassifier(1), RandomForestClassifier(2, random_state=0)])
def test_a_class_that_no_bundle_needs_is_refused_even_from_scikit_learn(other: object, tmp_path: Path) -> None:
    skops_files.dump(other, tmp_path / "head.skops")
    with pytest.raises(DataError, match=f"holds .*{type(other).__name__}.*only classes of"):
        skops_files.load(tmp_path / "head.skops")


def test_reading_a_file_leaves_most_of_scikit_learn_and_torch_alone(tmp_path: Path) -> None:
    skops_files.dump(LogisticRegression().fit(X, Y), tmp_path / "head.skops")
    code = (
        "import json, sys; from pathlib import Path; from purchasing_power.model import skops_files; "
        "skops_files.load(Path(sys.argv[1])); "
        "from sklearn.utils import all_estimators; "
        "there = [name in sys.modules for name in ('torch', 'sklearn.mixture')]; "
        "print(json.dumps([*there, len(all_estimators()) > 100]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "head.skops")], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == [False, False, True]
