"""The barrier before a tick: no tick is decided before the inputs that are due in it have been read."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from domain.advance import advance
from domain.events import INTERVENTION_MADE
from domain.inputs import INTERVENTION, Input, InputKey, Inputs
from domain.ports import Run
from domain.warm_up import warm_up
from tests.support.memory_store import MemoryStore
from tests.support.stores import TINY_WORLD
from workers import runner, thinking
from workers.runner import Runner
from workers.thinking import Thinking

pytestmark = pytest.mark.unit

AHEAD, LAST = 6, 30
QUIET = replace(TINY_WORLD, mind="scripted", think_budget=1)  # nobody is asked anything in so few ticks
GIFT = {"by": "a test", "why": "to see", "endow": {"food": 5}}


class SlowStore(MemoryStore):
    """Lets its inputs be read as far as `open_to`, and whoever wants more wait."""

    def __init__(self) -> None:
        super().__init__()
        self.open_to, self.waits_for = -1, -1
        self.changed = threading.Condition()

    def inputs_after(self, run: Run, tick: int, *, last: int = 2**31 - 1) -> dict[int, Inputs]:
        with self.changed:
            self.waits_for = max(self.waits_for, last)
            assert self.changed.wait_for(lambda: last <= self.open_to, timeout=20), "nobody let it be read"
        return super().inputs_after(run, tick, last=last)

    def let(self, last: int) -> None:
        with self.changed:
            self.open_to = last
            self.changed.notify_all()


@pytest.fixture
def slow() -> Iterator[SlowStore]:
    warm_up(minds=True)  # or what is to come in twenty seconds would wait for the compiler
    store = SlowStore()
    yield store
    store.let(2**31 - 1)


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Each tick that is decided, in turn, and with how many inputs."""
    found: list[tuple[int, int]] = []

    def noted(world: Any, decider: Any, chain: bytes, inputs: Inputs) -> Any:
        found.append((world.tick + 1, len(inputs)))
        return advance(world, decider, chain, inputs)

    monkeypatch.setattr(runner, "advance", noted)
    monkeypatch.setattr(thinking, "_READ_AHEAD", AHEAD)
    monkeypatch.setattr(thinking, "_READ_AGAIN", 2)
    return found


def newest_of(decided: list[tuple[int, int]]) -> int:
    """Return the newest tick that was decided, some time after all that may be were."""
    deadline = time.monotonic() + 20
    while not decided or decided[-1][0] < AHEAD - 1:
        assert time.monotonic() < deadline, f"it never came so far: {decided}"
        time.sleep(0.01)
    time.sleep(0.5)
    return decided[-1][0]


@pytest.mark.parametrize("due", [AHEAD + 1, 2 * AHEAD, LAST])
def test_a_tick_whose_inputs_are_not_read_yet_is_waited_for_and_decided_with_them(
    slow: SlowStore, decided: list[tuple[int, int]], due: int
) -> None:
    run = slow.create("made", seed=7, configuration=QUIET, target=LAST)
    assert slow.record_input(run, Input(InputKey(0, 3, INTERVENTION), due, GIFT))
    told: list[str] = []
    one = Runner(slow, run, thinking=Thinking(slow, run, None, engine={}, answers="only"), say=told.append)
    slow.let(AHEAD - 1)  # all that a run reads before its first tick
    writing = threading.Thread(target=lambda: one.run(LAST), daemon=True)
    writing.start()
    assert newest_of(decided) == AHEAD - 1 < due, "it went on into ticks of which it knows no inputs"
    assert slow.waits_for >= AHEAD, "and nobody reads further"
    slow.let(2**31 - 1)
    writing.join(20)
    assert not writing.is_alive()
    assert decided == [(tick, int(tick == due)) for tick in range(LAST + 1)], "each once, and with what was due in it"
    assert told == [], "nothing had to be given up"
    happened = [
        event for batch in slow.read(run, 0, LAST) for event in batch if event["kind"] == INTERVENTION_MADE.name
    ]
    assert [event["tick"] for event in happened] == [due]


def test_who_stops_a_run_that_waits_for_inputs_is_heard_and_the_tick_is_not_decided(
    slow: SlowStore, decided: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinking, "_TOLD_AFTER_S", 0.1)
    run = slow.create("made", seed=7, configuration=QUIET, target=LAST)
    waited: list[str] = []
    one = Runner(slow, run, thinking=Thinking(slow, run, None, engine={}, answers="only"), on_wait=waited.append)
    slow.let(AHEAD - 1)
    writing = threading.Thread(target=lambda: one.run(LAST), daemon=True)
    writing.start()
    assert newest_of(decided) == AHEAD - 1
    assert waited[-1] == "waiting for inputs to be read"
    one.stop()
    time.sleep(0.2)
    assert decided[-1][0] == AHEAD - 1
    slow.let(2**31 - 1)  # the thread that reads is waited for
    writing.join(20)
    assert not writing.is_alive() and decided[-1][0] == AHEAD - 1
    head = slow.head(run)
    assert head is not None and head.tick == AHEAD - 1 and slow.lease(run).status == "paused"
