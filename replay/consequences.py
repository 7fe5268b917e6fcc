"""Consequences: what came of an event, which is whatever names it as something that it rests on.

An event that rests on another is the same agent's, or that of the other party to it, but for a few kinds whose effects
are anybody's. So the search reads what the parties did, within a bounded time, and not everything that happened.
"""

from __future__ import annotations

from domain import events as ev
from replay.links import Link, name_of_recorded
from replay.timelines import Event, Place, Timelines, cause_of, place_of

_ANYBODYS = {k.name for k in (ev.WORLD_FOUNDED, ev.AGENT_DIED, ev.INTERVENTION_MADE)} | {"ScenarioChanged"}
"""Kinds with effects on those who are no party to them, within the same tick."""


def effects_of(events: list[Event], look: Timelines, last: int) -> dict[Place, list[Link]]:
    """Return what rests on each of these events up to a tick, in order."""
    packed = {_packed(e): e for e in events}
    parties = sorted({who for e in events for who in (e.get("agent"), e.get("target")) if who is not None})
    found: dict[Place, Event] = {}
    if parties:
        first = min(e["tick"] for e in events)
        found |= {place_of(e): e for e in look.find(first, last, agents=parties, causes=list(packed))}
    for event in events:
        if event["kind"] in _ANYBODYS:
            here = look.find(event["tick"], event["tick"], causes=[_packed(event)])
            found |= {place_of(e): e for e in here}
    links: dict[Place, list[Link]] = {}
    for place in sorted(found):
        by = cause_of(found[place])
        assert by is not None
        cause = packed[by[0] << 32 | by[1]]
        links.setdefault(by, []).append(Link(place, name_of_recorded(found[place], cause)))
    return links


def _packed(event: Event) -> int:
    tick, ordinal = place_of(event)
    return tick << 32 | ordinal
