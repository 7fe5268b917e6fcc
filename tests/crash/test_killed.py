"""Processes that are killed with -9, paused and stopped: every run ends at the hash of an undisturbed one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import replay
from infrastructure.database import Database
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.migrate import schema_status, upgrade
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from tests.support.crashes import ForkedRunner, RunnerProcess, eventually, home_of_its_own, kill_server, postmaster_of
from tests.support.postgres import FreshDatabase, TestServer
from tests.support.stores import SMALL_WORLD, TINY_WORLD, chain_of, settings_of
from workers.bootstrap import open_store
from workers.runner import Runner

pytestmark = pytest.mark.integration

TICKS = 120
both_durabilities = pytest.mark.parametrize("durability", ["tick", "group"])


@pytest.fixture(scope="module")
def undisturbed(module_store: PostgresStore) -> list[bytes]:
    """The chain of a run that nobody disturbed."""
    run = module_store.create("undisturbed", seed=7, configuration=SMALL_WORLD, target=TICKS)
    Runner(module_store, run).run(TICKS)
    return chain_of(module_store, run)


@pytest.fixture
def environment(module_database: FreshDatabase) -> dict[str, str]:
    return {"POLIS_DATABASE_URL": module_database.admin_url}


def assert_as_undisturbed(store: PostgresStore, name: str, chain: list[bytes]) -> None:
    """The run is whole, gapless, verified, and hash by hash the undisturbed one's."""
    run = store.find(name)
    head = store.head(run)
    assert head is not None
    assert store.headers(run, 0, head.tick).ticks.tolist() == list(range(head.tick + 1))
    assert chain_of(store, run) == chain
    found = replay.verify(store, run, deep=True)
    assert found.ok, found


# -- the runner ----------------------------------------------------------------------------------


@both_durabilities
@pytest.mark.parametrize(
    "failpoint", ["before_copy@60", "between_copy_and_header@60", "after_commit@60", "in_snapshot", "before_copy@0",
                  "between_copy_and_header@0", "after_commit@0"]
)  # fmt: skip
def test_a_runner_killed_at_a_failpoint_resumes_to_the_same_hash(
    module_store: PostgresStore, environment: dict[str, str], undisturbed: list[bytes], durability: str, failpoint: str
) -> None:
    name = f"{failpoint}-{durability}".replace("@", "-")
    # Paced, so that mode `group` has many groups: the failpoint looks at the first tick of each.
    command = ("--name", name, "--ticks", TICKS, "--durability", durability, "--pace", 2)
    killed = ForkedRunner(environment, *command, failpoint=failpoint)
    assert killed.wait() == -signal.SIGKILL
    found = module_store.find(name)
    eventually(lambda: module_store.lease(found).status == "paused")  # Postgres has seen that its client is gone
    partly = replay.verify(module_store, found)
    assert partly.ok and partly.ticks <= TICKS + 1, partly
    # Resumed within this process, which saves the start of another.
    summary = Runner(module_store, found, durability=durability).run(TICKS)
    assert (summary.status, summary.head_tick) == ("complete", TICKS)
    assert_as_undisturbed(module_store, name, undisturbed)


