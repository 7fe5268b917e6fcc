"""A sweep's runs are begun, watched and ended as they should be, whatever happens meanwhile; no process is started."""

from __future__ import annotations

import io
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from chronopolis.cli.output import Output, _console
from chronopolis.cli.sweeping import _Display
from chronopolis.sweep import Genesis, SweepCrew, crew, plan_sweep
from chronopolis.sweep.crew import Progress
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


class World:
    """A store, a sweep of two runs, and processes that are none."""

    def __init__(self, **given: Any) -> None:
        self.store = MemoryStore()
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


# -- what is shown ---------------------------------------------------------------------------------------------


def test_progress_is_shown_on_a_terminal_from_the_first_moment_on():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    output, screen = Output(), Terminal()
    output.err = _console(screen)
    with _Display(output, "sweep dry") as display:
        display.update(Progress(1, 2, 5, 10, (("dry-seed2", 2),)))
    assert "dry-seed2 at tick 2" in screen.getvalue()
