"""Re-execute: decide every tick again from genesis and inputs, and compare event by event.

Where `verify` asks whether the record is whole, this asks whether the rules of today would write the
same. Stored events are opened only to be compared; inputs are read, and a missing one is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain.advance import advance, new_world
from domain.decide import Decider
from domain.events import EventBatch
from domain.ports import HistoryReader, Run
from replay.differing_event import event_at, first_differing
from replay.headers_in_parts import HeadersInParts
from replay.inputs_in_parts import InputsInParts
from replay.scenario import lineage_of, scenarios_of
from replay.seek import by_tick

_NO_HEADER = "the header of this tick is missing"
_TOO_MANY = "more events of this tick are stored than its header counts"
_PROGRESS_EVERY = 128


@dataclass(frozen=True)
class Reexecution:
    """What re-execution found.

    Attributes
    ----------
    identical : every event of every tick is the same
    ticks : how many ticks were compared
    first_divergence : None, or where and what: tick, ordinal, columns, recorded and re-executed event
    """

    run: str
    identical: bool
    ticks: int
    first_divergence: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(self.__dict__)


def reexecute(
    reader: HistoryReader, run: Run, *, threads: int = 1, on_progress: Callable[[int, int], None] | None = None
) -> Reexecution:
    """Advance again from genesis and inputs, comparing with what is stored.

    Raises
    ------
    OtherRules
        If the run was made under rules that this release does not have.
    MissingInput
        If a tick needs an input that is not recorded.
    """
    run.require_our_rules()
    head = reader.head(run)
    last = -1 if head is None else head.tick
    headers = HeadersInParts(reader, run, last)
    inputs = InputsInParts(reader, run)
    scenarios = scenarios_of(reader, run)
    decider = Decider(run.seed, run.configuration, threads=threads, scenarios=scenarios)
    world, chain = new_world(run.configuration), lineage_of(reader, run)[0].genesis_hash
    try:
        for tick, stored in by_tick(reader.read(run, 0, last), 0, last):
            found_header = headers.find(tick)
            if found_header is None:
                reader.find(str(run.id))  # or somebody has dropped it meanwhile
                return Reexecution(run.name, False, tick, {"tick": tick, "ordinal": None, "because": _NO_HEADER})
            if tick <= world.tick:  # what is too much of a tick may come after all others
                reader.find(str(run.id))
                return Reexecution(run.name, False, tick, {"tick": tick, "ordinal": None, "because": _TOO_MANY})
            some, at = found_header
            if tick != world.tick + 1 or (some.events[at] and not len(stored)):
                missing = world.tick + 1
                reader.find(str(run.id))
                gone = {"tick": missing, "ordinal": None, "because": "the stored events of this tick are missing"}
                return Reexecution(run.name, False, missing, gone)
            events, header = advance(world, decider, chain, inputs.at(tick))
            chain = header.chain_hash
            found = _first_difference(tick, stored, events)
            if found is None and header.chain_hash != some.chain_hash[at]:
                found = {"tick": tick, "ordinal": None, "because": "equal events, but another chain hash is recorded"}
            if found is not None:
                return Reexecution(run.name, False, tick, found)
            if on_progress and tick % _PROGRESS_EVERY == 0:
                on_progress(tick, last)
    finally:
        decider.close()
    if on_progress:
        on_progress(last, last)
    return Reexecution(run.name, True, last + 1)


def _first_difference(tick: int, stored: EventBatch, again: EventBatch) -> dict[str, Any] | None:
    found = first_differing(stored, again)
    if found is None:
        return None
    at, columns = found
    events = {"recorded": event_at(stored, at), "reexecuted": event_at(again, at)}
    return {"tick": tick, "ordinal": at, "columns": columns, **events}