@both_durabilities
def test_a_runner_killed_at_any_moment_resumes_to_the_same_hash(
    module_store: PostgresStore, environment: dict[str, str], undisturbed: list[bytes], durability: str
) -> None:
    name = f"any-moment-{durability}"
    command = ("--name", name, "--ticks", TICKS, "--durability", durability, "--pace", 2)
    for _ in range(2):
        runner = ForkedRunner(environment, *command)
        runner.wait_for_ticks()
        runner.kill()
    summary = ForkedRunner(environment, *command).finish()
    assert summary["resumed"] and summary["head_hash"] == undisturbed[-1].hex()
    assert_as_undisturbed(module_store, name, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_runner_pauses_and_resumes_to_the_same_hash(
    module_store: PostgresStore, environment: dict[str, str], undisturbed: list[bytes], number: signal.Signals
) -> None:
    name = f"stopped-by-{number.name.lower()}"
    command = ("--name", name, "--ticks", TICKS, "--durability", "group")
    runner = ForkedRunner(environment, *command, "--pace", 20)
    runner.wait_for_ticks()
    runner.send(number)
    summary = runner.finish()
    run = module_store.find(name)
    head = module_store.head(run)
    assert head is not None and 0 < head.tick < TICKS
    assert (summary["status"], summary["head_tick"]) == ("paused", head.tick)
    assert module_store.lease(run).status == "paused"
    assert head.tick in module_store.snapshot_ticks(run), "resuming folds nothing"
    Runner(module_store, run).run(TICKS)
    assert_as_undisturbed(module_store, name, undisturbed)


def test_threads_and_durability_never_change_a_result(module_store: PostgresStore, undisturbed: list[bytes]) -> None:
    for durability in ("tick", "group"):
        run = module_store.create(f"threads-{durability}", seed=7, configuration=SMALL_WORLD, target=TICKS)
        summary = Runner(module_store, run, durability=durability, threads=2).run(TICKS)
        assert summary.threads_used == 2
        assert chain_of(module_store, run) == undisturbed
    other = module_store.create("seed-8", seed=8, configuration=SMALL_WORLD, target=TICKS)
    assert Runner(module_store, other).run(TICKS).head_hash != undisturbed[-1].hex()


# -- two of them ---------------------------------------------------------------------------------


def test_a_second_runner_of_one_run_is_refused(
    module_store: PostgresStore, environment: dict[str, str], undisturbed: list[bytes]
) -> None:
    command = ("--name", "wanted-by-two", "--ticks", TICKS)
    first = ForkedRunner(environment, *command, "--pace", 100)
    first.wait_for_ticks()
    second = ForkedRunner(environment, *command)
    assert second.wait() == 1
    assert second.lines[-1]["type"] == "RunIsHeld"
    assert str(first.process.pid) in second.lines[-1]["error"]
    first.send(signal.SIGTERM)
    assert first.finish()["status"] == "paused"
    Runner(module_store, module_store.find("wanted-by-two")).run(TICKS)
    assert_as_undisturbed(module_store, "wanted-by-two", undisturbed)


@both_durabilities
def test_a_zombie_that_wakes_after_a_takeover_never_commits(
    module_store: PostgresStore, environment: dict[str, str], undisturbed: list[bytes], durability: str
) -> None:
    name = f"zombie-{durability}"
    zombie = ForkedRunner(environment, "--name", name, "--ticks", TICKS, "--durability", durability, "--pace", 5)
    zombie.wait_for_ticks()
    zombie.send(signal.SIGSTOP)
    run = module_store.find(name)
    Runner(module_store, run, take_over=True).run(TICKS // 2)
    before = chain_of(module_store, run)
    zombie.send(signal.SIGCONT)
    assert zombie.wait() == 1
    assert zombie.lines[-1]["type"] == "LeaseLost"
    assert chain_of(module_store, run) == before
    lease = module_store.lease(run)
    assert (lease.status, lease.epoch) == ("complete", 2)
    Runner(module_store, run).run(TICKS)
    assert_as_undisturbed(module_store, name, undisturbed)


# -- the server ----------------------------------------------------------------------------------


@contextmanager
def store_in(home: dict[str, str]) -> Iterator[PostgresStore]:
    with open_store(Settings(Path(home["POLIS_HOME"]))) as store:
        yield store


@both_durabilities
def test_a_runner_outlives_its_server_and_loses_nothing(undisturbed: list[bytes], durability: str) -> None:
    with home_of_its_own() as home:
        folder = Path(home["POLIS_HOME"])
        command = ("--name", "survivor", "--ticks", TICKS, "--durability", durability, "--pace", 8)
        runner = RunnerProcess(home, *command)
        runner.wait_for_ticks()
        postmaster = postmaster_of(folder)
        assert postmaster is not None
        postmaster.kill()  # alone: its backends may go on for a moment
        summary = runner.finish()
        assert summary["reconnections"] >= 1 and summary["database_waited_s"] > 0
        assert summary["head_hash"] == undisturbed[-1].hex()
        assert "went away" in runner.told and "is back" in runner.told
        assert postmaster_of(folder) is None, "the last to leave stopped it"
        with store_in(home) as store:
            assert_as_undisturbed(store, "survivor", undisturbed)


def test_a_runner_and_its_server_killed_at_once_resume_to_the_same_hash(undisturbed: list[bytes]) -> None:
    with home_of_its_own() as home:
        command = ("--name", "both", "--ticks", TICKS, "--durability", "group", "--pace", 5)
        runner = RunnerProcess(home, *command)
        runner.wait_for_ticks()
        runner.kill()
        assert kill_server(Path(home["POLIS_HOME"]))
        summary = RunnerProcess(home, *command).finish()
        assert summary["resumed"] and summary["head_hash"] == undisturbed[-1].hex()
        with store_in(home) as store:
            assert_as_undisturbed(store, "both", undisturbed)


@pytest.fixture(scope="module")
def lone_server() -> Iterator[tuple[Path, PostgresStore, list[bytes]]]:
    """A server to kill, a store that uses it, and the chain of a small run that nobody disturbed."""
    with home_of_its_own() as home, store_in(home) as store:
        whole = store.create("whole", seed=3, configuration=TINY_WORLD, target=30)
        Runner(store, whole).run(30)
        yield Path(home["POLIS_HOME"]), store, chain_of(store, whole)


@pytest.mark.parametrize("failpoint", ["before_copy", "between_copy_and_header", "after_commit"])
@pytest.mark.parametrize("tick", [0, 20])
def test_a_server_lost_within_a_transaction_costs_nothing(
    lone_server: tuple[Path, PostgresStore, list[bytes]], failpoint: str, tick: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very moments that a kill from outside seldom meets: also the first tick, whose leaf is made with it."""
    home, store, chain = lone_server
    lost: list[int] = []

    def reach(name: str, at: int = 0) -> None:
        if name == failpoint and at == tick and not lost:
            lost.append(at)
            assert kill_server(home)

    monkeypatch.setattr("infrastructure.tick_transactions.reach", reach)
    name = f"lossy-{failpoint}-{tick}"
    run = store.create(name, seed=3, configuration=TINY_WORLD, target=30)
    summary = Runner(store, run).run(30)
    assert lost == [tick] and summary.reconnections == 1
    assert_as_undisturbed(store, name, chain)


def test_a_migration_killed_at_its_end_is_done_again(postgres_server: TestServer) -> None:
    fresh = postgres_server.fresh_database()
    where = {"POLIS_DATABASE_URL": fresh.admin_url}
    killed = ForkedRunner(where, "--migrate-only", failpoint="in_migration")
    assert killed.wait() == -signal.SIGKILL
    with Database(settings_of(fresh)) as database:
        assert schema_status(database).current is None, "all of it or nothing"
        assert upgrade(database).is_current
        run = PostgresStore(database).create("after", seed=7, configuration=TINY_WORLD, target=5)
        Runner(PostgresStore(database), run).run(5)
    postgres_server.drop(fresh)


# -- a full disk ---------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount a small disk")
def test_a_full_disk_is_said_and_history_is_intact_once_there_is_space(undisturbed: list[bytes]) -> None:
    disk = Path(tempfile.mkdtemp(prefix="polis-f-"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=420m", "tmpfs", disk], check=False).returncode:
        pytest.skip("no tmpfs may be mounted here")
    try:
        disk.chmod(0o755)
        home = {"POLIS_HOME": str(disk)}
        command = ("--name", "thirsty", "--ticks", TICKS, "--pace", 5)
        with EmbeddedPostgres(disk) as server:
            runner = RunnerProcess(home, *command)
            runner.wait_for_ticks()
            runner.send(signal.SIGSTOP)
            hold = disk / "ballast"
            with hold.open("wb") as ballast, pytest.raises(OSError):
                while True:
                    ballast.write(b"x" * 65_536)
            runner.send(signal.SIGCONT)
            eventually(lambda: "No space" in runner.told or "went away" in runner.told, within_s=30)
            assert runner.process.poll() is None, "it waits"
            with store_in(home) as store:
                found = replay.verify(store, store.find("thirsty"))
                assert found.ok and 0 < found.ticks < TICKS, "history is whole as far as it goes"
            hold.unlink()
            server.ensure_running()
            assert runner.finish()["head_hash"] == undisturbed[-1].hex()
            with store_in(home) as store:
                assert_as_undisturbed(store, "thirsty", undisturbed)
    finally:
        kill_server(disk)
        eventually(lambda: subprocess.run(["umount", disk], check=False, capture_output=True).returncode == 0)
        disk.rmdir()
