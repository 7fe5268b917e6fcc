"""What holds whatever is done to a world from outside: nothing comes from nowhere, and every fold agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import columns as col
from domain import events as ev
from domain.advance import advance, genesis_hash, new_world
from domain.codes import N_GOODS, N_RESOURCES, Biome, Good
from domain.configuration import Configuration
from domain.decide import Decider
from domain.events import EventBatch
from domain.inputs import INTERVENTION, NOBODY, Input, InputKey, Inputs, validated
from domain.scenario import Scenario, Scenarios
from domain.state import World
from tests.support.areas import assert_equal_worlds
from tests.support.oracle import OracleWorld

pytestmark = pytest.mark.property

BEFORE = Configuration(agents=14, width=7, height=7, homes=24, adulthood=50, birth_interval=20, hunger=60)
TICKS, CELLS = 14, 49
_RESOURCES = ("food", "wood", "stone", "ore")

amounts = st.one_of(
    st.fixed_dictionaries({"amount": st.integers(0, 60_000)}), st.fixed_dictionaries({"percent": st.integers(0, 200)})
)
stocks = st.builds(
    lambda good, cells, amount: {"good": good, "cells": cells, **amount},
    st.sampled_from(_RESOURCES),
    st.one_of(st.just("all"), st.lists(st.integers(0, CELLS - 1), min_size=1, max_size=5, unique=True)),
    amounts,
)
of_agents = st.one_of(
    st.just({"rest": True}),
    st.just({"remove": True}),
    st.fixed_dictionaries({"endow": st.dictionaries(st.sampled_from((*_RESOURCES, "coin")), st.integers(1, 9_000))}),
)
of_world = st.one_of(
    st.builds(lambda n, cell: {"add": {"agents": n, **cell}}, st.integers(1, 9),
              st.one_of(st.just({}), st.fixed_dictionaries({"cell": st.integers(0, CELLS - 1)}))),
    st.builds(lambda stock: {"stock": stock}, stocks),
)  # fmt: skip
deeds = st.lists(
    st.tuples(
        st.integers(1, TICKS),
        st.one_of(st.tuples(st.integers(0, 20), of_agents), st.tuples(st.just(NOBODY), of_world)),
    ),
    max_size=14,
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "hunger": st.integers(0, 300), "regrowth_percent": st.integers(0, 400), "sight": st.integers(1, 6),
        "homes": st.integers(1, 40), "meal": st.integers(500, 4_000),
    },
)  # fmt: skip


def inputs_of(told: list[tuple[int, tuple[int, dict[str, Any]]]]) -> dict[int, Inputs]:
    by_tick: dict[int, list[Input]] = {}
    for call, (tick, (agent, what)) in enumerate(told):
        one = Input(InputKey(tick - 1, agent, INTERVENTION, call), tick, {"by": "a test", **what})
        by_tick.setdefault(tick, []).append(validated(one, n_cells=CELLS))
    return {tick: Inputs(rows) for tick, rows in by_tick.items()}


def living(world: World) -> np.ndarray:
    return np.flatnonzero(world.agents[col.ALIVE, : world.n])


def held(world: World) -> np.ndarray:
    return world.agents[col.GOODS : col.GOODS + N_GOODS, living(world)].sum(axis=1)


def grown(cells: np.ndarray, tick: int) -> np.ndarray:
    stock, capacity, regrowth, since = (
        cells[first : first + N_RESOURCES] for first in (col.STOCK, col.CAPACITY, col.REGROWTH, col.SINCE)
    )
    return np.where(stock >= capacity, stock, np.minimum(stock + (tick - since) * regrowth // 1000, capacity))


def told_of_goods(batch: EventBatch, before: World) -> tuple[np.ndarray, np.ndarray]:
    """Return how much the events say that all together hold more, and what each cell's stocks are by them."""
    change, stocks = np.zeros(N_GOODS, np.int64), grown(before.cells, before.tick + 1)
    estates: dict[int, np.ndarray] = {}
    for e in batch.records:
        kind, agent = int(e["kind"]), int(e["agent"])
        given, taken = ((int(e[c]) >> 56, int(e[c]) >> 28 & 0xFFFFFFF) for c in ("given", "taken"))
        if kind == ev.GOODS_GATHERED.number:
            change[given[0]] += given[1]
            change[Good.TOOL] -= e["taken"] != -1
            stocks[given[0], e["cell"]] -= given[1]
            assert stocks[given[0], e["cell"]] == e["detail"] >= 0
        elif kind == ev.STOCK_CHANGED.number:
            stocks[e["target"], e["cell"]] = e["detail"]
        elif kind == ev.GOODS_ENDOWED.number:
            change[given[0]] += given[1]
        elif kind == ev.MEAL_EATEN.number:
            change[given[0]] -= given[1]
        elif kind == ev.TOOL_CRAFTED.number:
            change[given[0]] -= given[1]
            change[taken[0]] -= taken[1]
            change[Good.TOOL] += e["detail"]
        elif kind == ev.AGENT_DIED.number:
            row = before.row(agent)
            estates[agent] = before.agents[col.GOODS : col.GOODS + N_GOODS, row].copy()
    for e in batch.records[batch.records["kind"] == ev.GOODS_ENDOWED.number]:
        if int(e["agent"]) in estates:  # given something and taken away in one tick
            estates[int(e["agent"])][int(e["given"]) >> 56] += int(e["given"]) >> 28 & 0xFFFFFFF
    for e in batch.records[batch.records["kind"] == ev.GOODS_INHERITED.number]:
        estates[int(e["target"])][int(e["taken"]) >> 56] -= int(e["taken"]) >> 28 & 0xFFFFFFF
    for left in estates.values():
        change -= left
    return change, stocks


