"""Parameters of ``promote``."""

from __future__ import annotations

from dataclasses import dataclass

from purchasing_power.gates.staging import ACCEPTED, ADVANTAGES, REFUSE
from tracking.entry import choice, count, number, parameter
from tracking.registry import ModelOptions


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``promote``."""

    users: str = parameter("user table with the held-back rows: a folder, a runs:/ URI, or latest")
    version: str = parameter("version number or stage to promote")
    to: str = parameter("stage to reach: staging or production", choice("staging", "production"))
    to_model: str = parameter("registered model to copy the version into and move the stages of, or none")
    gate: str = parameter("enforce, or dry_run to show what would happen", choice("enforce", "dry_run"))
    force: str = parameter("reason for moving the stage although the gate refuses, or none; it goes to the ledger")
    approval: str = parameter("required asks for the version tag approved_by", choice("none", "required"))
    leak: str = parameter(
        "columns that alone give the outcome away: refuse, or accepted where they are known before it",
        choice(REFUSE, ACCEPTED),
    )
    metric: str = parameter("figure the versions are compared by", str)
    level: float = parameter("level of the bootstrap intervals at the first try, such as 0.95", number)
    margin: float = parameter("how much better than production the lower bound must be", number)
    accept: str = parameter("advantage that makes not being worse enough", choice(*ADVANTAGES))
    tolerance: float = parameter("how much worse an accepted advantage may be", number)
    floor: float = parameter("how much better than the naive baseline the lower bound must be", number)
    calibration_error: float = parameter("ceiling of the expected calibration error", number)
    slice_margin: float = parameter("how much worse a profile slice may be", number)
    slice_users: int = parameter("fewest users of a slice", count)
    min_users: int = parameter("fewest held-back users", count)
    p99_ms: float = parameter("latency budget of the served version, milliseconds", number)
    load_clients: int = parameter("clients at once of the load that latency is measured under", count)
    load_seconds: float = parameter("how long that load lasts", number)
    workers: int = parameter("processes that serve the version for the gate", count)
    shadow_failed: float = parameter("share of copied requests that a shadow may leave unanswered", number)
    replicates: int = parameter("bootstrap replicates", count)
    workspace: str = parameter("folder in which serve keeps the shadow's scores")
    seed: int = parameter("seed of the bootstrap", count)
