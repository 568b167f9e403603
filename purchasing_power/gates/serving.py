"""The gate from staging to production: whether a version, served for real, answers and performs as it must."""

from __future__ import annotations

from dataclasses import dataclass

from purchasing_power.errors import DataError
from purchasing_power.gates.decision import Check, Decision, decided
from purchasing_power.gates.shadow import ShadowEvidence, shadow_check


@dataclass(frozen=True)
class ServingPolicy:
    """What a served version must show.

    Attributes
    ----------
    p99_ms
        Budget of the 99th percentile of latency under the load, milliseconds.
    agreement
        Greatest difference between a served and an in-process figure.
    approval
        Whether a person must have approved the version.
    shadow_failed
        Greatest share of copied requests that the version may have left unanswered as a shadow.
    """

    p99_ms: float = 1000.0
    agreement: float = 1e-6
    approval: bool = False
    shadow_failed: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.shadow_failed <= 1:
            raise DataError(
                f"shadow_failed: got {self.shadow_failed:g}; a share from 0 to 1 is allowed. Set one of them."
            )


@dataclass(frozen=True)
class ContractTest:
    """One request of the contract: its name, the status due, the status that came, and what else was wrong."""

    name: str
    wanted: int
    status: int
    fault: str = ""

    @property
    def held(self) -> bool:
        """Whether the answer was the one due."""
        return self.status == self.wanted and not self.fault


@dataclass(frozen=True)
class Load:
    """What happened under load: ``clients`` at once for ``seconds``; latency percentiles in milliseconds.

    ``rounds`` tells how often it was measured; the figures are those of the last time.
    """

    clients: int
    seconds: float
    workers: int
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    rounds: int = 1


@dataclass(frozen=True)
class ServingEvidence:
    """What was seen of a served version.

    Attributes
    ----------
    contract
        The contract's requests.
    difference
        Greatest difference to in-process predictions; infinite where a column or a word differs.
    rows
        How many rows were compared.
    load
        Latency under load; ``None`` for a kind that is scored in batch, which no server answers for.
    approved_by
        Value of the version's tag, or ``None``.
    shadow
        What it answered as a shadow of the version in production; ``None`` where it was none.
    """

    contract: tuple[ContractTest, ...]
    difference: float
    rows: int
    load: Load | None
    approved_by: str | None
    shadow: ShadowEvidence | None = None


def decide_serving(evidence: ServingEvidence, policy: ServingPolicy) -> Decision:
    """A version passes when contract, agreement, latency, shadow and approval hold; in batch, approval alone."""
    approval = _approval(evidence.approved_by, policy)
    if evidence.load is None:
        text = "A model of this kind is scored in batch: nothing is served, and score writes its predictions."
        return decided("The version is scored in batch.", [Check("serving", True, text), approval])
    checks = [
        _contract(evidence.contract),
        _agreement(evidence, policy),
        _latency(evidence.load, policy),
        shadow_check(evidence.shadow, policy.shadow_failed),
        approval,
    ]
    return decided("The version was served by mlflow models serve.", checks)


def _contract(tests: tuple[ContractTest, ...]) -> Check:
    broken = [one for one in tests if not one.held]
    if not broken:
        names = ", ".join(one.name for one in tests)
        return Check("contract", True, f"All {len(tests)} contract requests were answered as due ({names}).")
    named = "; ".join(
        f"{one.name}: status {one.status} where {one.wanted} was due{f', {one.fault}' if one.fault else ''}"
        for one in broken
    )
    return Check("contract", False, f"{len(broken)} of {len(tests)} contract requests went wrong: {named}.")


def _agreement(evidence: ServingEvidence, policy: ServingPolicy) -> Check:
    text = (
        f"{evidence.rows} served rows differ from in-process predictions by {evidence.difference:.2g} at most, "
        f"{policy.agreement:g} is allowed."
    )
    return Check("agreement", evidence.rows > 0 and evidence.difference <= policy.agreement, text)


def keeps_budget(load: Load, policy: ServingPolicy) -> bool:
    """Whether no request failed and the 99th percentile is within the budget."""
    return load.requests > 0 and not load.failed and load.p99_ms <= policy.p99_ms


def _latency(load: Load, policy: ServingPolicy) -> Check:
    again = f" Measured {load.rounds} times; the last counts." if load.rounds > 1 else ""
    text = (
        f"{load.requests:,} requests in {load.seconds:.1f} s by {load.clients} clients on {load.workers} workers: "
        f"p50 {load.p50_ms:.0f} ms, p99 {load.p99_ms:.0f} ms, {load.failed} failed; "
        f"p99 may be {policy.p99_ms:g} ms and none may fail.{again}"
    )
    return Check("latency", keeps_budget(load, policy), text)


def _approval(approved_by: str | None, policy: ServingPolicy) -> Check:
    if approved_by:
        return Check("approval", True, f"Approved by {approved_by}.")
    if policy.approval:
        text = (
            "Nobody has approved the version. A person sets the version's tag approved_by to their name, on its page "
            "in the MLflow UI or by MlflowClient().set_model_version_tag(MODEL, VERSION, 'approved_by', NAME)."
        )
        return Check("approval", False, text)
    return Check("approval", True, "No approval is required.")
