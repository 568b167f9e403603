from __future__ import annotations

from datetime import date

import pytest

from purchasing_power.errors import DataError
from purchasing_power.snapshot.settings import SnapshotSettings


@pytest.mark.parametrize("field", ["lookback", "horizon", "step", "max_documents"])
def test_lengths_out_of_range_are_refused(field: str) -> None:
    with pytest.raises(DataError, match=f"snapshot {field}: got 0; allowed .* Give {field}=[17] or more"):
        SnapshotSettings(**{field: 0})


def test_a_last_cutoff_before_the_first_is_refused() -> None:
    with pytest.raises(DataError, match="got last_cutoff 2017-05-01 before first_cutoff 2017-06-01"):
        SnapshotSettings(first_cutoff=date(2017, 6, 1), last_cutoff=date(2017, 5, 1))
