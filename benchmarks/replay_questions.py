"""The questions that `benchmarks.replay` times, each through the Python API, each answer checked where it can be.

A state is right if it has the hash that its tick's header records; a fork if its head is its parent's at that tick,
and the ticks that it then makes have its parent's hashes; a diff if it names the tick after the fork.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.laboratory import as_owner
from benchmarks.plan import Plan
from benchmarks.samples import pack, summary_of
from chronopolis.api import History
from domain.state import World


class Wrong(Exception):
    """An answer is not what is recorded: no time of it is worth anything."""


class Asker:
    """Asks one run.

    Parameters
    ----------
    history : History
    plan : Plan
    """

    def __init__(self, history: History, plan: Plan) -> None:
        self.history, self.plan, self.head = history, plan, history.head_tick
        self._random = np.random.default_rng(plan.seed)
        self._made = 0

    def ticks(self, n: int, *, first: int = 0, last: int | None = None) -> list[int]:
        """Return random ticks."""
        return [int(t) for t in self._random.integers(first, (self.head if last is None else last) + 1, n)]

    def check(self, world: World) -> None:
        """Refuse a state that is not the recorded one."""
        store, run = self.history._store, self.history._run
        if store.headers(run, world.tick, world.tick).state_hash[0] != world.state_hash:
            raise Wrong(f"the state at tick {world.tick} is not the recorded one")

    # -- seeking and stepping ------------------------------------------------------------------------

    def seek(self) -> dict[str, Any]:
        """Seek to random ticks: the first time, when their pages may have to come from disk, and again."""
        wanted = self.ticks(self.plan.pick(full=300, quick=60, tiny=5))
        self.history.at(wanted[0])
        figures = {}
        for how in ("first", "again"):
            times = []
            for tick in wanted:
                moment, ms = timed(lambda tick=tick: self.history.at(tick))
                self.check(moment.world)
                times.append(ms)
            figures[how] = summary_of(times) | {"samples": pack(times)}
        with self.history.cursor() as cursor:
            times = []
            for tick in self.ticks(len(wanted)):
                world, ms = timed(lambda tick=tick: cursor.at(tick))
                self.check(world)
                times.append(ms)
            figures["cursor"] = summary_of(times) | {"samples": pack(times)}
        return figures

    def step(self) -> dict[str, Any]:
        """Step tick by tick both ways from random places, as somebody who holds a key down does."""
        steps, places = self.plan.pick(full=400, quick=200, tiny=10), self.plan.pick(full=8, quick=4, tiny=1)
        figures = {}
        for name, by in (("forward", 1), ("back", -1)):
            times, landings = [], []
            with self.history.cursor() as cursor:
                margin = min(steps, self.head // 2)
                for place in self.ticks(places, first=margin, last=self.head - margin):
                    _, ms = timed(lambda place=place: cursor.at(place))
                    landings.append(ms)
                    for _ in range(min(steps, margin)):
                        world, ms = timed(lambda by=by: cursor.step(by))
                        times.append(ms)
                        time.sleep(0.01)  # nobody sees more than a hundred a second
                        if world.tick % 16 == 0:
                            self.check(world)
                most = cursor.nbytes / 2**20
            figures[name] = summary_of(times) | {"samples": pack(times), "cache_mib": round(most)}
        return figures

    # -- what if, and how it differs -------------------------------------------------------------------

    def fork_and_diff(self) -> dict[str, Any]:
        """Fork at random ticks, run each fork on for a little, and compare it with its parent."""
        n, more = self.plan.pick(full=12, quick=4, tiny=1), self.plan.pick(full=200, quick=100, tiny=5)
        forks: list[History] = []
        times: dict[str, list[float]] = {"fork": [], "resume": [], "diff": [], "diff_same": [], "diff_ticks": []}
        try:
            for i, tick in enumerate(self.ticks(n, first=1, last=self.head - more)):
                changed = {} if i % 2 else {"settings": {"hunger": 90}}
                child, ms = timed(lambda t=tick, c=changed: self.history.fork(t, name=self._name(), **c))
                forks.append(child)
                times["fork"].append(ms)
                self._require(child.head_hash == self._chain(tick), f"the fork at tick {tick} begins elsewhere")
                _, ms = timed(lambda c=child: c.resume(more, durability="group"))
                times["resume"].append(ms)
                found, ms = timed(lambda c=child: self.history.diff(c))
                times["diff_same" if i % 2 else "diff"].append(ms)
                parted = found.first_divergence
                self.check(found.world_a)
                if i % 2:  # nothing was changed
                    self._require(found.identical and child.head_hash == self._chain(tick + more), "a fork went astray")
                else:
                    self._require(parted is not None and parted["tick"] == tick + 1, "the diff names another tick")
            for one, other in zip(self.ticks(n), self.ticks(n), strict=True):
                found, ms = timed(lambda a=one, b=other: self.history.diff(tick_a=a, tick_b=b))
                times["diff_ticks"].append(ms)
                self.check(found.world_a)
                self.check(found.world_b)
        finally:
            for child in forks:
                self._drop(child)
        return {name: summary_of(values) for name, values in times.items()} | {"resumed_ticks": more}

    # -- when, and why ---------------------------------------------------------------------------------

    def bisect(self) -> dict[str, Any]:
        """Find ticks at which something became true: by seeking, and by a scan of measures, first and again."""
        bisect = importlib.import_module("replay.bisect").bisect
        store, run = self.history._store, self.history._run
        times: dict[str, list[float]] = {"seek": [], "scan_first": [], "scan": []}
        gone = [self.history.at(tick).figures for tick in (0, self.head)]
        ended = self.history.at(self.head).world
        for share in np.linspace(0.05, 0.95, self.plan.pick(full=12, quick=4, tiny=1)):
            threshold = int(share * (ended.next_agent - ended.population))
            found, ms = timed(lambda t=threshold: bisect(store, run, f"gone > {t}"))
            times["seek"].append(ms)
            if found.tick is not None:
                before, after = (self._gone(tick) for tick in (max(0, found.tick - 1), found.tick))
                self._require(before <= threshold < after or found.tick == 0, f"gone > {threshold}: another tick")
        low, high = sorted(figures["gini_coins"] for figures in gone)
        for i, share in enumerate(np.linspace(0.1, 0.9, self.plan.pick(full=6, quick=3, tiny=2))):
            _, ms = timed(lambda s=share: bisect(store, run, f"gini_coins > {low + s * (high - low):.3f}"))
            times["scan_first" if i == 0 else "scan"].append(ms)
        return {name: summary_of(values) for name, values in times.items()}

    def why(self) -> dict[str, Any]:
        """Ask why of random events."""
        times = []
        for tick in self.ticks(self.plan.pick(full=100, quick=20, tiny=2), first=1):
            n = int(self.history._store.headers(self.history._run, tick, tick).events[0])
            if not n:
                continue
            ordinal = int(self._random.integers(0, n))
            found, ms = timed(lambda t=tick, o=ordinal: self.history.why(f"{t}:{o}"))
            self._require((found.event["tick"], found.event["ordinal"]) == (tick, ordinal), "why of another event")
            times.append(ms)
        return summary_of(times) | {"samples": pack(times)}

    # -- within ----------------------------------------------------------------------------------------

    def _require(self, good: bool, what: str) -> None:
        if not good:
            raise Wrong(what)

    def _chain(self, tick: int) -> str:
        return self.history._store.headers(self.history._run, tick, tick).chain_hash[0].hex()

    def _gone(self, tick: int) -> int:
        world = self.history.at(tick).world
        return world.next_agent - world.population

    def _name(self) -> str:
        self._made += 1
        return f"bench-fork-{time.time_ns() % 10**10}-{self._made}"

    def _drop(self, child: History) -> None:
        with as_owner(self.history._store) as connection:
            connection.execute("SELECT polis.drop_run(%s, 'it was made to be measured')", (child.id,))
        child.close()


def timed(what: Callable[[], Any]) -> tuple[Any, float]:
    """Return an answer and the milliseconds that it took."""
    began = time.perf_counter()
    answer = what()
    return answer, (time.perf_counter() - began) * 1e3
