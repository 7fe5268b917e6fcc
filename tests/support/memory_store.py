"""An event store in memory: the same promises as Postgres', by the shortest way there is."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np

from domain.advance import Header
from domain.columns import AREAS
from domain.configuration import Configuration, genesis_hash, require_target
from domain.errors import (
    CorruptHistory,
    InputsChanged,
    InvalidConfiguration,
    InvalidInput,
    KeyTaken,
    LeaseLost,
    RunExists,
    RunIsHeld,
    TickHasBegun,
    UnknownRun,
)
from domain.events import CATALOGUE_VERSION, EventBatch
from domain.inputs import INTERVENTION, Input, InputKey, Inputs, validated
from domain.ports import Block, DamagedRun, Headers, Lease, Run, Snapshot
from domain.state import World

_FOR_EVER = 2**31 - 1
_IN_FLIGHT = 8
_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,62}")


@dataclass
class _Shelf:
    """What is kept of one run."""

    run: Run
    lease: Lease
    held: bool = False
    ticks: dict[int, tuple[Header, EventBatch]] = field(default_factory=dict)
    inputs: dict[InputKey, Input] = field(default_factory=dict)
    late: Counter[InputKey] = field(default_factory=Counter)
    snapshots: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    measures: dict[tuple[str, int], Block] = field(default_factory=dict)
    pause: tuple[int, int, str] | None = None  # epoch, tick, why


class MemoryStore:
    """Implements `domain.ports.EventStore`; a writer's connection can't break, so nobody waits."""

    def __init__(self) -> None:
        self.shelves: dict[int, _Shelf] = {}

    # -- runs --------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        *,
        seed: int,
        configuration: Configuration,
        target: int,
        parent: Run | None = None,
        fork_tick: int | None = None,
        engines: dict[str, Any] | None = None,
        inputs: Sequence[Input] = (),
    ) -> Run:
        if not _NAME.fullmatch(name):
            raise InvalidConfiguration("name", name, "is no name for a run")
        if name in self.names():
            raise RunExists(name)
        require_target(target)
        number = len(self.shelves) + 1
        genesis = genesis_hash(seed, configuration)
        origin = None if parent is None else parent.id
        run = Run(number, name, seed, configuration, genesis, parent=origin, fork_tick=fork_tick, engines=engines or {})
        kept = {given.key: validated(given, n_cells=configuration.n_cells) for given in inputs}
        for key in kept if parent is not None and fork_tick is not None else ():
            if key.asked_tick <= fork_tick and self._reads(parent, key):
                raise KeyTaken(name, key.as_tuple())
        self.shelves[number] = _Shelf(run, Lease("paused", target, 0), inputs=kept)
        return run

    def names(self) -> set[str]:
        return {s.run.name for s in self.shelves.values()}

    def find(self, name: str) -> Run:
        found = [s.run for s in self.shelves.values() if s.run.name == name]
        found = found or [s.run for s in self.shelves.values() if str(s.run.id) == name]
        found = found or [s.run for s in self.shelves.values() if name and s.run.name.startswith(name)]
        if len(found) != 1:
            raise UnknownRun(name, tuple(sorted(r.name for r in found)))
        return found[0]

    def runs(self) -> list[tuple[Run, Lease, Header | None]]:
        return [(s.run, self.lease(s.run), self.head(s.run)) for s in self.shelves.values()]

    def damaged_runs(self) -> list[DamagedRun]:
        return []

    def lease(self, run: Run) -> Lease:
        shelf = self.shelves[run.id]
        if shelf.held:
            return dataclasses.replace(shelf.lease, status="running")
        return dataclasses.replace(shelf.lease, holder=None)

    # -- history -----------------------------------------------------------------------------------

    def _segments(self, run: Run, first: int = 0, last: int = _FOR_EVER) -> list[tuple[_Shelf, int, int]]:
        """Return (shelf, first tick, last tick), the oldest ancestor first."""
        cut = [(s, max(low, first), min(high, last)) for s, low, high in self._line(run)]
        return [c for c in cut if c[1] <= c[2]]

    def _line(self, run: Run) -> list[tuple[_Shelf, int, int]]:
        """Return the same, those without a tick included that were left at the very tick at which they began."""
        segments: list[tuple[_Shelf, int, int]] = []
        high, at = _FOR_EVER, self.shelves[run.id]
        while True:
            low = 0 if at.run.fork_tick is None else at.run.fork_tick + 1
            if low - 1 <= high:
                segments.insert(0, (at, low, high))
            if at.run.parent is None:
                break
            high, at = min(high, low - 1), self.shelves[at.run.parent]
        return segments

    def _stored(self, run: Run, first: int, last: int) -> Iterator[tuple[Header, EventBatch]]:
        for shelf, low, high in self._segments(run, first, last):
            for tick in sorted(t for t in shelf.ticks if low <= t <= high):
                yield shelf.ticks[tick]

    def head(self, run: Run) -> Header | None:
        headers = [h for h, _ in self._stored(run, 0, _FOR_EVER)]
        return headers[-1] if headers else None

    def headers(self, run: Run, first: int, last: int) -> Headers:
        found = [h for h, _ in self._stored(run, first, last)]
        return Headers(
            ticks=np.array([h.tick for h in found], np.int64),
            events=np.array([h.events for h in found], np.int64),
            catalogues=np.full(len(found), CATALOGUE_VERSION, np.int64),
            events_hash=[h.events_hash for h in found],
            state_hash=[h.state_hash for h in found],
            chain_hash=[h.chain_hash for h in found],
            areas=np.array([h.areas for h in found], np.uint64).reshape(len(found), len(AREAS)),
        )

    def read(self, run: Run, first: int, last: int, *, headers: Headers | None = None) -> Iterator[EventBatch]:
        for _, events in self._stored(run, first, last):
            if len(events):
                yield events

    def selected(
        self,
        run: Run,
        first: int,
        last: int,
        *,
        agent: int | None = None,
        kinds: Sequence[int] = (),
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[EventBatch]:
        head = self.head(run)
        last = min(last, -1 if head is None else head.tick)
        with self.lookup(run) as lookup:
            found = lookup.find(first, last, agents=[] if agent is None else [agent], kinds=kinds)
        if on_progress and first <= last:
            on_progress(last, last)
        if len(found):
            yield found

    def lookup(self, run: Run) -> AbstractContextManager[MemoryLookup]:
        return nullcontext(MemoryLookup(EventBatch.concat([e for _, e in self._stored(run, 0, _FOR_EVER)])))

    def snapshots(self, run: Run, last: int) -> Iterator[Snapshot]:
        for shelf, low, high in reversed(self._segments(run, 0, last)):
            for tick in sorted((t for t in shelf.snapshots if low <= t <= high), reverse=True):
                claimed, data = shelf.snapshots[tick]
                try:
                    world = World.from_bytes(data)
                    good = (world.tick, world.state_hash) == (tick, claimed)
                    yield Snapshot(tick, claimed, world if good else None, "" if good else "it is of another state")
                except CorruptHistory as error:
                    yield Snapshot(tick, claimed, None, f"it can't be read: {error}")

    def lineage(self, run: Run) -> list[tuple[int, int, int]]:
        return [(shelf.run.id, low, high) for shelf, low, high in self._segments(run)]

    def damaged_text(self, run: Run) -> tuple[int, str] | None:
        return None

    def first_own_tick(self, run: Run) -> int | None:
        return min(self.shelves[run.id].ticks, default=None)

    def stray_tick(self, run: Run) -> int | None:
        return None  # a shelf keeps a tick's header and its events as one

    def unlisted_tick(self, run: Run) -> int | None:
        return None  # and is what says that there is one

    def snapshot_ticks(self, run: Run) -> list[int]:
        return [t for s, low, high in self._segments(run) for t in sorted(s.snapshots) if low <= t <= high]

    # -- inputs ------------------------------------------------------------------------------------

    def _readable(self, run: Run) -> Iterator[Input]:
        for shelf, low, high in self._line(run):
            yield from (i for i in shelf.inputs.values() if low - 1 <= i.key.asked_tick <= high)

    def inputs(self, run: Run, effect_tick: int) -> Inputs:
        return Inputs(i for i in self._readable(run) if i.effect_tick == effect_tick)

    def inputs_after(self, run: Run, tick: int, *, last: int = _FOR_EVER) -> dict[int, Inputs]:
        by_tick: dict[int, list[Input]] = {}
        for given in self._readable(run):
            if tick < given.effect_tick <= last:
                by_tick.setdefault(given.effect_tick, []).append(given)
        return {effect: Inputs(rows) for effect, rows in by_tick.items()}

    def deliberations(
        self, run: Run, *, agent: int | None = None, first: int = 0, last: int = _FOR_EVER
    ) -> list[dict[str, Any]]:
        found = []
        for i in sorted(self._readable(run), key=lambda i: i.key):
            key = dict(zip(("asked_tick", "agent", "purpose", "call"), i.key.as_tuple(), strict=True))
            if i.key.purpose != "intervention" and first <= i.key.asked_tick <= last and agent in (None, i.key.agent):
                about = {name: i.about.get(name) for name in ("prompt", "raw", "engine", "retrieved")}
                found.append(key | {"effect_tick": i.effect_tick, "answer": i.answer} | about)
        return found

    def interventions(self, run: Run) -> list[tuple[int, Input]]:
        found = [
            (shelf.run.id, given)
            for shelf, low, high in self._line(run)
            for given in shelf.inputs.values()
            if given.key.purpose == INTERVENTION and low - 1 <= given.key.asked_tick <= high
        ]
        return sorted(found, key=lambda each: (each[1].effect_tick, each[1].key))

    def late_inputs(self, run: Run) -> int:
        return self.shelves[run.id].late.total()

    def count_late(self, run: Run, keys: Sequence[InputKey]) -> None:
        late = self.shelves[run.id].late
        late.update({key: 1 for key in keys if not late[key]})

    def thoughts_through(self, run: Run, tick: int) -> tuple[int, dict[str, int]]:
        rows = [i for i in self._readable(run) if i.effect_tick <= tick and i.key.purpose != INTERVENTION]
        reasons = Counter(str(i.answer["refused"]) for i in rows if "refused" in i.answer)
        return len(rows) - reasons.total(), dict(reasons)

    def last_thoughts(self, run: Run, tick: int) -> list[Input]:
        rows = [i for i in self._readable(run) if i.key.purpose != INTERVENTION]
        asked: dict[int, int] = {}
        for i in rows:
            asked[i.key.agent] = max(i.key.asked_tick, asked.get(i.key.agent, -1))
        found = [i for i in rows if asked[i.key.agent] < i.effect_tick <= tick]
        return sorted(found, key=lambda i: (i.effect_tick, i.key.agent))

    def _reads(self, run: Run, key: InputKey) -> bool:
        return any(low - 1 <= key.asked_tick <= high and key in s.inputs for s, low, high in self._line(run))

    def record_input(self, run: Run, given: Input, *, asked_chain: bytes | None = None) -> bool:
        validated(given, n_cells=run.configuration.n_cells)
        shelf, asked = self.shelves[run.id], given.key.asked_tick
        readers = [
            reader.run
            for reader in self.shelves.values()
            for source, low, high in self._line(reader.run)
            if source is shelf and low - 1 <= asked <= high
        ]
        read = given.key.purpose == INTERVENTION and any(self._reads(reader, given.key) for reader in readers)
        if given.key in shelf.inputs or read:
            shelf.late[given.key] += given.key.purpose != INTERVENTION
            return False
        if not readers:
            raise InvalidInput(given.key.as_tuple(), "it was asked before this fork began; its parent takes it")
        heads = [-1 if (h := self.head(reader)) is None else h.tick for reader in readers]
        head = (max if given.key.purpose == INTERVENTION else min)(heads)
        if given.effect_tick <= head:
            shelf.late[given.key] += given.key.purpose != INTERVENTION
            raise TickHasBegun(run.name, given.effect_tick, head)
        chain = None if asked_chain is None else asked_chain.hex()
        shelf.inputs[given.key] = dataclasses.replace(given, about={**given.about, "asked_chain": chain})
        return True

    def request_pause(self, run: Run, *, tick: int, because: str) -> bool:
        shelf = self.shelves[run.id]
        shelf.pause = (shelf.lease.epoch, tick, because)
        return shelf.held

    # -- measures ----------------------------------------------------------------------------------

    def measure_blocks(self, source: int, names: Sequence[str], first: int, last: int) -> list[Block]:
        kept = self.shelves[source].measures.values()
        return sorted((b for b in kept if b.name in names and first <= b.first <= last), key=lambda b: b.first)

    def keep_measures(self, source: int, blocks: Sequence[Block]) -> None:
        kept = self.shelves[source].measures
        for block in blocks:
            there = kept.get((block.name, block.first))
            if there is None or there.version != block.version or len(there.amounts) < len(block.amounts):
                kept[block.name, block.first] = block

    def forget_measures(self, source: int) -> None:
        self.shelves[source].measures.clear()

    # -- writing -----------------------------------------------------------------------------------

    def writer(
        self,
        run: Run,
        *,
        durability: str,
        target: int | None = None,
        take_over: bool = False,
        say: object = None,
        on_wait: object = None,
    ) -> MemoryWriter:
        if durability not in ("tick", "group"):
            raise InvalidConfiguration("durability", durability, "must be one of tick, group")
        return MemoryWriter(self, run, durability, target, take_over)


class MemoryLookup:
    """Implements `domain.ports.EventLookup`."""

    def __init__(self, events: EventBatch) -> None:
        self.events = events

    def at(self, places: Sequence[tuple[int, int]]) -> EventBatch:
        packed = self.events.records["tick"].astype(np.int64) << 32 | self.events.records["ordinal"]
        return self._chosen(np.flatnonzero(np.isin(packed, [t << 32 | o for t, o in places])).tolist())

    def find(
        self,
        first: int,
        last: int,
        *,
        ticks: Sequence[int] = (),
        agents: Sequence[int] = (),
        kinds: Sequence[int] = (),
        causes: Sequence[int] = (),
        naming: Sequence[str] = (),
        parties: Sequence[int] = (),
        newest: int | None = None,
    ) -> EventBatch:
        records = self.events.records
        fits = (records["tick"] >= first) & (records["tick"] <= last)
        for column, wanted in (("tick", ticks), ("agent", agents), ("kind", kinds), ("cause", causes)):
            if len(wanted):
                fits &= np.isin(records[column], [each for each in wanted if column != "agent" or each >= 0])
        if len(parties):
            fits &= np.isin(records["agent"], parties) | np.isin(records["target"], parties)
        kept = np.flatnonzero(fits).tolist()
        if len(naming):
            names = [f'"{address}"'.encode() for address in naming]
            kept = [i for i in kept if any(name in self.events.payload(i) for name in names)]
        return self._chosen(kept if newest is None else kept[max(0, len(kept) - newest) :])

    def _chosen(self, kept: list[int]) -> EventBatch:
        payloads = ((k, self.events.payload(i)) for k, i in enumerate(kept) if self.events.payload(i))
        return EventBatch.of(self.events.records[kept], payloads)


@dataclass
class _Figures:
    problems: list[str] = field(default_factory=list)
    waited_s: float = 0.0
    reconnections: int = 0
    snapshots: int = 0
    snapshots_failed: int = 0
    stretches_left: int = 0


class MemoryWriter:
    """Implements `domain.ports.Appender`; in mode `group` it holds up to eight ticks back."""

    def __init__(self, store: MemoryStore, run: Run, durability: str, target: int | None, take_over: bool) -> None:
        self.store, self.run, self.shelf = store, run, store.shelves[run.id]
        self.durability, self.target, self.take_over = durability, target, take_over
        self.figures = _Figures()
        self._pending: list[tuple[EventBatch, Header, int]] = []
        self._snapshots: list[tuple[int, bytes, bytes]] = []

    def __enter__(self) -> Self:
        if self.shelf.held and not self.take_over:
            raise RunIsHeld(self.run.name, self.shelf.lease.holder or "somebody")
        lease = self.shelf.lease
        target = lease.target if self.target is None else self.target
        self.epoch = lease.epoch + 1
        self.shelf.lease, self.shelf.held = Lease("running", target, self.epoch, "this process"), True
        head = self.store.head(self.run)
        self.durable_tick = -1 if head is None else head.tick
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            if self.shelf.lease.epoch == self.epoch:
                self.shelf.held = False
                if self.shelf.lease.status == "running":
                    self.shelf.lease = dataclasses.replace(self.shelf.lease, status="paused")

    @property
    def pause_tick(self) -> int:
        asked = self.shelf.pause
        return asked[1] if asked is not None and asked[0] == self.epoch else _FOR_EVER

    @property
    def pause_because(self) -> str:
        return self.shelf.pause[2] if self.shelf.pause is not None else ""

    def begin(self, tick: int, *, inputs_used: int = 0) -> None:
        pass

    def append(self, events: EventBatch, header: Header, *, inputs_used: int = 0) -> None:
        self._pending.append((events, header, inputs_used))
        if self.durability == "tick" or len(self._pending) >= _IN_FLIGHT:
            self.flush()

    def flush(self) -> None:
        if not self._pending:
            return
        first, last = self._pending[0][1].tick, self._pending[-1][1].tick
        if self.shelf.lease.epoch != self.epoch:
            raise LeaseLost(self.run.name, first, self.epoch)
        recorded = sum(len(self.store.inputs(self.run, t)) for t in range(first, last + 1))
        if recorded != sum(used for _, _, used in self._pending):
            if self.durability == "tick":
                self._pending = []
            raise InputsChanged(self.run.name, first, last)
        for events, header, _ in self._pending:
            assert header.tick not in self.shelf.ticks
            self.shelf.ticks[header.tick] = (header, events)
        self._pending, self.durable_tick = [], last
        for tick, state_hash, data in self._snapshots:
            self.shelf.snapshots.setdefault(tick, (state_hash, data))
            self.figures.snapshots += 1
        self._snapshots = []

    def hurry(self) -> None:
        pass

    def restart(self) -> None:
        self._pending, self._snapshots = [], []

    def set_status(self, status: str, *, problem: str | None = None) -> None:
        if self.shelf.lease.epoch == self.epoch:
            self.shelf.lease = dataclasses.replace(self.shelf.lease, status=status, problem=problem)

    def keep_snapshot(self, world: World) -> None:
        self._snapshots.append((world.tick, world.state_hash, world.to_bytes()))
        if not self._pending:
            for tick, state_hash, data in self._snapshots:
                self.shelf.snapshots.setdefault(tick, (state_hash, data))
                self.figures.snapshots += 1
            self._snapshots = []
