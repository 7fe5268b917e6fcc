"""A sweep's runs are begun, watched and ended as they should be, whatever happens meanwhile; no process is started."""

from __future__ import annotations

import io
import json
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chronopolis.cli.output import Output, _console
from chronopolis.cli.sweep_driving import SweepDisplay
from chronopolis.errors import WrongUsage
from chronopolis.sweep import Genesis, SweepCrew, crew, plan_sweep
from chronopolis.sweep.ending import Progress
from chronopolis.sweep.member_run import MemberRun
from domain.errors import PolisError, StoreUnavailable, UnknownRun
from domain.inputs import INTERVENTION, NOBODY, Input, InputKey
from tests.support.memory_store import MemoryStore
from tests.support.stores import go_on

pytestmark = pytest.mark.unit

FEW = {"agents": 5, "width": 10, "height": 10}


class Process:
    """Goes on with a run the first time that it is looked at, unless it was asked to stop before."""

    def __init__(self, end: Callable[[], int]) -> None:
        self._end, self.code, self.signals = end, None, []

    def poll(self) -> int | None:
        if self.code is None:
            self.code = 130 if self.signals else self._end()
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        if self.code is None:
            if not self.signals:
                raise subprocess.TimeoutExpired("resume", timeout or 0)
            self.code = 130
        return self.code

    def send_signal(self, sig: int) -> None:
        self.signals.append(sig)

    def kill(self) -> None:
        self.code = -signal.SIGKILL


class Store(MemoryStore):
    """A store that runs can be dropped from."""

    def drop(self, number: int) -> None:
        shelf = self.shelves.pop(number)
        shelf.run = replace(shelf.run, name=f"dropped-{number}")
        self.shelves[-number] = shelf  # so that its number is used for no other

    def lease(self, run):
        if run.id not in self.shelves:
            raise UnknownRun(run.name)
        return super().lease(run)


