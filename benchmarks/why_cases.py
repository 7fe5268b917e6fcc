"""Cases of `benchmarks.why`: random events, what is taken out of the past of each, and what becomes of them."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

import replay
from benchmarks.why_rates import rates
from domain.events import KIND_BY_NAME, KINDS, EventBatch, as_json
from domain.ports import EventLookup, Run
from domain.state import World
from infrastructure.postgres_store import PostgresStore
from replay.all_links import links_of
from replay.counterfactual import REST, Answer, Change, otherwise
from replay.link import is_cause
from replay.removal import SAME, change_without, verdict
from replay.timelines import Event, Place, Timelines, place_of
from workers.minds.elsewhere import answers_of

STEPS, SPAN, FIRST = 3, 200, 60
"""Causes are drawn up to so many steps and ticks away; events from so far on, so that there is a past to speak of."""
OUTCOMES = ("causes", "one_tick", "further", "others", "own")


_Taken = tuple[Event, Change, int, str]
"""An event, the change that takes it out, how many steps away it is, by which link."""


@dataclass
class Case:
    """One event, what was taken out of its past, and what became of it."""

    event: Event
    taken: Event
    change: Change
    outcome: str
    link: str = ""
    steps: int = 0
    again: int | None = None  # the first later tick in which the agent does that after all

    def as_dict(self) -> dict[str, Any]:
        """Return it by names."""
        return {
            "event": "{}:{}".format(*place_of(self.event)), "kind": self.event["kind"],
            "taken_out": "{}:{}".format(*place_of(self.taken)), "taken_kind": self.taken["kind"],
            "what": self.change.what, "agent": self.change.agent, "ticks": [self.change.tick, *self.change.also],
            "outcome": self.outcome,
            "link": self.link, "steps": self.steps, "done_later_at": self.again,
        }  # fmt: skip


Draw = Callable[["Prover"], Iterator[Event]]


def prove(store: PostgresStore, run: Run, draw: Draw, *, events: int, seed: int) -> dict[str, Any]:
    """Return how often an event is gone or other without a named cause, and without something else."""
    head = store.head(run)
    assert head is not None
    began, rng = time.perf_counter(), np.random.default_rng(seed)
    with store.lookup(run) as lookup:
        prover = Prover(store, run, lookup, head.tick, rng)
        for k, event in enumerate(islice(draw(prover), events)):
            prover.ask(event)
            if k % 10 == 9:
                print(f"{k + 1} events, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return prover.result() | {"seconds": round(time.perf_counter() - began)}


def evenly(prover: Prover) -> Iterator[Event]:
    """Yield events drawn evenly from all that happened: most of them are what happens most."""
    counts: NDArray[np.int64] = prover.store.headers(prover.run, FIRST, prover.head).events
    ends = np.cumsum(counts)
    while True:
        k = int(prover.rng.integers(0, ends[-1]))
        at = int(np.searchsorted(ends, k, side="right"))
        event = prover.look().at((FIRST + at, k - (int(ends[at - 1]) if at else 0)))
        assert event is not None
        yield event


def by_kind(prover: Prover) -> Iterator[Event]:
    """Yield events of every kind in turn, drawn evenly from those of the kind."""
    look = prover.look()
    pools = [pool for kind in KINDS if (pool := look.find(FIRST, prover.head, kinds=[kind.number]))]
    while True:
        for pool in pools:
            yield pool[int(prover.rng.integers(0, len(pool)))]


class Prover:
    def __init__(
        self, store: PostgresStore, run: Run, lookup: EventLookup, head: int, rng: np.random.Generator
    ) -> None:
        self.store, self.run, self.lookup, self.head, self.rng = store, run, lookup, head, rng
        self.answer: Answer = answers_of(store, run)
        self.cases: dict[str, list[Case]] = {name: [] for name in OUTCOMES}
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
        if change.also:  # and an intention to the letter: a rest in that one tick alone
            self._try("one_tick", event, (first[0], replace(change, also=()), *first[2:]), before.copy())
        else:
            self.cases["one_tick"].append(self.cases["causes"][-1])
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
            if again is None and last.records["tick"][0] > change.tick:
                again = _first_again(last, out)
        assert last is not None
        self.cases[name].append(Case(event, out, change, verdict(event, last), link, step, again))

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
            **{name: rates(c.outcome for c in cases) for name, cases in self.cases.items()},
            "by_steps": _split([*causes, *further], lambda case: f"{case.steps}"),
            "by_link": _split(causes, lambda case: case.link),
            "by_kind": _split(causes, lambda case: str(case.event["kind"])),
            "without_removable_cause": dict(Counter(e["kind"] for e in self.without)),
            "exceptions": [c.as_dict() for c in causes if c.outcome == SAME],
            "others_that_changed_it": [c.as_dict() for c in self.cases["others"] if c.outcome != SAME],
            "cases": [c.as_dict() for c in causes],
        }


def _split(cases: list[Case], by: Callable[[Case], str]) -> dict[str, Any]:
    return {name: rates(c.outcome for c in cases if by(c) == name) for name in sorted({by(c) for c in cases})}


def _first_again(events: EventBatch, taken: Event) -> int | None:
    """Return the tick of these events if in it an agent does what was taken out."""
    kind, agent = KIND_BY_NAME[taken["kind"]].number, taken.get("agent", -1)
    keys = ("intention", "good", "act", "target")
    for i in np.flatnonzero((events.records["kind"] == kind) & (events.records["agent"] == agent)).tolist():
        event = as_json(events.records[i], events.payload(i))
        if all(event.get(key) == taken.get(key) for key in keys):
            return int(event["tick"])
    return None


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
