"""The whole life of a model on a remote server with accounts: who may move what, two at once, a killed worker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Timer

import optuna
import psutil
import pytest
from mlflow.server import get_app_client
from mlflow.tracking import MlflowClient
from optuna.trial import FrozenTrial, TrialState
from project import Project
from registered import QUICK
from remote_server import ADMIN, Account, RemoteServer, at_work, remote_server, use

from purchasing_power.shop.samples import small_shop
from steps.study import trial_runs
from tracking import ledger, registry, runs
from tracking.ledger_record import problems

pytestmark = pytest.mark.slow
OWN, HOME = "purchasing_power", "prod.purchasing_power"
TRAINER = ("trainer", "a password of the trainer")
TRIALS = 6
BEYOND_ANY_PROCESS = 2**22 + 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteServer]:
    """A server with the trainer's rights as docs/operating.md gives them."""
    with remote_server(tmp_path_factory.mktemp("remote")) as made, pytest.MonkeyPatch.context() as patch:
        use(made, ADMIN, patch)
        client, accounts = MlflowClient(), get_app_client("basic-auth", tracking_uri=made.uri)
        accounts.create_user(*TRAINER)
        client.create_registered_model(HOME)
        for name in ("tests", f"{HOME}.ledger"):
            accounts.grant_user_permission("trainer", "experiment", client.create_experiment(name), "EDIT")
        yield made


@pytest.fixture(scope="module")
def tuned(server: RemoteServer) -> Iterator[Account]:
    """The trainer, when the study is over of which one worker was killed at a trial."""
    shop = small_shop(server.folder / "shop", users=400)
    with at_work(server, TRAINER) as (trainer,):
        made = trainer.does("ingest", "snapshot", data=str(shop), workspace=str(server.folder))
        assert "error" not in made, made
        trainer.begin(
            "tune",
            **{"trials": str(TRIALS), "folds": "2", "representations": "tfidf", "heads": "logistic"},
            **{"workers": "2", "study": "remote", "storage": server.studies},
            workspace=str(server.folder),
        )
        kill_at_a_trial(server, trainer.process.pid)
        said, _ = trainer.answer()
        assert "params" in said, said
        yield trainer


def kill_at_a_trial(server: RemoteServer, parent: int) -> None:
    """Kill the worker of a tuning process with -9 while a trial of its own is running."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for worker in psutil.Process(parent).children():
            if "steps.study.workers" in worker.cmdline() and is_at_a_trial(server, worker):
                os.kill(worker.pid, signal.SIGKILL)
                return
        time.sleep(0.2)
    raise AssertionError("no worker was seen at a trial")


def is_at_a_trial(server: RemoteServer, worker: psutil.Process) -> bool:
    """Whether a worker runs a trial; it is stopped then, so that the trial does not end before it is killed."""
    running = MlflowClient().search_runs(
        [MlflowClient().get_experiment_by_name("tests").experiment_id],
        "tags.step = 'trial' AND attributes.status = 'RUNNING'",
    )
    own = {run.info.run_id for run in running if run.data.tags["process"].startswith(f"{worker.pid}@")}
    if not own:
        return False
    worker.suspend()
    at_work = [one for one in trials_of(server) if one.state == TrialState.RUNNING]
    if own & {one.user_attrs.get(trial_runs.RUN_ID) for one in at_work}:
        return True
    worker.resume()
    return False


def trials_of(server: RemoteServer) -> list[FrozenTrial]:
    """Trials of the study so far."""
    return optuna.load_study(study_name="remote", storage=server.studies).trials


def test_a_worker_killed_at_a_trial_loses_none_and_each_run_ends_as_its_trial_did(
    server: RemoteServer, tuned: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(server, ADMIN, monkeypatch)
    trials, client = trials_of(server), MlflowClient()
    failed = [one for one in trials if one.state == TrialState.FAIL]
    done = [one for one in trials if one.state in trial_runs.DONE]
    assert len(failed) == 1 and len(done) == TRIALS == len(trials) - 1
    again = [one for one in done if one.system_attrs.get("failed_trial") == failed[0].number]
    assert len(again) == 1 and again[0].params.items() >= failed[0].params.items()
    experiment = client.get_experiment_by_name("tests").experiment_id
    of_trials = client.search_runs([experiment], "tags.step = 'trial'")
    assert {run.info.run_id for run in of_trials} == {one.user_attrs[trial_runs.RUN_ID] for one in trials}
    assert len(of_trials) == len(trials)
    status = {run.info.run_id: run.info.status for run in of_trials}
    for one in trials:
        assert status[one.user_attrs[trial_runs.RUN_ID]] == trial_runs.RUN_STATUS[one.state]


def test_a_trainer_trains_the_admin_promotes_and_the_ledger_tells_who_was_refused(
    server: RemoteServer, tuned: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(server, ADMIN, monkeypatch)
    for seed in ("0", "1"):
        made = tuned.does("train", "evaluate", folds="0", workspace=str(server.folder), seed=seed)
        assert "evaluation_report" in made, made
    assert registry.number_at(OWN, "candidate") == "2"
    with at_work(server, ADMIN, count=2) as admins:
        winner = two_at_once(admins)
        the_trainer_is_refused(server, loser="2" if winner == "1" else "1")
        a_refusal_that_may_not_be_written_on_the_version_is_told_and_recorded(server, tuned)
        made = admins[0].does("promote", version=winner, to_model=HOME, **QUICK)
        assert made.get("gate") == "promoted", [check for check in ledger.records(HOME)[-1].checks if not check["held"]]
        the_ledger_tells_it(admins[0], winner)


def two_at_once(admins: list[Account]) -> str:
    """Promote versions 1 and 2 to staging at the same time; gives the one that stands there."""
    for one, version in zip(admins, ("1", "2"), strict=True):
        one.begin("promote", version=version, to="staging", to_model=HOME, **QUICK)
    said = [one.answer()[0] for one in admins]
    won = [one.get("gate") == "promoted" for one in said]
    assert sorted(won) == [False, True], said
    refused = said[won.index(False)]["error"]
    assert "while this command was at work" in refused or "by another process at the same time" in refused
    winner = str(won.index(True) + 1)
    stands = registry.at_stage(HOME, "staging")
    assert stands is not None and stands.source == f"models:/{OWN}/{winner}"
    known = ledger.records(HOME)
    assert problems(known, ledger.head(HOME)) == []
    assert sum(one.action in ("refuse", "overtaken") for one in known) == 1
    return winner


def the_trainer_is_refused(server: RemoteServer, loser: str) -> None:
    """What a trainer sees who promotes by hand: MLflow's refusal in our words, and a record of it."""
    before = {stage: registry.number_at(HOME, stage) for stage in registry.STAGES}
    left_behind = left_running_by_the_admin()
    trainer = Remote(server.folder, server)
    done = trainer.run_here("promote", version=loser, to="staging", to_model=HOME, replicates="200")
    assert done.returncode != 0
    assert f"this account may not move staging of {HOME}" in done.stderr, done.stderr[-3000:]
    assert "EDIT permission" in done.stderr and "Ask the owner of the model" in done.stderr
    assert "Traceback" not in done.stderr.split("error:")[0]
    last = ledger.records(HOME)[-1]
    assert last.action == "refuse" and last.who.startswith("trainer@") and "may not move" in last.reason
    assert MlflowClient().get_run(left_behind).info.status == "RUNNING"
    assert before == {stage: registry.number_at(HOME, stage) for stage in registry.STAGES}


