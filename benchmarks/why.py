"""`python -m benchmarks.why`: whether named causes are causes, asked of pasts in which one of them is left out.

Of random events of a run with minds: `polis why` names what led to each. One of those, up to three steps away, is
taken out of the past (its agent rests instead; a thought is refused), the run is played on in memory to the event's
tick, and the event is looked for there. Beside it two events that `why` does not name are taken out, each in a past
of its own: one of another agent in the same tick as the cause, and one that the event's own agent did earlier.

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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.laboratory import laboratory, new_home, remove_home
from benchmarks.machine import machine
from domain.configuration import Configuration
from domain.ports import EventLookup, Run
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from replay.counterfactual import REST, Answer, Change, otherwise
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


def main() -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.why", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--ticks", type=int, default=1_500)
    parser.add_argument(
        "--forks", type=int, default=5, help="how many of the pasts are also made by a fork that is stored"
    )
    parser.add_argument("--home", type=Path, help="keep a home, and the run in it")
    parser.add_argument("--out", type=Path, default=_OUT)
    given = parser.parse_args()
    before, home = machine(), given.home or new_home()
    try:
        with laboratory(home) as store:
            run = _run(store, home, given.agents, given.ticks, given.seed)
            result = prove(store, run, events=given.events, seed=given.seed)
    finally:
        if given.home is None:
            remove_home(home)
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "why.json"
    path.write_text(json.dumps({"machine": before, "result": result}, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps({name: result[name] for name in ("causes", "others", "own", "steps", "links")}, indent=1))
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


@dataclass
class _Case:
    """One event, what was taken out of its past, and what became of it."""

    event: Event
    taken: Event
    change: Change
    outcome: str
    link: str = ""
    steps: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "event": "{}:{}".format(*place_of(self.event)), "kind": self.event["kind"],
            "taken_out": "{}:{}".format(*place_of(self.taken)), "taken_kind": self.taken["kind"],
            "how": f"{self.change.what} {self.change.agent} at {self.change.tick}", "outcome": self.outcome,
            "link": self.link, "steps": self.steps,
        }  # fmt: skip


def prove(store: PostgresStore, run: Run, *, events: int, seed: int) -> dict[str, Any]:
    """Return how often an event is gone or other without a named cause, and without something else."""
    head = store.head(run)
    assert head is not None
    began, rng = time.perf_counter(), np.random.default_rng(seed)
    with store.lookup(run) as lookup:
        prover = _Prover(store, run, lookup, head.tick, rng)
        for k, event in enumerate(prover.events()):
            if k == events:
                break
            prover.ask(event)
            if k % 10 == 9:
                print(f"{k + 1} events, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    result = prover.result()
    return {"agents": run.configuration.agents, "ticks": head.tick, "seed": seed, **result,
            "seconds": round(time.perf_counter() - began)}  # fmt: skip


class _Prover:
    def __init__(
        self, store: PostgresStore, run: Run, lookup: EventLookup, head: int, rng: np.random.Generator
    ) -> None:
        self.store, self.run, self.lookup, self.head, self.rng = store, run, lookup, head, rng
        self.answer: Answer = answers_of(run)
        self.causes: list[_Case] = []
        self.others: list[_Case] = []
        self.own: list[_Case] = []
        self.without: list[Event] = []  # events of which no named cause can be taken out

    def events(self) -> Iterator[Event]:
        """Yield events drawn evenly from all that happened."""
        counts: NDArray[np.int64] = self.store.headers(self.run, FIRST, self.head).events
        ends = np.cumsum(counts)
        while True:
            k = int(self.rng.integers(0, ends[-1]))
            at = int(np.searchsorted(ends, k, side="right"))
            look = Timelines(self.store, self.run, self.lookup, self.head)
            event = look.at((FIRST + at, k - (int(ends[at - 1]) if at else 0)))
            assert event is not None
            yield event

    def ask(self, event: Event) -> None:
        """Take a cause out, and the two that are none."""
        look = Timelines(self.store, self.run, self.lookup, self.head)
        named = ancestors(event, look, max(1, event["tick"] - SPAN))
        near = [(cause, change, step, link) for cause, step, link in named.values()
                if step <= STEPS and (change := change_without(cause, look)) is not None
                and change.tick <= event["tick"]]  # fmt: skip
        if not near:
            self.without.append(event)
            return
        cause, change, step, link = near[int(self.rng.integers(0, len(near)))]
        self.causes.append(_Case(event, cause, change, self._without(event, change), link, step))
        for cases, tick, agents in (
            (self.others, change.tick, None),
            (self.own, change.tick, {event.get("agent")}),
        ):
            found = self._unnamed(
                event, tick, named, look, agents, {change.agent, event.get("agent"), event.get("target")}
            )
            if found is not None:
                taken, instead = found
                cases.append(_Case(event, taken, instead, self._without(event, instead)))

    def _without(self, event: Event, change: Change) -> str:
        *_, last = otherwise(self.store, self.run, change, event["tick"], answer=self.answer)
        return verdict(event, last)

    def _unnamed(
        self, event: Event, tick: int, named: dict[Place, Any], look: Timelines, of: set[Any] | None, but: set[Any]
    ) -> tuple[Event, Change] | None:
        """Return an event that is not named, drawn from those that can be taken out, and the change that does.

        Nothing that goes with it in that tick may be named either: the rest of what its agent does, and whoever it met.
        """
        last = tick if of is None else event["tick"] - 1
        pool = look.find(tick, last) if of is None else look.find(tick, last, agents=sorted(of))
        here: dict[tuple[int, Any], list[Event]] = {}
        for e in pool if of is None else look.find(tick, last):
            here.setdefault((e["tick"], e.get("agent")), []).append(e)
        found = []
        for e in pool:
            if of is None and e.get("agent") in but:
                continue
            change = change_without(e, look)
            if change is None or change.what != REST or change.agent != e.get("agent"):
                continue
            mates = {e["agent"], *(x["target"] for x in here[e["tick"], e["agent"]] if "target" in x)}
            if of is None and mates & but:
                continue
            goes = [x for mate in mates for x in here.get((e["tick"], mate), ())]
            if any(place_of(x) in named or place_of(x) == place_of(event) for x in goes):
                continue
            found.append((e, change))
        return found[int(self.rng.integers(0, len(found)))] if found else None

    def result(self) -> dict[str, Any]:
        """Return the figures and the cases."""
        steps = {f"{n} steps away" if n > 1 else "1 step away": _rates(c for c in self.causes if c.steps == n)
                 for n in range(1, STEPS + 1)}  # fmt: skip
        links = {
            link: _rates(c for c in self.causes if c.link == link) for link in sorted({c.link for c in self.causes})
        }
        return {
            "events": len(self.causes) + len(self.without),
            "causes": _rates(self.causes), "others": _rates(self.others), "own": _rates(self.own),
            "steps": steps, "links": links,
            "without_removable_cause": dict(Counter(e["kind"] for e in self.without)),
            "exceptions": [c.as_dict() for c in self.causes if c.outcome == SAME],
            "others_that_changed_it": [c.as_dict() for c in self.others if c.outcome != SAME],
            "cases": [c.as_dict() for c in self.causes],
        }  # fmt: skip


def ancestors(event: Event, look: Timelines, first: int) -> dict[Place, tuple[Event, int, str]]:
    """Return all that `why` names for an event from a tick on: the event, how many steps away, the last link to it.

    What an agent merely did last ("before") and what was left out of a prompt are shown, and not called causes.
    """
    found: dict[Place, tuple[Event, int, str]] = {}
    level, step = [event], 0
    while level:
        following, step = [], step + 1
        for each in level:
            for link in links_of(each, look):
                if link.name == "before" or link.about.get("in_prompt") is False or link.place[0] < first:
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
