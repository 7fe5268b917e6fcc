"""Verify: fold all events from tick 0 and compare with every header and snapshot.

The first thing that differs is named by tick and area: `genesis` (what the run is made of), `ticks` (one is
missing), `events` (stored events are not those that were hashed), `inputs` (they are not those that the events
say they used), an area of state, `chain` (a header was changed), `snapshot`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from domain.advance import Header, header_of, new_world
from domain.columns import AREAS
from domain.configuration import genesis_hash
from domain.errors import CorruptHistory, PolisError
from domain.events import (
    INTERVENTION_MADE,
    REFLECTION_MADE,
    SCENARIO_CHANGED,
    THOUGHT_REFUSED,
    THOUGHT_TAKEN,
    EventBatch,
    payload_of,
)
from domain.fold import fold
from domain.inputs import INTERVENTION, Input
from domain.ports import HistoryReader, Run
from domain.scenario import Scenario, changes_between
from domain.state import World
from domain.upcast import to_current
from replay.headers_in_parts import HeadersInParts
from replay.inputs_in_parts import in_parts
from replay.scenario import lineage_of, scenarios_of
from replay.seek import by_tick
from replay.sound_end import misplaced_fork

_PROGRESS_EVERY = 256
_TELL_OF_INPUTS = [k.number for k in (THOUGHT_TAKEN, THOUGHT_REFUSED, INTERVENTION_MADE, REFLECTION_MADE)]
_DEEP_EVERY = 64


@dataclass(frozen=True)
class Verification:
    """What verifying found.

    Attributes
    ----------
    ok : nothing differs
    ticks, events : how many were folded
    first_bad_tick, area, reason : the first difference, if there is one
    head_hash : chain hash of the last tick folded
    snapshots : how many were compared
    """

    run: str
    ok: bool
    ticks: int
    events: int
    head_hash: str
    snapshots: int = 0
    first_bad_tick: int | None = None
    area: str | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(self.__dict__)


class _Difference(Exception):
    def __init__(self, tick: int, area: str, reason: str) -> None:
        super().__init__(tick, area, reason)
        self.tick, self.area, self.reason = tick, area, reason


def verify(
    reader: HistoryReader, run: Run, *, deep: bool = False, on_progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Fold a run from tick 0 and compare every header and snapshot.

    Parameters
    ----------
    reader : HistoryReader
    run : Run
    deep : also compute the area hashes whole, from every row, now and then and at the end
    on_progress : callable, told (tick, head tick)

    Raises
    ------
    RunDropped
        If somebody drops it meanwhile.
    """
    head = reader.head(run)
    last = -1 if head is None else head.tick
    line = lineage_of(reader, run)
    world, chain = new_world(run.configuration), line[0].genesis_hash
    ticks = events_seen = snapshots = 0
    try:
        for one in line:
            _check_genesis(one)
        misplaced = misplaced_fork(reader, line, head)
        if misplaced is not None:
            raise _Difference(misplaced[0], "ticks", misplaced[1])
        headers = HeadersInParts(reader, run, last)
        _check_ticks(headers)
        kept = set(reader.snapshot_ticks(run))
        inputs, scenarios = _read_inputs(reader, run, last), scenarios_of(reader, run)
        asked_at = {each.asked for given in inputs.values() for each in given if each.asked_chain is not None}
        chains: dict[int, bytes] = {}  # of the ticks that asked
        for tick, events in by_tick(reader.read(run, 0, last), 0, last):
            if tick < ticks:
                raise _Difference(tick, "events", "more events are stored than the header counts")
            header, catalogue = _header_at(headers, tick)
            if tick > ticks or (header.events and not len(events)):
                raise _Difference(ticks, "events", f"the events of tick {ticks} are missing")
            _check_scenario(events, scenarios.change_at(tick), tick)
            events_hash = _check_events(events, header)
            _check_inputs(world, events, inputs.get(tick, []), chains)
            _fold(world, events, catalogue, tick)
            chain = _check_state(world, header, events_hash, chain, deep=deep and tick % _DEEP_EVERY == 0)
            if tick in asked_at:
                chains[tick] = chain
            ticks += 1
            events_seen += len(events)
            if on_progress and ticks % _PROGRESS_EVERY == 0:
                on_progress(tick, last)
        stray = reader.stray_tick(run)
        if stray is not None:
            raise _Difference(stray, "ticks", "events are stored above the newest header: one was taken away")
        snapshots = _check_snapshots(reader, run, last, kept)
        if deep and not np.array_equal(world.sums.copy(), world.rehash_whole()):
            raise _Difference(last, "state", "the kept area hashes are not those of the rows")
    except (_Difference, CorruptHistory) as found:
        reader.find(str(run.id))  # what somebody drops meanwhile is not damaged
        if isinstance(found, CorruptHistory):
            found = _Difference(found.tick, "events", found.because)
        return Verification(
            run.name, False, ticks, events_seen, chain.hex(), snapshots, found.tick, found.area, found.reason
        )
    if on_progress:
        on_progress(last, last)
    return Verification(run.name, True, ticks, events_seen, chain.hex(), snapshots)


