"""Scaling: what an agent's tick costs, from 500 agents to 250,000, at the same density of agents.

First without a database (decide, fold, hash and encode, on one thread), then the whole durable run in
mode `group`. Populations are those of the moment, so births and deaths don't blur the figure.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.laboratory import CELLS_AN_AGENT, WatchedRunner, WatchedStore, run_on, world_of
from benchmarks.plan import Plan
from benchmarks.samples import median, spread
from benchmarks.stages import stage_clock
from domain.advance import advance, new_world
from domain.configuration import Configuration, genesis_hash
from domain.decide import Decider
from infrastructure.copy_binary import encode_rows
from infrastructure.postgres_store import PostgresStore

SIZES = (500, 2_500, 10_000, 50_000, 250_000)


def measure(store: PostgresStore, plan: Plan) -> dict[str, Any]:
    """Return one row a size."""
    agent_ticks = plan.pick(full=4_000_000, quick=400_000, tiny=500)
    repetitions = plan.pick(full=5, quick=3, tiny=2)
    rows = []
    for agents in plan.pick(full=SIZES, quick=SIZES[:3], tiny=(50, 100)):
        configuration = world_of(agents, cells_an_agent=CELLS_AN_AGENT)
        ticks = max(3, agent_ticks // agents // repetitions)
        plan.say(f"{agents:,} agents on {configuration.n_cells:,} cells, {repetitions} x {ticks:,} ticks")
        row = _without_database(configuration, plan.seed, ticks, repetitions)
        plan.say(f"{agents:,} agents, durable")
        row["durable_ns"] = _with_database(store, configuration, plan.seed, ticks, repetitions)
        rows.append({"agents": agents, "cells": configuration.n_cells, **row})
    return {"sizes": rows, "cells_an_agent": CELLS_AN_AGENT}


def _without_database(configuration: Configuration, seed: int, ticks: int, repetitions: int) -> dict[str, Any]:
    world, decider, chain = new_world(configuration), Decider(seed, configuration), genesis_hash(seed, configuration)
    began = time.perf_counter()
    _, header = advance(world, decider, chain)
    founding = time.perf_counter() - began
    stages: dict[str, list[float]] = {name: [] for name in ("decide", "fold", "hash", "encode", "all")}
    events = agent_ticks_in_all = 0
    with stage_clock(writer=False) as clock:
        for repetition in range(repetitions + 1):
            clock.reset()
            agent_ticks, encoding = 0, 0.0
            for _ in range(ticks):
                batch, header = advance(world, decider, header.chain_hash)
                agent_ticks += world.population
                began = time.perf_counter()
                encode_rows(1, batch)
                encoding += time.perf_counter() - began
                if repetition:
                    events += len(batch)
            clock.seconds["encode"] = encoding
            clock.seconds["all"] = sum(clock.seconds.values())
            if repetition:  # the first warms caches and compiles
                agent_ticks_in_all += agent_ticks
                for name, values in stages.items():
                    values.append(clock.seconds[name] / agent_ticks * 1e9)
    decider.close()
    return {
        "founding_s": round(founding, 2),
        "ticks": ticks * repetitions,
        "events_an_agent_tick": round(events / agent_ticks_in_all, 3),
        "ns": {name: round(median(values), 1) for name, values in stages.items()},
        "all_ns": spread(stages["all"]),
    }


def _with_database(
    store: PostgresStore, configuration: Configuration, seed: int, ticks: int, repetitions: int
) -> dict[str, Any]:
    run = store.create(f"scaling-{configuration.agents}", seed=seed, configuration=configuration, target=0)
    run_on(WatchedRunner(store, run, durability="group"), ticks=1 + min(ticks, 20))
    figures = []
    for _ in range(min(3, repetitions)):
        watched = WatchedStore(store)
        runner = WatchedRunner(watched, run, durability="group")
        run_on(runner, ticks=ticks)
        writer = watched.last_writer
        assert writer is not None
        figures.append((writer.last_commit_at - runner.loop_began) / (ticks * configuration.agents) * 1e9)
    return spread(figures)
