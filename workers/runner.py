"""The runner: the tick loop of one run, from its head to a target.

It advances, appends and, in mode `tick`, waits until the tick is durable before it begins the next; in
mode `group` it runs ahead of the durable mark by a bounded number of ticks. Nothing leaves the process
(progress, summary, snapshots) for a tick above that mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import replay
from domain.advance import Header, advance
from domain.configuration import Configuration, require_target
from domain.decide import Decider
from domain.errors import InputsChanged, InvalidConfiguration, PolisError
from domain.inputs import NO_INPUTS
from domain.measures import society_figures
from domain.ports import Appender, EventStore, Run
from domain.state import World
from domain.warm_up import warm_up
from replay.watch import Breakpoint
from workers.memory import peak_rss_mb, pss_of_everything_mb
from workers.minutes import Minutes
from workers.pausing import Pausing
from workers.run_figures import Clock, Progress, Summary
from workers.thinking import Thinking

# Snapshots: so many events apart, for seeking, but seldom enough that ticks beside which one is written are under one
# in a hundred; but a large society has so many events in a few ticks that folding them would take seconds.
EVENTS_A_SNAPSHOT, TICKS_A_SNAPSHOT = 64_000, 128
EVENTS_A_SNAPSHOT_MAX, TICKS_A_SNAPSHOT_MIN = 1_000_000, 32
_PROGRESS_EVERY_S = 0.25
_PROGRESS_TAKES = 0.01  # of the time, at most: a society's figures are read off all of its agents
_PROGRESS_SILENCE_S_MAX = 5.0  # even so: the first look of a process may take seconds, for what it has yet to load


def _snapshot_is_due(ticks: int, events: int) -> bool:
    """Return whether to keep a snapshot, so many ticks and events after the last."""
    if events >= EVENTS_A_SNAPSHOT_MAX:
        return ticks >= TICKS_A_SNAPSHOT_MIN
    return events >= EVENTS_A_SNAPSHOT and ticks >= TICKS_A_SNAPSHOT


def _silence_s(took_s: float) -> float:
    """Return how long not to look at a society for progress, after a look that took so long."""
    return min(_PROGRESS_SILENCE_S_MAX, max(_PROGRESS_EVERY_S, took_s / _PROGRESS_TAKES))


class Runner:
    """Runs one run; make a new one each time.

    Parameters
    ----------
    store : EventStore
    run : Run
    durability : "tick" (synced before the next tick begins) or "group" (a bounded number in flight)
    threads : how many a tick is spread over; never changes a result
    pace_ms : milliseconds from the beginning of one tick to that of the next; None: flat out
    take_over : end another runner of this run
    thinking : what is owed to minds; needed by a run whose agents have them
    breakpoint_ : says at which tick to pause; None: at none
    on_begin : callable, called once the run is ours to write
    on_progress : callable, told a few times a second
    on_wait : callable, told again and again what is waited for, before the first tick or between two
    on_end : callable, told when all is durable of how many full stretches of events are still to be indexed
    minutes : tells of the figures of each minute
    say : callable, told in a sentence what a person should know
    """

    def __init__(
        self,
        store: EventStore,
        run: Run,
        *,
        durability: str = "tick",
        threads: int = 1,
        pace_ms: float | None = None,
        take_over: bool = False,
        thinking: Thinking | None = None,
        breakpoint_: Breakpoint | None = None,
        on_begin: Callable[[], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_wait: Callable[[str], None] | None = None,
        on_end: Callable[[int], None] | None = None,
        minutes: Minutes | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if not 1 <= threads <= 64:
            raise InvalidConfiguration("threads", threads, "must lie between 1 and 64")
        if pace_ms is not None and not 0 < pace_ms <= 60_000:
            raise InvalidConfiguration("pace", pace_ms, "must lie between 0 and 60,000 milliseconds")
        self.store, self.run_, self.durability, self.threads = store, run, durability, threads
        self.pace_ms, self.take_over, self.thinking = pace_ms, take_over, thinking
        if run.configuration.thinks and thinking is None:
            raise InvalidConfiguration("mind", run.configuration.mind, "this runner was given nobody to ask")
        self._on_begin = on_begin or (lambda: None)
        self._on_progress = on_progress or (lambda progress: None)
        self._on_wait = on_wait or (lambda what: None)
        self._on_end = on_end or (lambda left: None)
        self._minutes = minutes
        self._say = say or (lambda sentence: None)
        self._pausing = Pausing(breakpoint_)
        self._writer: Appender | None = None
        self._show_at = 0.0
        self._held: Progress | None = None

    def stop(self) -> None:
        """Finish the tick at hand, make it durable, keep a snapshot, and return from `run`."""
        self._pausing.told = True
        if self._writer is not None:
            self._writer.hurry()

    def run(self, target: int) -> Summary:
        """Advance to `target` and return how it went.

        Raises
        ------
        InvalidConfiguration, OtherRules, RunIsHeld, LeaseLost, MissingInput, InvalidInput, CorruptHistory
            Nothing above the durable mark was reported; the run can be resumed once the reason is gone.
        """
        run, store = self.run_, self.store
        require_target(target)
        run.require_our_rules()
        # Before the lease and before the clock: compiling is no part of a tick, nor of taking a run over.
        warm_up(minds=run.configuration.thinks, on_compile=self._tell_of_compiling)
        with store.writer(
            run, durability=self.durability, target=target, take_over=self.take_over, say=self._say,
            on_wait=self._on_wait,
        ) as writer:  # fmt: skip
            self._writer = writer
            self._on_begin()
            try:
                told = self._run_with(writer, target)
                self._on_end(writer.figures.stretches_left)
            except Exception as error:
                # Whatever it is, whoever looks next is told that nobody writes this run any more, and why.
                because = str(error)
                if not isinstance(error, PolisError):  # a driver's goes on about where in its SQL that was
                    because = f"{type(error).__name__}: {because}".partition("\n")[0]
                writer.set_status("failed", problem=because)
                raise
        return self._summary(writer=writer, target=target, **told)

    def _tell_of_compiling(self, parts: int) -> None:
        self._on_wait(f"compiling the rules, once a release: {parts:,} parts so far")

    def _run_with(self, writer: Appender, target: int) -> dict[str, Any]:
        """Run, record the status, and return what the summary tells beside what the writer counts to its end."""
        run, store = self.run_, self.store
        # Read the head only now: whoever held the lease before may have written until a moment ago.
        head = store.head(run)
        replay.require_sound_end(store, run, head)
        world = replay.at_head(store, run, on_problem=self._say)
        resumed = head is not None
        scenarios = replay.scenarios_of(store, run)
        decider = Decider(run.seed, run.configuration, threads=self.threads, scenarios=scenarios)
        clock = Clock()
        try:
            if self.thinking is not None:
                self.thinking.start(world, head, lambda: writer.durable_tick)
            self._pausing.start(world, writer)
            world, last = self._advance_to(target, world, head, decider, writer, clock)
            if clock.ticks:
                writer.keep_snapshot(world)
            status = "paused" if world.tick < target else "complete"
            writer.flush()
            if self._minutes is not None:
                self._minutes.look(clock.tick_ms, writer.durable_tick, at_end=True)
            status, problem = self._judged(status, writer)
            writer.set_status(status, problem=problem)
        finally:
            if self.thinking is not None:
                self.thinking.close()
            decider.close()
        first = 0 if head is None else head.tick + 1
        about = {"resumed": resumed, "status": status}
        about |= {"refused": replay.refusals(store, run, first, world.tick)}
        return {"world": world, "last": last, "clock": clock, "decider": decider} | about

    def _judged(self, status: str, writer: Appender) -> tuple[str, str | None]:
        """Return how a run stands that came so far, and its problems, if it has any."""
        problems = [*writer.figures.problems]
        if self.thinking is not None:
            problems += self.thinking.problems()
        problem = "; ".join(dict.fromkeys(problems)) or None
        return "degraded" if problem is not None and status == "complete" else status, problem

    # -- the loop ----------------------------------------------------------------------------------

    def _advance_to(
        self, target: int, world: World, head: Header | None, decider: Decider, writer: Appender, clock: Clock
    ) -> tuple[World, Header | None]:
        """Run the loop until it is through, going back to the head when an input came in under way."""
        while True:
            try:
                head = self._loop(world, head, decider, writer, target, clock) or head
                writer.flush()
                return world, head
            except InputsChanged as late:
                # Ticks were decided without an input that got there first. They were not committed.
                self._say(str(late))
                writer.restart()
                head = self.store.head(self.run_)
                clock.take_back_above(-1 if head is None else head.tick)
                world = replay.at_head(self.store, self.run_, on_problem=self._say)
                self._pausing.start(world, writer)
                if self.thinking is not None:
                    self.thinking.start(world, head, lambda: writer.durable_tick)

    def _loop(
        self, world: World, head: Header | None, decider: Decider, writer: Appender, target: int, clock: Clock
    ) -> Header | None:
        chain = self.run_.genesis_hash if head is None else head.chain_hash
        thinking = self.thinking
        inputs = {} if thinking else self.store.inputs_after(self.run_, world.tick)
        events_before_snapshot, kept_tick = 0, world.tick
        header = None
        # mesa-frames' model and agent set exist for the whole run, over the columns that it changes.
        _ = world.society
        due = time.perf_counter()
        pausing = self._pausing
        while world.tick < target and not pausing.due(world.tick):
            effective = inputs.get(world.tick + 1, NO_INPUTS)
            if thinking is not None and world.tick >= 0:
                # What one waits for at the barrier is no part of the tick.
                waited = thinking.inputs_of(world, lambda: pausing.due(world.tick), self._on_wait)
                if waited is None:
                    break
                effective = waited
            began = time.perf_counter()
            writer.begin(world.tick + 1, inputs_used=len(effective))
            events, header = advance(world, decider, chain, effective)
            chain = header.chain_hash
            writer.append(events, header, inputs_used=len(effective))
            if world.tick > 0:  # founding the world is not one of the ticks that are paced
                clock.tick_ms.append((time.perf_counter() - began) * 1e3)
            if thinking is not None:
                thinking.after_tick(world, events, header, effective)
            pausing.after_tick(world, events)
            clock.count(world.tick, writer.durable_tick, events)
            events_before_snapshot += len(events)
            if world.tick == 0 or _snapshot_is_due(world.tick - kept_tick, events_before_snapshot):
                writer.keep_snapshot(world)
                events_before_snapshot, kept_tick = 0, world.tick
            self._show(world, target, clock, writer)
            if self._minutes is not None:
                self._minutes.look(clock.tick_ms, writer.durable_tick)
            if self.pace_ms is not None:
                due = max(due + self.pace_ms / 1e3, time.perf_counter() - 1.0)
                while (left := due - time.perf_counter()) > 0 and not pausing.due(world.tick):
                    time.sleep(min(left, 0.05))
        return header

    def _show(self, world: World, target: int, clock: Clock, writer: Appender) -> None:
        if self._held is not None:
            # Said only once it is durable: nothing leaves the process above that mark.
            if self._held.tick <= writer.durable_tick:
                self._on_progress(replace(self._held, durable_tick=writer.durable_tick))
                self._held = None
            return
        now = time.perf_counter()
        if now < self._show_at:
            return
        recent = np.array(clock.tick_ms[-2_000:] or [0.0])
        seconds = max(1e-9, now - clock.began)
        p50, p99 = np.percentile(recent, [50, 99])
        self._held = Progress(
            tick=world.tick,
            target=target,
            durable_tick=-1,
            ticks_per_s=clock.ticks / seconds,
            p50_ms=float(p50),
            p99_ms=float(p99),
            events=clock.events,
            events_per_s=clock.events / seconds,
            population=world.population,
            figures=society_figures(world) | clock.counted,
        )
        self._show_at = now + _silence_s(time.perf_counter() - now)

    def _summary(
        self,
        *,
        world: World,
        last: Header | None,
        target: int,
        clock: Clock,
        decider: Decider,
        writer: Any,
        resumed: bool,
        status: str,
        refused: list[dict[str, Any]],
    ) -> Summary:
        status, problem = self._judged(status, writer)  # again: what the writer did last may have gone wrong, too
        configuration: Configuration = self.run_.configuration
        return Summary(
            run=self.run_.id,
            name=self.run_.name,
            agents=configuration.agents,
            ticks=target,
            seed=self.run_.seed,
            head_tick=-1 if last is None else last.tick,
            head_hash=(self.run_.genesis_hash if last is None else last.chain_hash).hex(),
            events=clock.events,
            events_per_s=round(clock.events / max(1e-9, time.perf_counter() - clock.began), 1),
            status=status,
            tick_ms=clock.percentiles(),
            peak_rss_mb=peak_rss_mb(),
            pss_all_mb=pss_of_everything_mb(self.store, self.thinking.pids() if self.thinking else ()),
            resumed=resumed,
            durability=self.durability,
            threads_used=len(decider.threads.used),
            database_waited_s=round(writer.figures.waited_s, 3),
            reconnections=writer.figures.reconnections,
            snapshots=writer.figures.snapshots,
            snapshots_failed=writer.figures.snapshots_failed,
            late_inputs=self.store.late_inputs(self.run_),
            figures=society_figures(world) | clock.counted,
            problem=problem,
            paused_because=self._pausing.because(world.tick) if status == "paused" else None,
            interventions_refused=refused,
            thinking={} if self.thinking is None else self.thinking.figures.as_dict(),
        )