def _check_genesis(run: Run) -> None:
    versions = {"rules": run.rules_version, "state": run.state_version, "hashing": run.hashing_version}
    if genesis_hash(run.seed, run.configuration, **versions) != run.genesis_hash:
        raise _Difference(0, "genesis", "seed, configuration and versions do not have the recorded genesis hash")


def _check_scenario(events: EventBatch, change: tuple[Scenario, Scenario] | None, tick: int) -> None:
    """Compare what the events say of a fork's scenario with what its run is made of."""
    told = [events.payload(int(i)) for i in np.flatnonzero(events.records["kind"] == SCENARIO_CHANGED.number)]
    if told != ([] if change is None else [payload_of(**changes_between(*change))]):
        raise _Difference(tick, "genesis", "the seed and constants of this fork are not those that its events say")


def _check_ticks(headers: HeadersInParts) -> None:
    tick = headers.first_missing()
    if tick is not None:
        raise _no_header(tick)


def _no_header(tick: int) -> _Difference:
    return _Difference(tick, "ticks", f"tick {tick} has no header")


def _header_at(headers: HeadersInParts, tick: int) -> tuple[Header, int]:
    """Return the header of a tick, and the catalogue by which it was written."""
    found = headers.find(tick)
    if found is None:
        raise _no_header(tick)
    some, at = found
    return some.at(at), int(some.catalogues[at])


def _check_events(events: EventBatch, recorded: Header) -> bytes:
    """Compare the events of a tick with its header and return their hash."""
    tick, ordinals = recorded.tick, events.records["ordinal"]
    if len(events) != recorded.events:
        reason = f"{len(events)} events are stored, the header counts {recorded.events}"
        raise _Difference(tick, "events", reason)
    if not np.array_equal(ordinals, np.arange(len(events))):
        raise _Difference(tick, "events", "ordinals are not 0, 1, 2, …")
    events_hash = events.hash()
    if events_hash != recorded.events_hash:
        raise _Difference(
            tick, "events", "the stored events do not have the recorded hash; `polis reexecute` shows event and column"
        )
    return events_hash


def _fold(world: World, events: EventBatch, catalogue: int, tick: int) -> None:
    try:
        fold(world, to_current(events, catalogue))
    except CorruptHistory as damaged:
        raise _Difference(tick, "events", f"event {damaged.ordinal} can't be folded: {damaged.because}") from damaged
    except (PolisError, KeyError, ValueError, IndexError) as error:
        raise _Difference(tick, "events", f"they can't be folded: {error}") from error


def _check_state(world: World, recorded: Header, events_hash: bytes, chain: bytes, *, deep: bool) -> bytes:
    """Compare what a tick left and return its chain hash."""
    computed = header_of(world, events_hash, recorded.events, chain)
    _compare(computed, recorded)
    if deep and not np.array_equal(world.sums.copy(), world.rehash_whole()):
        raise _Difference(recorded.tick, "state", "the kept area hashes are not those of the rows")
    return computed.chain_hash


