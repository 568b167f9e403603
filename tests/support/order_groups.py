"""A tiny kind of model without labels, scored in batch: it puts orders into a group by one column."""

from __future__ import annotations

import numpy as np
import pandas as pd
from order_ranking import OrderRanking, Orders

from purchasing_power.evaluation.bootstrap import Resampling, measured
from purchasing_power.gates.checks import shift_check, stability_check
from purchasing_power.gates.staging import GatePolicy, OwnEvidence
from purchasing_power.kinds.case import GateCase


class OrderGroups(OrderRanking):
    """Orders in two groups, by the score that orders of the other kind are ranked by."""

    name = "order_groups"
    responder = None
    retraining = ("train", "promote")

    def metrics(self, model: object) -> tuple[str, ...]:
        """None: there are no labels."""
        return ()

    def own_evidence(self, case: GateCase, policy: GatePolicy) -> OwnEvidence:
        """Whether the groups stay when rows are resampled, and how many orders change theirs."""
        high = case.challenger.outputs(case.rows.frame) > 0.5
        agreement = measured(
            "agreement", lambda weights: np.ones(len(weights)) * high.mean(), np.arange(len(high)), Resampling(50)
        )
        moved = None
        if case.champion is not None:
            moved = float((high != (case.champion_outputs > 0.5)).mean())
        return OwnEvidence(checks=(stability_check(agreement, 0.05), shift_check(moved, 0.9)))

    def example(self, model: object, table: Orders) -> pd.DataFrame:
        """An order of means."""
        return super().example(model, table)  # type: ignore[arg-type]


KIND = OrderGroups()
