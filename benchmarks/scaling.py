"""Scaling: what an agent's tick costs, from 500 agents to 250,000, at the same density of agents.

First without a database (decide, fold, hash and encode, on one thread; of large societies also on two, by the clock
on the wall), then the whole durable run in mode `group`. Without a database every size is measured over the same ticks
of its society, since what people do changes as it grows old: at first nearly all gather, later they meet and bear
children. Of small societies there are as many, of different seeds, as make a measurement. A durable run is measured
from a fresh checkpoint, over at least four whole stretches of a million events (sixteen ticks, where these have more),
until the last commit is synced and the last full stretch has its indexes; its land grows four times as fast, or most of
a small society would have starved by then. All is divided by the agents who lived at each tick.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from benchmarks.laboratory import CELLS_AN_AGENT, WatchedRunner, WatchedStore, checkpoint, run_on, world_of
from benchmarks.plan import Plan
from benchmarks.samples import median, spread
from benchmarks.stages import stage_clock
from domain._prefetch import FAR
from domain.advance import advance, new_world
from domain.configuration import Configuration, genesis_hash
from domain.decide import Decider
from domain.state import World
from infrastructure.copy_binary import encode_rows
from infrastructure.postgres_store import PostgresStore
from infrastructure.stretches import ticks_a_stretch

SIZES = (500, 2_500, 10_000, 50_000, 250_000)
SLICE = 10
"""Ticks in one sample."""
_PLENTY = 400
"""Percent of the usual regrowth in durable runs, so that nobody starves in the thousands of ticks of a small one."""


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return one row a size."""
    agent_ticks = plan.pick(full=2_500_000, quick=400_000, tiny=500)
    durable_agent_ticks = plan.pick(full=4_000_000, quick=800_000, tiny=500)
    first, slices = plan.pick(full=100, quick=40, tiny=2), plan.pick(full=5, quick=3, tiny=2)
    rows = []
    for agents in plan.pick(full=SIZES, quick=SIZES[:3], tiny=(50, 100)):
        configuration = world_of(agents, cells_an_agent=CELLS_AN_AGENT)
        societies = max(1, agent_ticks // agents // (slices * SLICE))
        plan.say(f"{agents:,} agents on {configuration.n_cells:,} cells, {societies} from tick {first} on")
        row = _without_database(configuration, range(plan.seed, plan.seed + societies), first, slices)
        plan.say(f"{agents:,} agents, durable")
        stretch = plan.pick(full=ticks_a_stretch(agents), quick=ticks_a_stretch(agents), tiny=4)
        ticks = stretch * max(plan.pick(full=4, quick=1, tiny=1), durable_agent_ticks // (agents * stretch))
        row["durable_ns"] = _with_database(store, configuration, plan.seed, first, ticks)
        rows.append({"agents": agents, "cells": configuration.n_cells, **row})
    last = first + slices * SLICE
    return {"sizes": rows, "cells_an_agent": CELLS_AN_AGENT, "first_tick": first, "last_tick": last}


def _without_database(configuration: Configuration, seeds: range, first: int, slices: int) -> dict[str, Any]:
    """Measure the ticks after `first` of a society a seed, in slices."""
    stages: dict[str, list[float]] = {name: [] for name in ("decide", "fold", "hash", "encode", "all")}
    foundings: list[float] = []
    on_two: list[float] = []
    events = agent_ticks_in_all = 0
    for seed in seeds:
        world, decider = new_world(configuration), Decider(seed, configuration)
        began = time.perf_counter()
        batch, header = advance(world, decider, genesis_hash(seed, configuration))
        foundings.append(time.perf_counter() - began)
        while world.tick < first:
            batch, header = advance(world, decider, header.chain_hash)
        encode_rows(1, batch)  # compiled, before the clock runs
        if world.n > FAR:
            on_two += _on_two_threads(world.copy(), seed, configuration, header.chain_hash, slices)
        with stage_clock(writer=False) as clock:
            for _ in range(slices):
                clock.reset()
                agent_ticks, encoding = 0, 0.0
                for _ in range(SLICE):
                    batch, header = advance(world, decider, header.chain_hash)
                    agent_ticks += world.population
                    events += len(batch)
                    began = time.perf_counter()
                    encode_rows(1, batch)
                    encoding += time.perf_counter() - began
                clock.seconds["encode"] = encoding
                clock.seconds["all"] = sum(clock.seconds.values())
                agent_ticks_in_all += agent_ticks
                for name, values in stages.items():
                    values.append(clock.seconds[name] / agent_ticks * 1e9)
        decider.close()
    return {
        "founding_s": round(median(foundings), 2),
        "societies": len(seeds),
        "events_an_agent_tick": round(events / agent_ticks_in_all, 3),
        "ns": {name: round(median(values), 1) for name, values in stages.items()},
        "all_ns": spread(stages["all"]),
        "on_two_threads_ns": spread(on_two) if on_two else None,
    }


def _on_two_threads(world: World, seed: int, configuration: Configuration, chain: bytes, slices: int) -> list[float]:
    """Return what an agent-tick takes, ns, in each slice of the same ticks on two threads."""
    decider, took = Decider(seed, configuration, threads=2), []
    for _ in range(slices):
        began, agent_ticks = time.perf_counter(), 0
        for _ in range(SLICE):
            batch, header = advance(world, decider, chain)
            encode_rows(1, batch)
            chain = header.chain_hash
            agent_ticks += world.population
        took.append((time.perf_counter() - began) / agent_ticks * 1e9)
    decider.close()
    return took


def _with_database(
    store: PostgresStore, configuration: Configuration, seed: int, first: int, ticks: int
) -> dict[str, Any]:
    """Measure three times so many ticks of one durable run, from `first` on."""
    fed = replace(configuration, regrowth_percent=_PLENTY)
    run = store.create(f"scaling-{fed.agents}", seed=seed, configuration=fed, target=0)
    run_on(WatchedRunner(store, run, durability="group"), ticks=1 + first)
    figures = []
    for _ in range(3):
        checkpoint(store)
        watched = WatchedStore(store)
        runner = WatchedRunner(watched, run, durability="group")
        run_on(runner, ticks=ticks)
        assert watched.last_writer is not None
        figures.append((watched.last_writer.closed_at - runner.loop_began) / runner.agent_ticks * 1e9)
    return spread(figures)