class _Given(NamedTuple):
    """What is compared of an input: a tenth of its bytes, since those of a whole run are in memory."""

    agent: int
    asked: int
    purpose: str
    call: int
    answer: str
    asked_chain: str | None


def _given(one: Input) -> _Given:
    k = one.key
    return _Given(k.agent, k.asked_tick, k.purpose, k.call, one.answer_hash(), one.about.get("asked_chain"))


def _read_inputs(reader: HistoryReader, run: Run, last: int) -> dict[int, list[_Given]]:
    """Return what is compared of each input, by the tick of its effect; whether it is as recorded is seen here."""
    found: dict[int, list[_Given]] = {}
    try:
        for part in in_parts(reader, run, last):
            for tick, inputs in part.items():
                found[tick] = [_given(each) for each in inputs.rows]
    except CorruptHistory as damaged:
        raise _Difference(damaged.tick, "inputs", damaged.because) from damaged
    text = reader.damaged_text(run)
    if text is not None:
        raise _Difference(text[0], "inputs", text[1])
    return found


def _check_inputs(world: World, events: EventBatch, inputs: list[_Given], chains: Mapping[int, bytes]) -> None:
    """Compare the inputs recorded for the next tick with those that its events say they used.

    `chains` has the chain hash of every tick up to now that asked for an input.
    """
    told = np.flatnonzero(np.isin(events.records["kind"], _TELL_OF_INPUTS))
    if not len(inputs) and not len(told):
        return
    tick = world.tick + 1
    used: set[tuple[Any, ...]] = set()  # agent, asked tick, purpose, call, hash of the answer
    recorded: set[tuple[Any, ...]] = set()
    for at in told.tolist():
        try:
            payload = json.loads(events.payload(at) or b"{}")
            used.add((
                int(events.records["agent"][at]), payload.get("asked"), payload.get("purpose", INTERVENTION),
                payload.get("call"), payload.get("answer"),
            ))  # fmt: skip
        except (AttributeError, TypeError, ValueError):
            return  # the hash of the events will say so
    for given in inputs:
        # Who died before a thought took effect has no use for it; an intervention is told either way.
        if given.purpose == INTERVENTION or world.row(given.agent) is not None:
            recorded.add(given[:-1])
        chain, asked = given.asked_chain, given.asked
        if chain is not None and (not 0 <= asked < tick or chains[asked].hex() != chain):
            raise _Difference(tick, "inputs", f"the one of agent {given.agent} was asked in another past")
    if used != recorded:
        agent, asked, *_ = min(used ^ recorded, key=repr)
        reason = f"the one of agent {agent}, asked at tick {asked}, is not recorded as it was used"
        raise _Difference(tick, "inputs", reason)


def _compare(computed: Header, recorded: Header) -> None:
    for name, ours, theirs in zip(AREAS, computed.areas, recorded.areas, strict=True):
        if ours != theirs:
            raise _Difference(recorded.tick, name, f"folds to {ours:016x}, recorded is {theirs:016x}")
    if computed.state_hash != recorded.state_hash:
        raise _Difference(recorded.tick, "state", "the recorded state hash is not that of the areas")
    if computed.chain_hash != recorded.chain_hash:
        raise _Difference(recorded.tick, "chain", "the recorded chain hash does not follow from the tick before")


def _check_snapshots(reader: HistoryReader, run: Run, last: int, kept: set[int]) -> int:
    bad: list[_Difference] = []
    count = 0
    for snapshot in reader.snapshots(run, last):
        count += 1
        problem = snapshot.problem
        if not problem and [snapshot.state_hash] != reader.headers(run, snapshot.tick, snapshot.tick).state_hash:
            problem = "its hash is not that of the tick's header"
        if problem:
            bad.append(_Difference(snapshot.tick, "snapshot", problem))
    if bad:
        raise min(bad, key=lambda d: d.tick)
    # A run that goes on meanwhile may have got new ones above the head that we began with.
    now = reader.head(run)
    above = [tick for tick in kept if tick > (-1 if now is None else now.tick)]
    if above:
        raise _Difference(min(above), "snapshot", "it lies above the head")
    return count
