"""Timelines: a run's events by place and by agent, each read once, for whoever follows causes through a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from domain.codes import MemoryKind
from domain.events import AGENT_DIED, CATALOGUE_VERSION, MEMORY_FORMED, EventBatch, EventKind
from domain.ports import EventLookup, EventStore, Run
from replay.seek import to_current

Event = dict[str, Any]
"""An event as `domain.events.as_json` tells it."""
Place = tuple[int, int]
"""Tick and ordinal."""

LOOK_BACK = 4_000
"""Ticks that are searched for what an event rests on, where nothing recorded says where it is."""
CHUNK = 64
_MEMORIES_AT_ONCE, _TIMES = 24, 10


def place_of(event: Event) -> Place:
    """Return where an event stands."""
    return int(event["tick"]), int(event["ordinal"])


def cause_of(event: Event) -> Place | None:
    """Return the recorded cause of an event."""
    return (int(event["cause_tick"]), int(event["cause_ordinal"])) if "cause_tick" in event else None


def parse_place(address: str) -> Place:
    """Return the place that "tick:ordinal" stands for."""
    tick, _, ordinal = address.partition(":")
    return int(tick), int(ordinal)


class Timelines:
    """What was read of one run so far.

    Parameters
    ----------
    reader : EventStore
    run : Run
    lookup : EventLookup of that run
    head : newest tick that there is
    """

    def __init__(self, reader: EventStore, run: Run, lookup: EventLookup, head: int) -> None:
        self.reader, self.run, self.lookup, self.head = reader, run, lookup, head
        self.exhausted: set[Place] = set()  # events for which LOOK_BACK ended a search
        self._events: dict[Place, Event | None] = {}
        self._chunks: dict[tuple[int, int], list[Event]] = {}  # agent, number of the chunk → its own events
        self._deliberations: dict[tuple[Any, ...], dict[str, Any] | None] = {}

    # -- by place ----------------------------------------------------------------------------------

    def load(self, places: Iterable[Place]) -> None:
        """Read all of these that are not there yet, at once."""
        missing = sorted({place for place in places if place not in self._events})
        if missing:
            self._events |= dict.fromkeys(missing)
            self._told(self.lookup.at(missing))

    def at(self, place: Place) -> Event | None:
        """Return the event at a place; None if there is none."""
        self.load([place])
        return self._events[place]

    def find(self, first: int, last: int, **wanted: Any) -> list[Event]:
        """Return events that the store finds; see `domain.ports.EventLookup.find`."""
        return self._told(self.lookup.find(first, last, **wanted)) if first <= last else []

    def _told(self, batch: EventBatch) -> list[Event]:
        found = []
        for event in self._today(batch):
            self._events[place_of(event)] = event
            found.append(event)
        return found

    def _today(self, batch: EventBatch) -> EventBatch:
        """Return events by today's definitions."""
        if self._is_current or not len(batch):
            return batch
        parts = []
        for tick in sorted(set(batch.records["tick"].tolist())):
            rows = (batch.records["tick"] == tick).nonzero()[0]
            catalogue = int(self.reader.headers(self.run, tick, tick).catalogues[0])
            parts.append(to_current(batch.slice(int(rows[0]), int(rows[-1]) + 1), catalogue))
        return EventBatch.concat(parts)

    @cached_property
    def _is_current(self) -> bool:
        """Whether today's catalogue wrote everything: it did if it wrote tick 0, since none is gone back to."""
        return int(self.reader.headers(self.run, 0, 0).catalogues[0]) == CATALOGUE_VERSION

    # -- by agent ----------------------------------------------------------------------------------

    def backwards(self, agent: int, before: Place) -> Iterator[Event]:
        """Yield an agent's own events before a place, newest first, as far as LOOK_BACK goes."""
        at, lowest, step = before[0] // CHUNK, max(0, before[0] - LOOK_BACK) // CHUNK, 1
        while at >= lowest:
            low = max(lowest, at - step + 1)
            self.load_chunks([agent], low, at)
            for chunk in range(at, low - 1, -1):
                for event in reversed(self._chunks[agent, chunk]):
                    if place_of(event) < before:
                        yield event
            at, step = low - 1, min(16, step * 4)

    def chunk(self, agent: int, number: int) -> list[Event]:
        """Return an agent's own events in the ticks of a chunk, in order."""
        self.load_chunks([agent], number, number)
        return self._chunks[agent, number]

    def newest(self, agent: int, before: Place, fits: Callable[[Event], bool]) -> Event | None:
        """Return the newest of an agent's own events before a place that fits."""
        found = next((event for event in self.backwards(agent, before) if fits(event)), None)
        if found is None and before[0] > LOOK_BACK:
            self.exhausted.add(before)
        return found

    def newest_of(self, agent: int, before: Place, kinds: Sequence[EventKind]) -> Event | None:
        """Return the newest of an agent's own events of some kinds before a place."""
        names = {kind.name for kind in kinds}
        return self.newest(agent, before, lambda event: event["kind"] in names)

    def newest_ever(self, agent: int, kinds: Sequence[EventKind], last: int) -> Event | None:
        """Return the newest of an agent's own events of some kinds up to a tick, however long ago."""
        found = self.find(0, last, agents=[agent], kinds=[kind.number for kind in kinds], newest=1)
        return found[0] if found else None

    def death_among(self, agents: Sequence[int], last: int) -> Event | None:
        """Return the newest death of one of these agents, up to a tick."""
        found = self.find(0, last, agents=agents, kinds=[AGENT_DIED.number], newest=1)
        return found[0] if found else None

    def deliberation(self, event: Event) -> dict[str, Any] | None:
        """Return the input that a thought took, with its very prompt; None if the store has it not."""
        key = (event["asked"], event["agent"], event["purpose"], event["call"])
        if key not in self._deliberations:
            rows = self.reader.deliberations(self.run, agent=key[1], first=key[0], last=key[0])
            fits = [row for row in rows if (row["purpose"], row["call"]) == key[2:]]
            self._deliberations[key] = fits[0] if fits else None
        return self._deliberations[key]

    def load_chunks(self, agents: Iterable[int], low: int, high: int) -> None:
        """Read what is not there yet of these agents' chunks `low` … `high`, at once."""
        missing = {(agent, n) for agent in agents for n in range(max(0, low), high + 1)} - self._chunks.keys()
        if not missing:
            return
        self._chunks |= {each: [] for each in missing}
        numbers = [n for _, n in missing]
        first, last = min(numbers) * CHUNK, min(self.head, max(numbers) * CHUNK + CHUNK - 1)
        for event in self.find(first, last, agents=sorted({agent for agent, _ in missing})):
            chunk = event["agent"], event["tick"] // CHUNK
            if chunk in missing:
                self._chunks[chunk].append(event)

    def speeches_to(self, agent: int, before: Place, count: int) -> list[Event]:
        """Return the newest speeches that were made to an agent before a place, newest first.

        Whoever hears words remembers them in the same tick, so the agent's own memories say which they were.
        """
        found: dict[Place, None] = {}
        last = before[0]
        for _ in range(_TIMES):
            memories = self.find(0, last, agents=[agent], kinds=[MEMORY_FORMED.number], newest=_MEMORIES_AT_ONCE)
            for memory in reversed(memories):
                place = cause_of(memory)
                if memory["memory_kind"] == MemoryKind.CONVERSATION.name.lower() and place and place < before:
                    found[place] = None
            if len(found) >= count or len(memories) < _MEMORIES_AT_ONCE or memories[0]["tick"] == last == 0:
                break
            last = memories[0]["tick"] if memories[0]["tick"] < last else last - 1
        places = sorted(found, reverse=True)[:count]
        self.load(places)
        return [event for place in places if (event := self._events[place]) is not None]
