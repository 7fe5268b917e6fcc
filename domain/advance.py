"""Advance: the one step — decide, fold, hash — that the runner, re-execution and tests all take."""

from __future__ import annotations

from dataclasses import dataclass

from domain.columns import AREAS
from domain.configuration import Configuration, genesis_hash
from domain.decide import Decider
from domain.events import EventBatch
from domain.fold import fold
from domain.hashing import chain_hash
from domain.inputs import NO_INPUTS, Inputs
from domain.state import World


@dataclass(frozen=True)
class Header:
    """What a tick left behind, committed with its events.

    Attributes
    ----------
    tick, events : the tick and how many events it has
    events_hash, state_hash, chain_hash : 32 bytes each
    areas : hash of each area of state, unsigned 64-bit, in the order of `AREAS`
    """

    tick: int
    events: int
    events_hash: bytes
    state_hash: bytes
    chain_hash: bytes
    areas: tuple[int, ...]

    def area(self, name: str) -> int:
        """Return the hash of one area."""
        return self.areas[AREAS.index(name)]


def header_of(world: World, events_hash: bytes, n_events: int, previous_chain: bytes) -> Header:
    """Return the header of the tick that `world` has just folded."""
    state = world.state_hash
    return Header(
        tick=world.tick,
        events=n_events,
        events_hash=events_hash,
        state_hash=state,
        chain_hash=chain_hash(previous_chain, world.tick, events_hash, state),
        areas=tuple(world.sums.tolist()),
    )


def new_world(configuration: Configuration) -> World:
    """Return the empty state before tick 0."""
    return World(configuration.width, configuration.height)


def advance(
    world: World, decider: Decider, previous_chain: bytes, inputs: Inputs = NO_INPUTS
) -> tuple[EventBatch, Header]:
    """Take the one step: decide the next tick's events, fold them into `world`, hash.

    Parameters
    ----------
    world : World, changed in place to the state after the tick
    decider : Decider of the run
    previous_chain : chain hash of the tick before; the genesis hash at tick 0
    inputs : Inputs that take effect at the tick

    Returns
    -------
    EventBatch, Header

    Raises
    ------
    MissingInput, InvalidInput
        Before anything changed.
    """
    events = decider.decide(world, inputs)
    events_hash = decider.threads.beside(len(events), events.hash)
    fold(world, events, decider.threads)
    return events, header_of(world, events_hash(), len(events), previous_chain)


__all__ = ["Header", "advance", "genesis_hash", "header_of", "new_world"]
