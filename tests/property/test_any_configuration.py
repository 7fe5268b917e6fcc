"""Worlds of any shape and hardness, with inputs of all sorts: what must hold in every one of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from domain import columns as col
from domain import events as ev
from domain.advance import advance, genesis_hash, new_world
from domain.codes import Good, Intention
from domain.configuration import Configuration
from domain.decide import Decider
from domain.inputs import Input, InputKey, Inputs
from domain.state import World
from tests.support.areas import assert_equal_worlds
from tests.support.oracle import OracleWorld

pytestmark = pytest.mark.property


@st.composite
def configurations(draw):
    """Draw a small world; most are crowded, and many starve."""
    width, height = draw(st.integers(4, 10)), draw(st.integers(4, 10))
    return Configuration(
        width=width,
        height=height,
        agents=draw(st.integers(1, min(40, width * height))),
        homes=draw(st.sampled_from([0, 1, 30, 90])),
        hunger=draw(st.sampled_from([0, 45, 150, 400, 1_000])),
        meal=draw(st.sampled_from([1, 800, 2_500, 10_000])),
        lifespan=draw(st.sampled_from([100, 150, 1_000])),
        adulthood=draw(st.sampled_from([0, 10, 60])),
        birth_interval=draw(st.sampled_from([0, 5, 40])),
        regrowth_percent=draw(st.sampled_from([0, 100, 1_000])),
        sight=draw(st.integers(1, 8)),
    )


def inputs_of(world: World, generator: np.random.Generator) -> Inputs:
    """Return a few inputs for living agents: thoughts, refusals and gifts from outside."""
    tick, rows = world.tick + 1, []
    living = world.agents[col.ID, np.flatnonzero(world.agents[col.ALIVE, : world.n])]
    for agent in generator.permutation(living)[: generator.integers(0, 3)].tolist():
        kind = int(generator.integers(0, 3))
        if kind == 0:
            given, purpose = {"refused": "timed out"}, "intention"
        elif kind == 1:
            name = list(Intention)[generator.integers(0, 8)].name.lower()
            given, purpose = {"intention": name, "goal": int(generator.integers(0, world.cells.shape[1]))}, "intention"
        else:
            given, purpose = (
                {"by": "a test", "endow": {"coin": 5, "ore": int(generator.integers(1, 9_000))}},
                "intervention",
            )
        rows.append(Input(InputKey(tick - 1, agent, purpose), tick, given))
    return Inputs(rows)


@given(configurations(), st.integers(0, 2**63 - 1), st.booleans())
@settings(max_examples=100)
def test_any_world_folds_like_its_oracle_keeps_its_coins_and_tells_every_cause(configuration, seed, with_inputs):
    note(f"seed {seed}, {configuration.canonical()}")
    generator = np.random.default_rng(seed)
    decider, other = Decider(seed, configuration), Decider(seed, configuration, threads=2)
    world, oracle, chain = new_world(configuration), OracleWorld(), genesis_hash(seed, configuration)
    sizes, coins = [], 0
    for tick in range(70):
        inputs = inputs_of(world, generator) if with_inputs and tick else Inputs()
        again = other.decide(world.copy(), inputs) if tick % 7 == 1 else None
        batch, header = advance(world, decider, chain, inputs)
        chain = header.chain_hash
        assert again is None or again.hash() == header.events_hash
        columns = (dict(zip(batch.records.dtype.names, e, strict=True)) for e in batch.records.tolist())
        oracle.fold((c, batch.payload(i)) for i, c in enumerate(columns))
        sizes.append(len(batch))
        for e in batch.records[batch.records["cause"] >= 0]:
            there, ordinal = int(e["cause"]) >> 32, int(e["cause"]) & 0xFFFFFFFF
            assert (there, ordinal) < (tick, int(e["ordinal"]))
            assert ordinal < sizes[there]
        endowed = batch.records[(batch.records["kind"] == ev.GOODS_ENDOWED.number)]["given"]
        coins += int((endowed[endowed >> 56 == Good.COIN] >> 28 & 0xFFFFFFF).sum())
        alive = world.agents[col.ALIVE, : world.n] != 0
        held = world.agents[col.GOODS : col.GOODS + 6, : world.n][:, alive]
        assert (held >= 0).all()
        assert held[Good.COIN].sum() == (coins if world.population else 0)
        assert world.population <= max(configuration.homes, configuration.agents)
    assert_equal_worlds(world, oracle)
    assert world.sums.tolist() == world.rehash_whole().tolist()
    other.close()
