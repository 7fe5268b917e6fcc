"""Timelines: a run's events by place and by agent, each read once, for whoever follows causes through a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from domain.codes import MemoryKind
from domain.events import AGENT_DIED, MEMORY_FORMED, EventBatch, EventKind
from domain.ports import EventLookup, EventStore, Run
from replay.catalogues import Catalogues

Event = dict[str, Any]
"""An event as `domain.events.as_json` tells it."""
Place = tuple[int, int]
"""Tick and ordinal."""

PAGES_MAX, _PAGE = 40, 512
"""How many pages, of how many ticks, are searched back for what an event of an agent's rests on."""
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
        self._catalogues = Catalogues(reader, run, 0, head)
        self.exhausted: set[Place] = set()  # events for which PAGES_MAX ended a search
        self._events: dict[Place, Event | None] = {}
        self._chunks: dict[tuple[int, int], list[Event]] = {}  # agent, number of the chunk → its own events
        self._pages: dict[tuple[int, tuple[int, ...], int], list[Event]] = {}
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
        for event in self._catalogues.today(batch):
            self._events[place_of(event)] = event
            found.append(event)
        return found

    # -- by agent ----------------------------------------------------------------------------------

    def backwards(self, agent: int, before: Place, kinds: Iterable[EventKind]) -> Iterator[Event]:
        """Yield an agent's own events of some kinds before a place, newest first.

        The last chunks are read whole, since much else is looked for in them; what lies further back, page by page.
        """
        numbers = {kind.number: kind.name for kind in kinds}
        chunk = before[0] // CHUNK
        for number in (chunk, chunk - 1):
            for event in reversed(self.chunk(agent, number)):
                if event["kind"] in numbers.values() and place_of(event) < before:
                    yield event
        last = (chunk - 1) * CHUNK - 1
        newest, oldest = last // _PAGE, max(0, last // _PAGE - PAGES_MAX + 1)
        for page in range(newest, oldest - 1, -1):
            for event in reversed(self._page(agent, tuple(numbers), page)):
                if event["tick"] <= last:
                    yield event
        if oldest > 0:
            self.exhausted.add(before)

    def _page(self, agent: int, kinds: tuple[int, ...], number: int) -> list[Event]:
        key = agent, kinds, number
        if key not in self._pages:
            first = number * _PAGE
            last = min(self.head, first + _PAGE - 1)
            self._pages[key] = self.find(first, last, agents=[agent], kinds=kinds)
        return self._pages[key]

    def chunk(self, agent: int, number: int) -> list[Event]:
        """Return an agent's own events in the ticks of a chunk, in order."""
        if number < 0:
            return []
        self.load_chunks([agent], number, number)
        return self._chunks[agent, number]

    def newest(
        self, agent: int, before: Place, kinds: Iterable[EventKind], fits: Callable[[Event], bool] = lambda event: True
    ) -> Event | None:
        """Return the newest of an agent's own events of some kinds before a place that fits."""
        return next((event for event in self.backwards(agent, before, kinds) if fits(event)), None)

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
