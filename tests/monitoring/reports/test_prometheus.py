"""Tests of the Prometheus text: what a scraper reads are the figures of the job, written in one piece."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.reports import prometheus
from purchasing_power.errors import DataError

FIGURES = {"drift.share": 0.25, "tier.high": 0.2, "undefined": float("nan")}


def samples(text: str) -> dict[str, float]:
    return {
        f"{one.name}{one.labels.get('word', '')}": one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.labels["model"] == "shop" and one.labels["version"] == "3"
    }


def test_a_scraper_reads_the_figures_the_moment_and_the_verdict() -> None:
    held = prometheus.gauges("shop", "3", "2024-06-23", "Watch", False, FIGURES)
    read = samples(prometheus.as_text(held))
    assert read["purchasing_power_drift_share"] == 0.25 and read["purchasing_power_tier_high"] == 0.2
    assert read["purchasing_power_window_timestamp_seconds"] == 1719100800
    assert read["purchasing_power_verdictWatch"] == 1 and read["purchasing_power_verdictHealthy"] == 0
    assert not [name for name in read if "undefined" in name]


def test_the_file_of_a_model_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    for share in (0.1, 0.9):
        held = prometheus.gauges("shop", "3", "2024-06-23", "Act", True, {"drift.share": share})
        prometheus.write(held, str(tmp_path), "a/shop")
    assert [path.name for path in tmp_path.iterdir()] == ["a_shop.prom"]
    assert samples((tmp_path / "a_shop.prom").read_text())["purchasing_power_drift_share"] == 0.9


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    prometheus.check_folder("none")
    with pytest.raises(DataError, match="no folder"):
        prometheus.check_folder(str(tmp_path / "missing"))
