"""What the deeds of a body rest on: intentions, places, goods, meetings, meals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from domain import events as ev
from domain.rules.constants import BIRTH_FOOD, GIFT_RESERVE
from replay.link import ACTIONS, INTENTIONS, MEETINGS, NEWCOMERS, Link, link_to
from replay.timelines import Event, Timelines, cause_of, place_of

Derive = Callable[[Event, Timelines], Iterator[Link]]
_RECEIPTS = (
    ev.GOODS_GATHERED, ev.GOODS_ENDOWED, ev.AGENT_BORN, ev.GOODS_TRADED, ev.GIFT_RECEIVED, ev.GOODS_INHERITED,
    ev.TOOL_CRAFTED,
)  # fmt: skip


def _used(*goods: str) -> Derive:
    """What uses goods up rests on how the agent last came by them, if there would not have been enough without it.

    Else it is shown as part of the store: it was there, and nothing hung on it.
    """

    def derive(event: Event, look: Timelines) -> Iterator[Link]:
        for name in goods:
            if name not in event:
                continue
            good = str(event[name])
            source = _source(event, good, look)
            if source is None:
                continue
            of = "taken_" if name == "taken_good" else ""
            before = event[f"{of}holding"] + event[f"{of}quantity"]
            wanted = max(event[f"{of}quantity"], _NEEDED.get(event["kind"], 0))
            yield from link_to(source, "goods" if before - brought(source, good) < wanted else "store")

    return derive


def _source(event: Event, good: str, look: Timelines) -> Event | None:
    return look.newest(event["agent"], place_of(event), _RECEIPTS, lambda e: brought(e, good) > 0)


_NEEDED = {ev.CHILD_BORNE.name: BIRTH_FOOD, ev.GOODS_GIVEN.name: GIFT_RESERVE}
"""How much of it one has to have, where that is more than is used."""


def brought(event: Event, good: str) -> int:
    """Return how much of a good an agent came by through this event of its own."""
    kind = event["kind"]
    if kind in ("GoodsGathered", "GoodsEndowed", "AgentBorn"):
        return int(event["quantity"]) if event.get("good") == good else 0
    if kind in ("GoodsTraded", "GiftReceived", "GoodsInherited"):
        return int(event["taken_quantity"]) if event["taken_good"] == good else 0
    return int(event["tool_uses"]) if kind == "ToolCrafted" and good == "tool" else 0


def _gathered(event: Event, look: Timelines) -> Iterator[Link]:
    yield from link_to(look.newest(event["agent"], place_of(event), (ev.AGENT_MOVED, *NEWCOMERS)), "place")
    if event.get("taken_good") == "tool":
        yield from _used("taken_good")(event, look)


def _formed(event: Event, look: Timelines) -> Iterator[Link]:
    """The intention before: it was over, or something pressed more."""
    cause = look.at(cause_of(event) or (-1, -1))
    if cause is not None and cause["kind"] != ev.PLEDGE_MADE.name:
        yield from link_to(look.newest(event["agent"], place_of(event), INTENTIONS), "intention")


def _met(event: Event, look: Timelines) -> Iterator[Link]:
    """Both sides of a meeting had something in mind that let them meet, unless a pledge brought them together."""
    place, first = place_of(event), opening_of(event, look)
    cause = look.at(cause_of(first) or (-1, -1))
    if cause is None or cause["kind"] == ev.PLEDGE_MADE.name:
        return
    if first["agent"] != event["agent"]:
        yield from link_to(look.newest(event["agent"], place, (*INTENTIONS, *NEWCOMERS)), "intention")
    elif first is event:
        yield from link_to(look.newest(event["target"], place, (*INTENTIONS, *NEWCOMERS)), "partner")
    if event["kind"] == ev.GIFT_RECEIVED.name:  # the giver saw how it stood with the other
        yield from link_to(look.newest(event["agent"], (place[0], 0), ACTIONS), "situation")


def opening_of(event: Event, look: Timelines) -> Event:
    """Return the first event of the meeting that an event belongs to."""
    at: Event = event
    while True:
        cause = look.at(cause_of(at) or (-1, -1))
        if cause is None or cause["kind"] not in MEETINGS or cause["tick"] != event["tick"]:
            return at
        at = cause


def _gave(event: Event, look: Timelines) -> Iterator[Link]:
    yield from _met(event, look)
    yield from _used("good")(event, look)


def _died(event: Event, look: Timelines) -> Iterator[Link]:
    tick = event["tick"]
    if event["because"] == "removed":  # by an intervention, which is the recorded cause
        return
    kinds = (ev.MEAL_EATEN,) if event["because"] == "hunger" else ()
    last = look.newest_ever(event["agent"], kinds, tick) if kinds else None
    if last is not None:
        yield from link_to(last, "meal")
    else:
        yield from link_to(look.newest_ever(event["agent"], NEWCOMERS, tick), "birth")


OF_BODIES: dict[str, Derive] = {
    "IntentionFormed": _formed,
    "GoodsGathered": _gathered,
    "MealEaten": _used("good"),
    "ToolCrafted": _used("good", "taken_good"),
    "ChildBorne": _used("good"),
    "AgentsMet": _met,
    "WordsSpoken": _met,
    "GiftReceived": _met,
    "GoodsTraded": _gave,
    "GoodsGiven": _gave,
    "AgentDied": _died,
}
