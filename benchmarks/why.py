"""`python -m benchmarks.why`: whether named causes are causes, asked of pasts in which one of them is left out.

Of random events of a run with minds: `polis why` names what led to each. The nearest of those that can be is taken
out of the past (its agent rests instead; a thought is refused), the run is played on in memory to the event's tick, and
the event is looked for there. Beside it, each in a past of its own, are taken out: a cause two or three steps away; an
event of another agent in the first one's tick that `why` does not name; and such an event of the event's own agent.

python -m benchmarks.why --events 200 --seed 1     about half an hour on two busy cores; writes docs/benchmarks
python -m benchmarks.why --events 20 --out DIR     a look
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import replay
from benchmarks.laboratory import laboratory, new_home, remove_home
from benchmarks.machine import machine
from domain.configuration import Configuration
from domain.events import KINDS
from domain.ports import EventLookup, Run
from domain.state import World
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from replay.counterfactual import REST, Answer, Change, otherwise
from replay.link import is_cause
from replay.links import links_of
from replay.removal import SAME, change_without, verdict
from replay.timelines import Event, Place, Timelines, place_of
from workers.minds.elsewhere import answers_of
from workers.runner import Runner
from workers.staff import identity_of, thinking_for

_OUT = Path(__file__).parent.parent / "docs" / "benchmarks"
_Z = 1.959964
STEPS, SPAN, FIRST = 3, 200, 60
"""Causes are drawn up to so many steps and ticks away; events from so far on, so that there is a past to speak of."""
OUTCOMES = ("causes", "further", "others", "own")


def main() -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.why", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--ticks", type=int, default=1_500)
    parser.add_argument("--home", type=Path, help="keep a home, and the run in it")
    parser.add_argument("--out", type=Path, default=_OUT)
    given = parser.parse_args()
    before, home = machine(), given.home or new_home()
    result: dict[str, Any] = {"agents": given.agents, "ticks": given.ticks, "seed": given.seed}
    try:
        with laboratory(home) as store:
            run = _run(store, home, given.agents, given.ticks, given.seed)
            for name, draw in (("drawn_evenly", _evenly), ("drawn_by_kind", _by_kind)):
                result[name] = prove(store, run, draw, events=given.events, seed=given.seed)
    finally:
        if given.home is None:
            remove_home(home)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "why.json").write_text(json.dumps({"machine": before, "result": result}, indent=1) + "\n")
    for name in ("drawn_evenly", "drawn_by_kind"):
        print(name, json.dumps({part: result[name][part] for part in OUTCOMES}, indent=1))
    return 0


def _run(store: PostgresStore, home: Path, agents: int, ticks: int, seed: int) -> Run:
    """Return the run that is asked about, made unless it is there."""
    name = f"why-{agents}-{ticks}-{seed}"
    if name in store.names():
        return store.find(name)
    settings = Settings(home=home)
    side = math.ceil(math.sqrt(agents * 12))  # close enough to meet and to talk
    configuration = Configuration(
        agents=agents, width=side, height=side, mind="scripted", think_budget=1_000, think_delay=10
    )  # fmt: skip
    run = store.create(
        name, seed=seed, configuration=configuration, target=ticks, engines=identity_of("scripted", settings)
    )
    with thinking_for(store, run, settings) as thinking:
        Runner(store, run, durability="group", thinking=thinking).run(ticks)
    return run


_Taken = tuple[Event, Change, int, str]
"""An event, the change that takes it out, how many steps away it is, by which link."""


@dataclass
class _Case:
    """One event, what was taken out of its past, and what became of it."""

    event: Event
    taken: Event
    change: Change
    outcome: str
    link: str = ""
    steps: int = 0
    again: int | None = None  # the first later tick in which the agent does that after all

    def as_dict(self) -> dict[str, Any]:
        return {
            "event": "{}:{}".format(*place_of(self.event)), "kind": self.event["kind"],
            "taken_out": "{}:{}".format(*place_of(self.taken)), "taken_kind": self.taken["kind"],
            "how": f"{self.change.what} {self.change.agent} at {self.change.tick}", "and_later": len(self.change.also),
            "outcome": self.outcome,
            "link": self.link, "steps": self.steps, "done_later_at": self.again,
        }  # fmt: skip


Draw = Callable[["_Prover"], Iterator[Event]]


def prove(store: PostgresStore, run: Run, draw: Draw, *, events: int, seed: int) -> dict[str, Any]:
    """Return how often an event is gone or other without a named cause, and without something else."""
    head = store.head(run)
    assert head is not None
    began, rng = time.perf_counter(), np.random.default_rng(seed)
    with store.lookup(run) as lookup:
        prover = _Prover(store, run, lookup, head.tick, rng)
        for k, event in enumerate(islice(draw(prover), events)):
            prover.ask(event)
            if k % 10 == 9:
                print(f"{k + 1} events, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return prover.result() | {"seconds": round(time.perf_counter() - began)}


def _evenly(prover: _Prover) -> Iterator[Event]:
    """Yield events drawn evenly from all that happened: most of them are what happens most."""
    counts: NDArray[np.int64] = prover.store.headers(prover.run, FIRST, prover.head).events
    ends = np.cumsum(counts)
    while True:
        k = int(prover.rng.integers(0, ends[-1]))
        at = int(np.searchsorted(ends, k, side="right"))
        event = prover.look().at((FIRST + at, k - (int(ends[at - 1]) if at else 0)))
        assert event is not None
        yield event


def _by_kind(prover: _Prover) -> Iterator[Event]:
    """Yield events of every kind in turn, drawn evenly from those of the kind."""
    look = prover.look()
    pools = [pool for kind in KINDS if (pool := look.find(FIRST, prover.head, kinds=[kind.number]))]
    while True:
        for pool in pools:
            yield pool[int(prover.rng.integers(0, len(pool)))]


class _Prover:
    def __init__(
        self, store: PostgresStore, run: Run, lookup: EventLookup, head: int, rng: np.random.Generator
    ) -> None:
        self.store, self.run, self.lookup, self.head, self.rng = store, run, lookup, head, rng
        self.answer: Answer = answers_of(store, run)
        self.cases: dict[str, list[_Case]] = {name: [] for name in OUTCOMES}
        self.without: list[Event] = []  # events of which no named cause can be taken out

    def look(self) -> Timelines:
        return Timelines(self.store, self.run, self.lookup, self.head)

    def ask(self, event: Event) -> None:
        """Take causes out, and events that are none."""
        look = self.look()
        named = ancestors(event, look, max(1, event["tick"] - SPAN))
        near = [
            (cause, change, step, link) for cause, step, link in named.values()
            if step <= STEPS and (change := change_without(cause, look, until=event["tick"])) is not None
            and change.tick <= event["tick"]
        ]  # fmt: skip
        if not near:
            self.without.append(event)
            return
        nearest = min(step for _, _, step, _ in near)
        first = self._drawn([each for each in near if each[2] == nearest])
        assert first is not None
        _, change, *_ = first
        before = replay.at(self.store, self.run, change.tick - 1)
        self._try("causes", event, first, before.copy())
        self._try("further", event, self._drawn([each for each in near if each[2] > max(1, nearest)]))
        but = {change.agent, event.get("agent"), event.get("target")}
        self._try("others", event, self._unnamed(event, look.find(change.tick, change.tick), named, look, but), before)
        if "agent" in event:
            own = look.find(change.tick, event["tick"] - 1, agents=[event["agent"]])
            self._try("own", event, self._unnamed(event, own, named, look, set()))

    def _drawn(self, found: list[_Taken]) -> _Taken | None:
        return found[int(self.rng.integers(0, len(found)))] if found else None

    def _try(self, name: str, event: Event, taken: _Taken | None, before: World | None = None) -> None:
        if taken is None:
            return
        out, change, step, link = taken
        again, last = None, None
        for last in otherwise(self.store, self.run, change, event["tick"], answer=self.answer, before=before):
            if again is None and int(last.records["tick"][0]) > change.tick:
                again = next((e["tick"] for e in last if _is_again(e, out)), None)
        assert last is not None
        self.cases[name].append(_Case(event, out, change, verdict(event, last), link, step, again))

    def _unnamed(
        self, event: Event, pool: list[Event], named: dict[Place, Any], look: Timelines, but: set[Any]
    ) -> _Taken | None:
        """Return one of these events that is not named and can be taken out, drawn evenly; None if there is none.

        Nothing that goes with it may be named either: what else its agent does in that tick, and whoever it meets.
        """
        for k in self.rng.permutation(len(pool)).tolist():
            drawn = pool[k]
            change = change_without(drawn, look, until=event["tick"])
            if drawn.get("agent") in but or change is None or (change.what, change.agent) != (REST, drawn["agent"]):
                continue
            here = look.find(drawn["tick"], drawn["tick"])
            mates = {drawn["agent"], *(e["target"] for e in here if e.get("agent") == drawn["agent"] and "target" in e)}
            goes = [place_of(e) for e in here if e.get("agent") in mates]
            if not mates & but and not any(place in named or place == place_of(event) for place in goes):
                return drawn, change, 0, ""
        return None

    def result(self) -> dict[str, Any]:
        """Return the figures and the cases."""
        causes, further = self.cases["causes"], self.cases["further"]
        return {
            "events": len(causes) + len(self.without),
            **{name: _rates(cases) for name, cases in self.cases.items()},
            "by_steps": _split([*causes, *further], lambda case: f"{case.steps}"),
            "by_link": _split(causes, lambda case: case.link),
            "by_kind": _split(causes, lambda case: str(case.event["kind"])),
            "without_removable_cause": dict(Counter(e["kind"] for e in self.without)),
            "exceptions": [c.as_dict() for c in causes if c.outcome == SAME],
            "others_that_changed_it": [c.as_dict() for c in self.cases["others"] if c.outcome != SAME],
            "cases": [c.as_dict() for c in causes],
        }


def _split(cases: list[_Case], by: Callable[[_Case], str]) -> dict[str, Any]:
    return {name: _rates(c for c in cases if by(c) == name) for name in sorted({by(c) for c in cases})}


def _is_again(event: Event, taken: Event) -> bool:
    """Return whether an event does later what was taken out."""
    keys = ("kind", "agent", "intention", "good", "act", "target")
    return all(event.get(key) == taken.get(key) for key in keys)


def ancestors(event: Event, look: Timelines, first: int) -> dict[Place, tuple[Event, int, str]]:
    """Return all that `why` names for an event from a tick on: the event, how many steps away, the last link to it.

    What it shows beside them and does not call causes is left out (`replay.link.is_cause`).
    """
    found: dict[Place, tuple[Event, int, str]] = {}
    level, step = [event], 0
    while level:
        following, step = [], step + 1
        for each in level:
            for link in links_of(each, look):
                if not is_cause(link) or link.place[0] < first:
                    continue
                other = look.at(link.place)
                if other is not None and link.place not in found:
                    found[link.place] = (other, step, link.name)
                    following.append(other)
        level = following
    return found


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the bounds of the 95 % confidence interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, z = successes / n, _Z
    middle = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)


def _rates(cases: Iterable[_Case]) -> dict[str, Any]:
    """Return how often the event was otherwise, and how often what was done was."""
    counted = Counter(case.outcome for case in cases)
    n = counted.total()
    changed = n - counted[SAME]
    deeds = changed - counted["other aftermath"]
    return {
        "n": n, **_share("changed", changed, n), **_share("deed_changed", deeds, n), "outcomes": dict(counted),
    }  # fmt: skip


def _share(name: str, successes: int, n: int) -> dict[str, Any]:
    low, high = wilson(successes, n)
    return {name: round(successes / n, 4) if n else None, f"{name}_95": [round(low, 4), round(high, 4)]}


if __name__ == "__main__":
    raise SystemExit(main())
