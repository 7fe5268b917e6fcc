"""Consequences: what came of an event, which is whatever names it as something that it rests on.

An event that rests on another is the same agent's, or that of the other party to it, but for a few kinds whose effects
are anybody's. So the search reads what the parties did within a bounded time, and not everything that happened.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain import events as ev
from replay.all_links import DERIVED, links_of
from replay.body_links import opening_of
from replay.link import MEETINGS, Link, name_of_recorded
from replay.timelines import CHUNK, Event, Place, Timelines, cause_of, place_of

_ANYBODYS = {k.name for k in (ev.WORLD_FOUNDED, ev.AGENT_DIED, ev.INTERVENTION_MADE)} | {"ScenarioChanged"}
"""Kinds with effects on those who are no party to them, within the same tick."""
_NEWS = {ev.AGENT_DIED.name, ev.INTERVENTION_MADE.name}
"""Kinds that news begins with; it goes on among anybody."""
_OF_BOTH = (ev.CONVERSATION_CLOSED, ev.PLEDGE_LAPSED, ev.PLEDGE_KEPT)
"""Kinds told of one of two agents that may rest on what the other did."""


class Consequences:
    """What came of events of a run, up to a tick.

    Parameters
    ----------
    look : Timelines
    first, last : the ticks that are looked at
    """

    def __init__(self, look: Timelines, first: int, last: int) -> None:
        self.look, self._first, self.last = look, first, last
        self._inverse: dict[Place, dict[Place, Link]] = {}  # what is rested on → by what
        self._seen: set[tuple[int, int]] = set()  # agent, chunk
        self._of_both: dict[int, list[Event]] = {}

    def of(self, events: list[Event]) -> dict[Place, list[Link]]:
        """Return what rests on each of these events, in order."""
        if events:
            everybody = {agent for event in events for agent in _parties(event)}
            # One chunk more: what is read here often rests on something a little before.
            self.look.load_chunks(everybody, min(e["tick"] for e in events) // CHUNK - 1, self.last // CHUNK)
        for event in events:
            for agent in _parties(event):
                for chunk in range(event["tick"] // CHUNK, self.last // CHUNK + 1):
                    self._invert(agent, chunk)
            if event["kind"] in _ANYBODYS:
                packed = event["tick"] << 32 | event["ordinal"]
                self._take(self.look.find(event["tick"], event["tick"], causes=[packed]))
            if event["kind"] in _NEWS:
                address = "{}:{}".format(*place_of(event))
                heard = self.look.find(event["tick"], self.last, kinds=[ev.NEWS_HEARD.number], naming=[address])
                self._take(heard)
        found = {}
        for event in events:
            place = place_of(event)
            links = self._inverse.get(place, {})
            found[place] = [links[at] for at in sorted(links) if at[0] <= self.last]
        return found

    def _invert(self, agent: int, chunk: int) -> None:
        """Note what the events of an agent in a chunk rest on."""
        if (agent, chunk) in self._seen:
            return
        self._seen.add((agent, chunk))
        own = self.look.chunk(agent, chunk)
        own = [*own, *(event for event in self._told_of_both(agent) if event["tick"] // CHUNK == chunk)]
        self.look.load(place for event in own if (place := cause_of(event)) is not None)
        # Whoever was met has the meeting's second leg only; its first is the other's event, and rests on both.
        firsts = [opening_of(event, self.look) for event in own if event["kind"] in MEETINGS]
        self._take([*own, *firsts])

    def _told_of_both(self, agent: int) -> list[Event]:
        """Return what was told of an agent and another, whichever of the two the event says it is of."""
        if not self.look.run.configuration.thinks:
            return []
        if agent not in self._of_both:
            kinds = [kind.number for kind in _OF_BOTH]
            self._of_both[agent] = self.look.find(self._first, self.last, parties=[agent], kinds=kinds)
        return self._of_both[agent]

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            if event["tick"] > self.last:
                continue
            place = place_of(event)
            if event["kind"] in DERIVED:
                for link in links_of(event, self.look):
                    self._inverse.setdefault(link.place, {})[place] = Link(place, link.name, link.about)
            elif (by := cause_of(event)) is not None and (cause := self.look.at(by)) is not None:
                self._inverse.setdefault(by, {})[place] = Link(place, name_of_recorded(event, cause))


def _parties(event: Event) -> list[int]:
    return [who for who in (event.get("agent"), event.get("target")) if who is not None]
