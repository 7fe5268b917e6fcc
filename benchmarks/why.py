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
from pathlib import Path
from typing import Any

import replay
from benchmarks.laboratory import laboratory, new_home, remove_home
from benchmarks.machine import machine
from benchmarks.why_cases import by_kind, evenly, prove
from benchmarks.why_rates import write_page
from domain.configuration import Configuration
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from replay.counterfactual import REST
from replay.removal import verdict
from workers.runner import Runner
from workers.staff import identity_of, thinking_for

_OUT = Path(__file__).parent.parent / "docs" / "benchmarks"


def main() -> int:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.why", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--ticks", type=int, default=1_500)
    parser.add_argument("--only", choices=("drawn_evenly", "drawn_by_kind"), help="keep the other part as it stands")
    parser.add_argument("--forks", type=int, default=5, help="so many pasts are also made by forks that are stored")
    parser.add_argument("--home", type=Path, help="keep a home, and the run in it")
    parser.add_argument("--out", type=Path, default=_OUT)
    given = parser.parse_args()
    before, home = machine(), given.home or new_home()
    result: dict[str, Any] = {"agents": given.agents, "ticks": given.ticks, "seed": given.seed}
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "why.json"
    if given.only and path.exists():
        result = json.loads(path.read_text())["result"] | result

    def keep() -> None:
        path.write_text(json.dumps({"machine": before, "result": result}, indent=1) + "\n")

    try:
        with laboratory(home) as store:
            run = _run(store, home, given.agents, given.ticks, given.seed)
            for name, draw in (("drawn_evenly", evenly), ("drawn_by_kind", by_kind)):
                if given.only not in (None, name):
                    continue
                result[name] = prove(store, run, draw, events=given.events, seed=given.seed)
                cases = result[name].pop("cases")
                result[name]["cases"] = [line_of(case) for case in cases]
                if name == "drawn_evenly":
                    result["by_stored_forks"] = by_stored_forks(
                        store, run, Settings(home=home), cases, count=given.forks
                    )
                keep()  # half of it is better than nothing, should the rest be broken off
    finally:
        if given.home is None:
            remove_home(home)
    print(write_page(given.out).read_text())
    return 0


def _run(store: PostgresStore, home: Path, agents: int, ticks: int, seed: int) -> Run:
    """Return the run that is asked about, made unless it is there."""
    name, settings = f"why-{agents}-{ticks}-{seed}", Settings(home=home)
    side = math.ceil(math.sqrt(agents * 12))  # close enough to meet and to talk
    configuration = Configuration(
        agents=agents, width=side, height=side, mind="scripted", think_budget=1_000, think_delay=10
    )  # fmt: skip
    engines = identity_of("scripted", settings)
    run = (
        store.find(name) if name in store.names()
        else store.create(name, seed=seed, configuration=configuration, target=ticks, engines=engines)
    )  # fmt: skip
    _go_on(store, run, settings, ticks)
    return run


def _go_on(store: PostgresStore, run: Run, settings: Settings, ticks: int) -> None:
    """Let a run go on to a tick, if it is not there yet."""
    head = store.head(run)
    if head is None or head.tick < ticks:
        with thinking_for(store, run, settings) as thinking:
            Runner(store, run, durability="group", thinking=thinking).run(ticks)


def line_of(case: dict[str, Any]) -> str:
    """Return a case in a line."""
    how = f"{case['what']} {case['agent']} at {case['ticks'][0]} and in {len(case['ticks']) - 1} ticks more"
    link = f"{case['link']}, {case['steps']}"
    return (
        f"{case['event']} {case['kind']} <- {case['taken_out']} {case['taken_kind']} ({link}): {how}: {case['outcome']}"
    )


def by_stored_forks(
    store: PostgresStore, run: Run, settings: Settings, cases: list[dict[str, Any]], *, count: int
) -> list[dict[str, Any]]:
    """Make some of the pasts as `polis fork` does, with a runner and minds that answer, and look there too."""
    found: list[dict[str, Any]] = []
    for case in [c for c in cases if c["what"] == REST][:count]:
        tick, ordinal = (int(part) for part in case["event"].split(":"))
        first, name = case["ticks"][0], f"{run.name}-without-{case['taken_out'].replace(':', '-')}"
        rests = [{"agent": case["agent"], "rest": True, "at": at} for at in case["ticks"]]
        child = store.find(name) if name in store.names() else replay.fork(
            store, run, at=first - 1, name=name, interventions=rests, by="a benchmark", target=tick
        )  # fmt: skip
        _go_on(store, child, settings, tick)
        with store.lookup(run) as lookup:
            (event,) = lookup.at([(tick, ordinal)])
        with store.lookup(child) as lookup:
            forked = verdict(event, lookup.find(tick, tick))
        found.append({"event": case["event"], "fork": name, "imagined": case["outcome"], "forked": forked})
    return found


if __name__ == "__main__":
    raise SystemExit(main())