def fold_plainly(oracle: OracleWorld, batch: EventBatch) -> None:
    names = batch.records.dtype.names
    columns = (dict(zip(names, record, strict=True)) for record in batch.records.tolist())
    oracle.fold((c, batch.payload(i)) for i, c in enumerate(columns))


@given(told=deeds, change=changes, seed=st.integers(-3, 3), fork=st.integers(0, TICKS - 1))
@settings(max_examples=40)
def test_whatever_is_done_goods_come_and_go_only_where_an_event_says(told, change, seed, fork):
    after = Scenario(seed, Configuration.from_mapping({**BEFORE.__dict__, **change}))
    scenarios = Scenarios([(0, Scenario(2, BEFORE)), (fork + 1, after)])
    inputs, chains = inputs_of(told), []
    for threads in (1, 2):
        decider = Decider(2, BEFORE, threads=threads, scenarios=scenarios)
        world, chain, oracle = new_world(BEFORE), genesis_hash(2, BEFORE), OracleWorld()
        for tick in range(TICKS + 1):
            before = World.from_bytes(world.to_bytes()) if tick else world
            total = held(world)
            batch, header = advance(world, decider, chain, inputs.get(tick, Inputs()))
            chain = header.chain_hash
            if threads == 1 and tick:
                expected, stocks = told_of_goods(batch, before)
                assert (held(world) - total == expected).all(), f"tick {tick}"
                assert (grown(world.cells, tick) == stocks).all(), f"tick {tick}"
                on_land = world.cells[col.BIOME] != Biome.WATER
                assert (world.prospects >= np.minimum(stocks, col.MAX_PROSPECT))[:, on_land].all(), f"tick {tick}"
                assert world.population <= max(scenarios.at(tick).configuration.homes, before.population)
                assert (world.agents[col.GOODS : col.GOODS + N_GOODS, living(world)] >= 0).all()
            if threads == 1:
                fold_plainly(oracle, batch)
                assert_equal_worlds(world, oracle, "intervened")
        assert np.array_equal(world.sums.copy(), world.rehash_whole())
        chains.append(chain)
        decider.close()
    assert chains[0] == chains[1], "threads change nothing"
