"""Compile every kernel by taking a few steps in a tiny world; a moment if they are cached on disk."""

from __future__ import annotations

from domain.advance import advance, new_world
from domain.configuration import Configuration, genesis_hash
from domain.decide import Decider


def warm_up() -> None:
    """Run three ticks of nine agents and throw them away."""
    configuration = Configuration(agents=9, width=4, height=4, homes=12)
    world, decider = new_world(configuration), Decider(0, configuration)
    chain = genesis_hash(0, configuration)
    for _ in range(3):
        _, header = advance(world, decider, chain)
        chain = header.chain_hash
    world.rehash_whole()