def a_refusal_that_may_not_be_written_on_the_version_is_told_and_recorded(
    server: RemoteServer, trainer: Account
) -> None:
    """The gate refuses a version that its account may only read: ledger and run tell it, its page does not."""
    copied = str(MlflowClient().copy_model_version(f"models:/{OWN}/1", HOME).version)
    said = trainer.does("promote", model=HOME, version=copied, to="staging", floor="1", **QUICK)
    assert said.get("gate") == "refused", said
    last = ledger.records(HOME)[-1]
    assert (last.action, last.version) == ("refuse", copied) and last.who.startswith("trainer@")
    assert [check["name"] for check in last.checks if not check["held"]] == ["the naive baseline"]
    assert "gate" not in registry.find(HOME, copied).tags
    written = (server.folder / f"{TRAINER[0]}.log").read_text()
    assert "not written on the version's page: registry: this account may not write tags" in written


def left_running_by_the_admin() -> str:
    """A run that a killed process left behind where the trainer may only read: it must not stop the trainer."""
    client = MlflowClient()
    tags = {**runs.process_tags(), runs.PROCESS: f"{BEYOND_ANY_PROCESS}@1.00"}
    return client.create_run(client.create_experiment("of others"), tags=tags).info.run_id


@dataclass(frozen=True)
class Remote(Project):
    """Commands that the trainer types against the server."""

    server: RemoteServer

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command, with the trainer's account."""
        return {**super().environment, **self.server.account(*TRAINER)}


def the_ledger_tells_it(admin: Account, winner: str) -> None:
    """Stages and history show every move and every refusal, and no fault."""
    admin.begin("stages", "history", model=HOME, users="none")
    outputs, printed = admin.answer()
    assert outputs["stages_faults"] == "0", printed
    stands = registry.at_stage(HOME, "production")
    assert stands is not None and stands.source == f"models:/{OWN}/{winner}"
    known = ledger.records(HOME)
    assert problems(known, ledger.head(HOME)) == []
    assert known[-1].action == "promote" and known[-1].who.startswith("admin@")
    assert "trainer@" in printed and "admin@" in printed and "may not move staging" in printed


def test_a_number_that_another_writer_has_is_not_written_twice(
    server: RemoteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(server, ADMIN, monkeypatch)
    model, client = "model.of.two.writers", MlflowClient()
    client.create_registered_model(model)
    first = ledger.append(model, "switch", "1", reason="the first")
    experiment = client.get_experiment_by_name(f"{model}.ledger").experiment_id
    other = client.create_run(experiment, tags={ledger.NUMBER: str(first.number + 1)}).info.run_id
    let_go = Timer(1.0, lambda: client.set_terminated(other, "KILLED"))
    let_go.start()
    start = time.monotonic()
    ledger.append(model, "switch", "2", reason="waits for the other writer")
    assert time.monotonic() - start > 0.9
    let_go.join()
    known = ledger.records(model)
    assert [one.number for one in known] == [1, 2] and problems(known, ledger.head(model)) == []