class World:
    """A store, a sweep of two runs, and processes that are none."""

    def __init__(self, **given: Any) -> None:
        self.store = Store()
        self.sweep = self.planned(**given)
        self.processes: dict[str, Process] = {}
        self.before_launch: Callable[[str], None] = lambda name: None
        self.ends: Callable[[str, Any], int] = lambda name, said: self.go_on(name)

    @staticmethod
    def planned(*, name: str = "dry", agents: int = 5, ticks: int = 3):
        origin = Genesis(FEW | {"agents": agents})
        return plan_sweep(name, ticks=ticks, seeds=[1, 2], values={}, origin=origin)

    def create(self, member):
        return self.store.create(
            member.name, seed=member.seed, configuration=member.configuration, target=self.sweep.ticks
        )

    def go_on(self, name: str, *, to: int | None = None) -> int:
        go_on(self.store, self.store.find(name), self.sweep.ticks if to is None else to)
        return 0

    def launch(self, name, options, settings, said) -> Process:
        self.before_launch(name)
        self.processes[name] = Process(lambda: self.ends(name, said))
        return self.processes[name]

    def crew(self, **more: Any) -> SweepCrew:
        return SweepCrew(self.store, self.sweep, create=self.create, settings=None, launch=self.launch, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_time(monkeypatch):
    """Nothing here has to be waited for."""
    monkeypatch.setattr(crew, "_LOOK_EVERY_S", 0.0)


def test_a_sweep_runs_all_that_it_is_made_of():
    world = World()
    assert [(e.status, e.head_tick) for e in world.crew().run()] == [("complete", 3)] * 2
    assert sorted(world.processes) == ["dry-seed1", "dry-seed2"]


def test_a_stop_in_the_moment_in_which_a_process_is_made_is_heard_by_that_process():
    world = World()
    sweeping = world.crew()
    world.before_launch = lambda name: sweeping.stop()
    assert [e.status for e in sweeping.run()] == ["paused", "waiting"]
    assert world.processes["dry-seed1"].signals == [signal.SIGTERM]


def test_a_run_of_that_name_that_another_sweep_makes_otherwise_in_the_meantime_is_refused():
    world, other = World(), World(agents=6)
    other.store = world.store

    def another_is_quicker(member):
        other.create(next(m for m in other.sweep.members if m.name == member.name))
        return world.create(member)

    with pytest.raises(WrongUsage, match="dry-seed1 is there and is another: agents 6 instead of 5"):
        SweepCrew(world.store, world.sweep, create=another_is_quicker, settings=None, launch=world.launch).run()
    assert not world.processes


def test_a_run_that_somebody_intervened_on_is_not_what_its_name_says():
    world = World()
    made = world.create(world.sweep.members[0])
    given = {"by": "Ada", "why": "", "add": {"agents": 2}}
    assert world.store.record_input(made, Input(InputKey(-1, NOBODY, INTERVENTION), 2, given))
    with pytest.raises(WrongUsage, match="dry-seed1 is there and is another: somebody intervened at tick 2"):
        world.crew().run()


def test_a_run_that_is_dropped_before_its_turn_is_made_again():
    world = World()
    dropped = world.create(world.sweep.members[1]).id

    def drop_the_other(name: str) -> None:
        if name == "dry-seed1":
            world.store.drop(dropped)

    world.before_launch = drop_the_other
    endings = world.crew().run()
    assert [e.status for e in endings] == ["complete"] * 2
    assert endings[1].run.id != dropped


def test_a_run_that_is_dropped_under_way_is_told_and_the_others_go_on():
    world = World()

    def dropped(name, said):
        if name == "dry-seed2":
            return world.go_on(name)
        world.store.drop(world.store.find(name).id)
        return 2

    world.ends = dropped
    first, second = world.crew(jobs=2).run()
    assert (first.status, second.status) == ("failed", "complete")
    assert "there is no run 'dry-seed1'" in first.problem


def test_a_run_that_somebody_else_takes_over_is_waited_for_and_halts_nothing():
    world = World()
    names: list[str] = []
    world.before_launch = names.append
    error = json.dumps({"error": {"type": "LeaseLost", "message": "another runner took this run over"}})

    def taken_over(name, said):
        if name == "dry-seed2" or names.count(name) > 1:
            return world.go_on(name)
        said.write(error.encode())
        world.go_on(name, to=1)  # by whoever took it, and stops there
        return 3

    world.ends = taken_over
    sweeping = world.crew()
    assert [(e.status, e.problem) for e in sweeping.run()] == [("complete", None)] * 2
    assert sweeping.halted is None


def test_a_run_that_was_to_pause_is_told_with_the_reason():
    world = World()
    told = json.dumps({"paused_because": "the wish of an experimenter", "head_tick": 1, "problem": None})

    def paused(name, said):
        world.go_on(name, to=1)
        said.write(told.encode())
        return 130

    world.ends = paused
    first, _ = world.crew().run()
    assert (first.status, first.problem) == ("paused", "somebody had it pause, since the wish of an experimenter")


def test_a_database_that_is_away_is_brought_back_and_waited_for():
    world = World()
    lease, away, brought = world.store.lease, [1] * 5, []

    def often_away(run):
        if away and world.processes:
            away.pop()
            raise StoreUnavailable("no route to host")
        return lease(run)

    world.store.lease = often_away

    def bring_back():
        brought.append(1)
        if len(brought) == 1:
            raise PolisError("it does not start yet")

    endings = world.crew(bring_back=bring_back).run()
    assert [e.status for e in endings] == ["complete"] * 2
    assert len(brought) > 1


@pytest.mark.parametrize("stopped", [False, True])
def test_a_database_that_stays_away_ends_a_sweep_whose_processes_have_given_up(monkeypatch, stopped):
    world = World()
    sweeping = world.crew()

    def lost(name, said):
        def away(run):
            raise StoreUnavailable("no route to host")

        world.store.lease = world.store.head = away
        if stopped:
            sweeping.stop()
        return 3

    world.ends = lost
    monkeypatch.setattr(crew, "_AWAY_S", 60.0 if stopped else 0.05)
    with pytest.raises(StoreUnavailable, match="no route to host"):
        sweeping.run()


@pytest.mark.parametrize(("age_s", "seen_s", "epoch", "is_left"), [
    (5, 0, 0, True), (25, 0, 0, False), (-3_600, 0, 0, True), (-3_600, 25, 0, False), (5, 0, 1, False),
])  # fmt: skip
def test_a_run_that_another_has_just_made_is_left_to_it_for_a_while_whatever_its_clock_says(
    monkeypatch, age_s, seen_s, epoch, is_left
):
    world = World()
    made = world.create(world.sweep.members[0])
    created = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()
    each = MemberRun(world.sweep.members[0], replace(made, created_at=created), -1)
    sweeping, lease, clock = world.crew(), replace(world.store.lease(made), epoch=epoch), [100.0]
    monkeypatch.setattr(crew.time, "monotonic", lambda: clock[0])
    sweeping._is_claimed(each, lease)
    clock[0] += seen_s
    assert sweeping._is_claimed(each, lease) == is_left


# -- what is shown ---------------------------------------------------------------------------------------------


def test_progress_is_shown_on_a_terminal_from_the_first_moment_on():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    output, screen = Output(), Terminal()
    output.err = _console(screen)
    with SweepDisplay(output, "sweep dry") as display:
        display.update(Progress(1, 2, 5, 10, (("dry-seed2", 2),)))
    assert "dry-seed2 at tick 2" in screen.getvalue()
