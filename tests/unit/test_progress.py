"""A run tells how far it has come, again and again, however long its first look at the society took."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from rich.console import Console

from chronopolis.cli.live import RunDisplay
from chronopolis.cli.output import Output
from domain.measures import society_figures
from tests.support.memory_store import MemoryStore
from tests.support.stores import TINY_WORLD, go_on
from workers import runner
from workers.run_figures import Progress

pytestmark = pytest.mark.unit


def test_a_first_look_that_takes_seconds_is_not_followed_by_minutes_of_silence(monkeypatch):
    class Clock:
        now = 100.0

        def perf_counter(self) -> float:
            self.now += 0.01
            return self.now

    clock = Clock()

    def slow_at_first(world):  # as where modules have yet to be loaded
        clock.now += 3.0 if world.tick == 0 else 0.001
        return society_figures(world)

    monkeypatch.setattr(runner, "time", clock)
    monkeypatch.setattr(runner, "society_figures", slow_at_first)
    told = []
    store = MemoryStore()
    run = store.create("made", seed=7, configuration=TINY_WORLD, target=400)
    go_on(store, run, 400, on_progress=lambda p: told.append((clock.now, p.tick)))
    silences = [b - a for (a, _), (b, _) in pairwise(told)]
    assert told[0][1] == 0 and len(told) > 2
    assert max(silences) < 6.0


def test_a_run_says_that_it_compiles_the_rules_before_it_has_a_tick(monkeypatch):
    def compiling(*, minds, on_compile):
        for part in range(1, 4):
            on_compile(part)

    monkeypatch.setattr(runner, "warm_up", compiling)
    told = []
    store = MemoryStore()
    run = store.create("made", seed=7, configuration=TINY_WORLD, target=2)
    go_on(store, run, 2, on_wait=told.append, on_progress=lambda p: told.append(p.tick))
    assert told[:4] == [*(f"compiling the rules, once a release: {n} parts so far" for n in (1, 2, 3)), 0]


def test_what_a_run_waits_for_stands_below_its_figures_and_is_a_line_where_there_is_no_terminal(capsys):
    told = "waiting until 3 full stretches of events more can be sought in"
    p = Progress(7, 9, 7, 80.0, 1.0, 2.0, 900, 70.0, 12, {"trades": 3})
    output = Output()
    output.err = Console(file=io.StringIO(), force_terminal=True, width=120)
    with RunDisplay(output, "otter") as display:
        display.waiting(told)
        first = output.err.file.getvalue()
        display.update(p)
        display.waiting(told)
        both = output.err.file.getvalue()[len(first) :]
        display.update(p)
        after = output.err.file.getvalue()[len(first) + len(both) :]
    assert told in first and told in both and "tick 7 of 9" in both and told not in after
    with RunDisplay(Output(), "otter") as display:
        display.waiting(told)
        assert capsys.readouterr().err == "", "a moment is nothing to speak of"
        display._said -= 6.0
        display.waiting(told)
        display.waiting(told)
    assert capsys.readouterr().err == f"otter: {told}\n"
    with RunDisplay(Output(), "otter") as display:
        display.update(p)
        display._said -= 6.0
        display.waiting("waiting for 1 thought")  # as a run with minds does most of the time: its ticks are told too
    line = capsys.readouterr().err
    assert line.startswith("otter: tick 7 of 9 · ") and line.endswith(" · waiting for 1 thought\n")
    with RunDisplay(Output(quiet=True), "otter") as display:
        display._said -= 6.0
        display.waiting(told)
    assert capsys.readouterr().err == ""
