"""The gate before each stage, run on a version: its evidence, its decision, and what the figures rest on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.evaluation.holdout import held_out
from purchasing_power.gates.decision import Check, Decision, decided
from purchasing_power.gates.serving import ServingEvidence, ServingPolicy, decide_serving
from purchasing_power.gates.shadow import shadow_evidence
from purchasing_power.gates.staging import GateEvidence, GatePolicy, decide
from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Table
from purchasing_power.snapshot.user_table import frame_digest
from steps.deploy import shadow_scores
from steps.deploy.smoke import Unservable, check_serves
from steps.promotion.evidence import Models, gate_policy, gather
from steps.promotion.options import Options
from steps.promotion.serving import ASKED, serve_and_look
from tracking import ledger, registry
from tracking.ledger_record import Record


@dataclass(frozen=True)
class Case:
    """A version that asks to move up.

    Attributes
    ----------
    version
        The version as it was named.
    home
        The registered model whose stages move; another one than the version's own where it is copied there.
    production
        What stands in production at home.
    table, uri
        The table of the kind, and where it was read from.
    """

    options: Options
    version: ModelVersion
    home: str
    production: ModelVersion | None
    kind: Kind
    table: Table
    uri: str

    @cached_property
    def models(self) -> Models:
        """The models behind the version and what is in production."""
        champion = None if self.production is None else registry.open_model(self.production, self.kind)
        return Models(self.kind, registry.open_model(self.version, self.kind), champion)

    @property
    def placed(self) -> ModelVersion | None:
        """The version in the model whose stages move; ``None`` where it has not been copied there yet."""
        return self.version if self.home == self.version.name else registry.copy_of(self.version, self.home)

    @property
    def against(self) -> str | None:
        """Number of the version in production."""
        return None if self.production is None else str(self.production.version)


@dataclass(frozen=True)
class GateResult:
    """What a gate said of a version; ``failure`` where it could not even look at it."""

    stage: str
    decision: Decision
    policy: GatePolicy | ServingPolicy
    evidence: GateEvidence | ServingEvidence | None = None
    data: dict[str, str] | None = None
    attempt: int | None = None
    failure: DataError | None = None


def stages_due(case: Case, placed: ModelVersion | None, known: list[Record]) -> list[str]:
    """Stages that a version must pass, one step up at a time.

    A version at staging goes on to production, unless another version has come to production since it was
    compared, or it was rolled back: then it is compared again.

    Raises
    ------
    DataError
        If it stands there already.
    """
    number = None if placed is None else str(placed.version)
    staged = number is not None and registry.number_at(case.home, registry.STAGING) == number
    passed = staged and _passed(str(number), case.against, known)
    stage = case.options.to
    if number is not None and number == case.against:
        raise DataError(_there_already(number, case.home, f"in {registry.PRODUCTION}"))
    if stage == registry.STAGING and passed:
        raise DataError(_there_already(str(number), case.home, f"at {stage}"))
    if stage == registry.STAGING:
        return [registry.STAGING]
    return [registry.PRODUCTION] if passed else [registry.STAGING, registry.PRODUCTION]


def run_gate(case: Case, stage: str) -> GateResult:
    """Run the gate before a stage; a version that cannot be evaluated is refused.

    Raises
    ------
    Unservable
        If the version cannot be loaded: that cannot be forced.
    """
    policy = gate_policy(case.options) if stage == registry.STAGING else serving_policy(case.options)
    attempt = None
    if stage == registry.STAGING and case.against is not None:
        attempt = ledger.tries(case.home, case.against) + 1
    try:
        if isinstance(policy, GatePolicy):
            return _staging(case, policy, attempt)
        return _production(case, policy)
    except Unservable as error:
        ledger.append(case.home, "refuse", str(case.version.version), to_stage=stage, reason=str(error))
        raise
    except DataError as error:
        decision = decided("The version could not be evaluated.", [Check("evidence", False, str(error))])
        return GateResult(stage, decision, policy, attempt=attempt, failure=error)


def serving_policy(options: Options) -> ServingPolicy:
    """What the parameters require before production."""
    return ServingPolicy(
        p99_ms=options.p99_ms, approval=options.approval == "required", shadow_failed=options.shadow_failed
    )


def _staging(case: Case, policy: GatePolicy, attempt: int | None) -> GateResult:
    check_serves(case.version)
    models = case.models
    if models.champion is not None:
        models.kind.check_comparable(models.challenger, models.champion)
    rows = held_out(models.kind, case.table, models.both)
    evidence = gather(case.options, models, case.table, rows, attempt or 1)
    data = {
        "users": case.uri,
        "users.digest": case.table.digest(),
        "evaluated.digest": rows.digest(),
        "training.digest": models.challenger.training.digest,
    }
    if models.champion is not None:
        data["production.training.digest"] = models.champion.training.digest
    return GateResult(registry.STAGING, decide(evidence, policy), policy, evidence, data, attempt)


def _production(case: Case, policy: ServingPolicy) -> GateResult:
    policy = replace(policy, agreement=case.kind.rounding(case.models.challenger))
    last = case.table.rows(np.arange(len(case.table.frame))[-ASKED:])
    scores = _shadow_scores(case)
    evidence = replace(
        serve_and_look(case.options, case.version, case.models, last, policy), shadow=shadow_evidence(scores)
    )
    data = {"users": case.uri, "asked.digest": last.digest()}
    if len(scores):
        data["shadow.digest"] = frame_digest(scores)
    return GateResult(registry.PRODUCTION, decide_serving(evidence, policy), policy, evidence, data)


def _shadow_scores(case: Case) -> pd.DataFrame:
    """What ``serve -P shadow=staging`` kept of the version beside what is in production; empty where nothing."""
    placed, production = case.placed, case.production
    if placed is None or production is None:
        return pd.DataFrame()
    made = max(one.creation_timestamp for one in (placed, production))
    return shadow_scores.read(
        Path(case.options.workspace),
        case.home,
        str(production.version),
        str(placed.version),
        datetime.fromtimestamp(made / 1000, UTC),
    )


def _passed(version: str, against: str | None, known: list[Record]) -> bool:
    """Whether the last try at staging held against what is in production, with no rollback of it since."""
    tried = [one for one in known if one.version == version and one.to_stage == registry.STAGING]
    if not tried or tried[-1].action != "promote" or tried[-1].against != against:
        return False
    left = [one.number for one in known if one.action == "rollback" and one.before == version]
    return not left or left[-1] < tried[-1].number


def _there_already(number: str, model: str, where: str) -> str:
    return f"promote: version {number} of {model} is {where} already. Train a new version, or name another one."
