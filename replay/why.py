"""Why: what led to an event, and what came of it. Only what is recorded is followed; nothing is guessed.

Backwards, `replay.all_links` says what an event rests on. Forwards, its effects are those whose recorded cause or
payload names it. Both are bounded, and the answer says where a bound has cut something off.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain import events as ev
from domain.errors import BeyondHead, UnknownEvent
from domain.ports import EventStore, Run
from replay.all_links import DERIVED, links_of
from replay.consequences import Consequences
from replay.link import Link
from replay.timelines import CHUNK, Event, Place, Timelines, cause_of, place_of

DEPTH, BREADTH, HORIZON = 6, 8, 400
"""How many steps back and forth, how many links of one event, and how many ticks forwards."""
NODES_MAX = 400


@dataclass(frozen=True)
class Causes:
    """What led to an event, and what came of it.

    Attributes
    ----------
    run : name of the run
    event : as `polis events --json` tells it; a thought with its prompt, answer and memories
    causes, effects : events of the same form, each with `link`, the way in which it is linked, and with its own
        causes or effects. Nothing stands below one that is opened elsewhere in the tree (it has `again`), nor below one
        on which nothing hung: a store of goods, a line that was left out of a prompt.
    bounds : depth, breadth and horizon (ticks forwards)
    cut : what a bound has left out: `at` which event, `by` which bound, `of` causes or effects, and how many: links
        for breadth; for depth, events that were not followed further
    """

    run: str
    event: Event
    causes: list[Event]
    effects: list[Event]
    bounds: dict[str, int]
    cut: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "event": self.event, "causes": self.causes, "effects": self.effects, "bounds": self.bounds,
            "cut": self.cut,
        }  # fmt: skip


def why(
    reader: EventStore, run: Run, tick: int, ordinal: int, *, depth: int = DEPTH, breadth: int = BREADTH,
    horizon: int = HORIZON, causes: bool = True, effects: bool = True,
) -> Causes:  # fmt: skip
    """Return what led to an event, and what came of it.

    Parameters
    ----------
    reader : EventStore
    run : Run
    tick, ordinal : which event
    depth : how many steps are followed
    breadth : how many links of one event are followed
    horizon : how many ticks after the event its effects are looked for
    causes, effects : which of the two are wanted

    Raises
    ------
    BeyondHead
        If that tick has not happened.
    UnknownEvent
        If the tick has no such event.
    """
    head = reader.head(run)
    if head is None or not 0 <= tick <= head.tick:
        raise BeyondHead(run.name, tick, -1 if head is None else head.tick)
    with reader.lookup(run) as lookup:
        look = Timelines(reader, run, lookup, head.tick)
        event = look.at((tick, ordinal))
        if event is None:
            raise UnknownEvent(run.name, tick, ordinal, int(reader.headers(run, tick, tick).events[0]))
        tree = _Tree(look, depth, breadth, horizon)
        found = tree.causes_of(event) if causes else []
        came = tree.effects_of(event) if effects else []
        bounds = {"depth": depth, "breadth": breadth, "horizon": horizon}
        return Causes(run.name, tree.told(event), found, came, bounds, tree.cut)


class _Tree:
    def __init__(self, look: Timelines, depth: int, breadth: int, horizon: int) -> None:
        self.look, self.depth, self.breadth, self.horizon = look, depth, breadth, horizon
        self.cut: list[dict[str, Any]] = []

    # -- backwards ---------------------------------------------------------------------------------

    def causes_of(self, event: Event) -> list[Event]:
        """Follow what an event rests on, level by level, each event once."""
        return self._grow(event, "causes", self._links)

    def _links(self, events: list[Event]) -> dict[Place, list[Link]]:
        self.look.load([place for event in events if (place := cause_of(event)) is not None])
        by_chunk: dict[int, set[int]] = {}
        for event in events:
            if event["kind"] in DERIVED and "agent" in event:
                by_chunk.setdefault(event["tick"] // CHUNK, set()).add(event["agent"])
        for chunk, agents in by_chunk.items():
            self.look.load_chunks(agents, chunk - 1, chunk)
        found = {}
        for event in events:
            found[place_of(event)] = links_of(event, self.look)
            if place_of(event) in self.look.exhausted:
                self._note(event, "causes", "look_back")
        self.look.load([link.place for links in found.values() for link in links])
        return found

    # -- forwards ----------------------------------------------------------------------------------

    def effects_of(self, event: Event) -> list[Event]:
        """Follow what came of an event, level by level, each event once."""
        last = min(self.look.head, event["tick"] + self.horizon)
        if last < self.look.head:
            self._note(event, "effects", "horizon")
        return self._grow(event, "effects", Consequences(self.look, event["tick"], last).of)

    # -- both --------------------------------------------------------------------------------------

    def _grow(
        self, root: Event, side: str, follow: Callable[[list[Event]], dict[Place, list[Link]]]
    ) -> list[Event]:  # fmt: skip
        top: dict[str, Any] = {side: []}
        level = [(root, top)]
        seen = {place_of(root)}
        for _ in range(self.depth):
            links = follow([event for event, _ in level])
            following = []
            for event, node in level:
                found = links.get(place_of(event), [])
                if len(found) > self.breadth:
                    self._note(event, side, "breadth", len(found) - self.breadth)
                for link in found[: self.breadth]:
                    other = self.look.at(link.place)
                    if other is None:
                        continue
                    child = self.told(other) | {"link": link.name} | link.about
                    node[side].append(child)
                    if link.place in seen:
                        child["again"] = True
                        continue
                    if link.name == "store" or link.about.get("in_prompt") is False:
                        continue  # shown, and not followed: nothing hung on it
                    seen.add(link.place)
                    child[side] = []
                    if len(seen) > NODES_MAX:
                        self._note(other, side, "nodes")
                        continue
                    following.append((other, child))
            level = following
        more = [event for event, _ in level if side == "effects" or cause_of(event) or event["kind"] in DERIVED]
        if more:
            self._note(root, side, "depth", len(more))
        return list(top[side])

    def _note(self, event: Event, side: str, by: str, left_out: int | None = None) -> None:
        note: dict[str, Any] = {"at": "{}:{}".format(*place_of(event)), "of": side, "by": by}
        self.cut.append(note if left_out is None else note | {"left_out": left_out})

    def told(self, event: Event) -> Event:
        """Return an event for the answer: a copy, and for a thought what it was asked and said."""
        if event["kind"] not in _THOUGHTS:
            return dict(event)
        found = self.look.deliberation(event)
        if found is None:
            return dict(event)
        prompt = found["prompt"]
        thought = {
            "request": None if prompt is None else json.loads(prompt), "answer": found["answer"], "raw": found["raw"],
            "engine": found["engine"], "memories": found["retrieved"] or [],
        }  # fmt: skip
        return event | {"thought": thought}


_THOUGHTS = {ev.THOUGHT_TAKEN.name, ev.THOUGHT_REFUSED.name, ev.REFLECTION_MADE.name}
