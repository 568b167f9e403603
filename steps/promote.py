"""Entry point ``promote``: move a version up, one stage at a time, where the gate before each stage holds."""

from __future__ import annotations

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.kinds import registry as kinds
from steps.promotion.gates import Case, run_gate, stages_due
from steps.promotion.move import Step, carry_out
from steps.promotion.options import Options
from steps.promotion.output import write
from tracking import ledger, lock, registry, runs
from tracking.entry import Outputs, execute


def run(options: Options) -> Outputs:
    """Run the gates, move the stages, and write decision and figures to ledger, tags and a report."""
    version = registry.find(options.registered, options.version)
    home = options.registered
    if options.to_model != "none":
        home = registry.registered_name(options.to_model, options.kind)
    try:
        with lock.held(f"stages of {home}"):
            return _climb(options, version, home)
    except lock.Busy as error:
        ledger.append(home, "refuse", str(version.version), to_stage=options.to, reason=str(error))
        raise


def _climb(options: Options, version: ModelVersion, home: str) -> Outputs:
    folder, uri = runs.fetch(options.users, "users")
    production = registry.at_stage(home, registry.PRODUCTION)
    kind = kinds.kind(options.kind)
    case = Case(options, version, home, production, kind, kind.read(folder), uri)
    placed = case.placed
    due = stages_due(case, placed, ledger.records(home))
    versions = {stage: registry.number_at(home, stage) for stage in due}
    steps: list[Step] = []
    for stage in due:
        steps.append(carry_out(case, run_gate(case, stage), placed, versions[stage]))
        placed = placed or case.placed
        if not steps[-1].gated.decision.passed and not steps[-1].moved:
            break
    return write(case, placed, steps)


if __name__ == "__main__":
    execute("promote", Options, run)
