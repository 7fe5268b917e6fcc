"""Compile every kernel by taking a few steps in a tiny world; a moment if they are cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain._jit import told_of_compiling
from domain.advance import advance, new_world
from domain.columns import THOUGHT_DUE
from domain.configuration import Configuration, genesis_hash
from domain.decide import Decider
from domain.inputs import NO_INPUTS, Input, InputKey, Inputs
from domain.minds import columns as m
from domain.minds.percepts import percept_of
from domain.state import World


def warm_up(*, minds: bool = False, on_compile: Callable[[int], None] | None = None) -> None:
    """Run a few ticks of nine agents and throw them away; with `minds`, let them think, too.

    `on_compile` is told, before a part of the rules is compiled, the how manyth it is; kept ones are only loaded.
    """
    with told_of_compiling(on_compile or (lambda parts: None)):
        _run(Configuration(agents=9, width=4, height=4, homes=12))
        if minds:
            more: dict[str, Any] = {"mind": "scripted", "think_budget": 1_000, "think_delay": 1}
            _run(Configuration(agents=9, width=4, height=4, homes=12, **more))


def _run(configuration: Configuration) -> None:
    world, decider = new_world(configuration), Decider(0, configuration)
    chain = genesis_hash(0, configuration)
    inputs = NO_INPUTS
    for tick in range(4):
        _, header = advance(world, decider, chain, inputs)
        chain = header.chain_hash
        if world.minds is not None:
            owed = [a for a in range(9) if world.agents[THOUGHT_DUE, a] == tick + 1 and world.minds[m.PURPOSE, a] == 0]
            answer = {"intention": "forage"}
            inputs = Inputs(Input(InputKey(tick, agent, "intention"), tick + 1, answer) for agent in owed)
            percept_of(world, 0, seed=0, configuration=configuration)
    World.from_bytes(world.to_bytes())
