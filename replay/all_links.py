"""Links: what an event rests on. Its recorded cause, and what else the record says led to it, each by its address.

An event holds one cause. Where several things led to it, the others follow exactly from what is recorded: addresses
in payloads, the input that a thought took, and the agent's own events before, which are all that rules look at.
docs/why.md has the table.
"""

from __future__ import annotations

from replay.body_links import OF_BODIES
from replay.link import Link, name_of_recorded
from replay.mind_links import OF_MINDS
from replay.timelines import Event, Place, Timelines, cause_of, place_of

DERIVED = OF_BODIES | OF_MINDS
"""Name of a kind → what finds the links that it has beside its recorded cause."""


def links_of(event: Event, look: Timelines) -> list[Link]:
    """Return what an event rests on: its recorded cause first, each place once."""
    found: dict[Place, Link] = {}
    place = cause_of(event)
    cause = None if place is None else look.at(place)
    if place is not None and cause is not None:
        found[place] = Link(place, name_of_recorded(event, cause))
    derive = DERIVED.get(event["kind"])
    for link in derive(event, look) if derive else ():
        if link.place == place_of(event):
            continue
        # What one did last is the least that can be said of it.
        if link.place not in found or found[link.place].name in ("before", "situation"):
            found[link.place] = link
    return list(found.values())
