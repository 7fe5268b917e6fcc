"""Links: what an event rests on. Its recorded cause, and what else the record says led to it, each by its address.

An event holds one cause. Where several things led to it, the others follow exactly from what is recorded: addresses
in payloads, the input that a thought took, and the agent's own events before, which are all that rules look at.
docs/why.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from domain import events as ev
from domain.events import KINDS, EventKind
from replay.timelines import Event, Place, Timelines, cause_of, parse_place, place_of

RECENT_SLOTS = 4
INBOX_SLOTS, NEWS_SLOTS = 3, 3
MEMORIES_SHOWN = 12


@dataclass(frozen=True)
class Link:
    """That an event rests on another.

    Attributes
    ----------
    place : of the other
    name : in which way
    about : what else is known of it, such as the score of a memory
    """

    place: Place
    name: str
    about: dict[str, Any] = field(default_factory=dict)


ACTIONS = tuple(kind for kind in KINDS if any(f.column == "needs" for f in kind.fields) and kind.number > 5
                and kind not in (ev.AGENT_BORN, ev.AGENT_DIED))  # fmt: skip
"""Kinds that are an agent's one action of a tick."""
_ACTIONS = {kind.name for kind in ACTIONS}
_NEWCOMERS = (ev.AGENT_JOINED, ev.AGENT_BORN)
_INTENTIONS = (ev.INTENTION_FORMED, ev.THOUGHT_TAKEN)
_MEETINGS = {k.name for k in (ev.AGENTS_MET, ev.WORDS_SPOKEN, ev.GOODS_TRADED, ev.GOODS_GIVEN, ev.GIFT_RECEIVED)}
_RECENT = {k.name for k in (ev.GOODS_TRADED, ev.GOODS_GIVEN, ev.GIFT_RECEIVED, ev.CHILD_BORNE, ev.GOODS_INHERITED,
                            ev.TOOL_CRAFTED)}  # fmt: skip
_BY_CAUSE = {
    "ThoughtRequested": "request", "ThoughtTaken": "thought", "IntentionFormed": "intention", "PledgeMade": "pledge",
    "SpeechMade": "conversation", "InterventionMade": "intervention", "AgentDied": "death",
    "WorldFounded": "founding", "AgentJoined": "birth", "AgentBorn": "birth", "ScenarioChanged": "intervention",
}  # fmt: skip
_BY_EFFECT = {
    "MemoryFormed": "experience", "MemoryForgotten": "experience", "PledgeKept": "deed", "NewsHeard": "news",
    "SkillImproved": "practice", "AgentBorn": "birth", "InterventionMade": "before",
}  # fmt: skip


def name_of_recorded(event: Event, cause: Event) -> str:
    """Return in which way an event rests on its recorded cause.

    "before" says that the cause is only what the agent did last: an intervention comes from outside, and a mind is
    asked because of its reason, which is a link of its own.
    """
    kind, by = event["kind"], cause["kind"]
    if kind in _BY_EFFECT:
        return _BY_EFFECT[kind]
    if kind == "ThoughtRequested":
        return "situation" if event["reason"] == "crisis" else "before"
    if kind in _MEETINGS and by in _MEETINGS:
        return "meeting"
    return _BY_CAUSE.get(by, "situation")


def links_of(event: Event, look: Timelines) -> list[Link]:
    """Return what an event rests on: its recorded cause first, each place once."""
    found: dict[Place, Link] = {}
    place = cause_of(event)
    cause = None if place is None else look.at(place)
    if place is not None and cause is not None:
        found[place] = Link(place, name_of_recorded(event, cause))
    derive = DERIVED.get(event["kind"])
    for link in derive(event, look) if derive else ():
        if link.place != place_of(event):
            found.setdefault(link.place, link)
    return list(found.values())


def _link(event: Event | None, name: str, **about: Any) -> Iterator[Link]:
    if event is not None:
        yield Link(place_of(event), name, about)


# -- what the body does ----------------------------------------------------------------------------


def _used(*goods: str) -> Callable[[Event, Timelines], Iterator[Link]]:
    """What uses goods up rests on how the agent last came by them."""

    def derive(event: Event, look: Timelines) -> Iterator[Link]:
        for name in goods:
            if name in event:
                yield from _link(_source(event, str(event[name]), look), "goods")

    return derive


def _source(event: Event, good: str, look: Timelines) -> Event | None:
    return look.newest(event["agent"], place_of(event), lambda e: brings(e, good))


def brings(event: Event, good: str) -> bool:
    """Return whether an agent came by a good by this event of its own."""
    kind = event["kind"]
    if kind in ("GoodsGathered", "GoodsEndowed", "AgentBorn"):
        return bool(event.get("good") == good)
    if kind in ("GoodsTraded", "GiftReceived", "GoodsInherited"):
        return bool(event["taken_good"] == good)
    return bool(kind == "ToolCrafted" and good == "tool")


def _gathered(event: Event, look: Timelines) -> Iterator[Link]:
    yield from _link(look.newest_of(event["agent"], place_of(event), (ev.AGENT_MOVED, *_NEWCOMERS)), "place")
    if event.get("taken_good") == "tool":
        yield from _used("taken_good")(event, look)


def _formed(event: Event, look: Timelines) -> Iterator[Link]:
    """The intention before: it was over, or something pressed more."""
    cause = look.at(cause_of(event) or (-1, -1))
    if cause is not None and cause["kind"] != ev.PLEDGE_MADE.name:
        yield from _link(look.newest_of(event["agent"], place_of(event), _INTENTIONS), "intention")


def _met(event: Event, look: Timelines) -> Iterator[Link]:
    """Both sides of a meeting had something in mind that let them meet, unless a pledge brought them together."""
    place, first = place_of(event), opening_of(event, look)
    cause = look.at(cause_of(first) or (-1, -1))
    if cause is None or cause["kind"] == ev.PLEDGE_MADE.name:
        return
    if first["agent"] != event["agent"]:
        yield from _link(look.newest_of(event["agent"], place, (*_INTENTIONS, *_NEWCOMERS)), "intention")
    elif first is event:
        yield from _link(look.newest_of(event["target"], place, (*_INTENTIONS, *_NEWCOMERS)), "partner")
    if event["kind"] == ev.GIFT_RECEIVED.name:  # the giver saw how it stood with the other
        yield from _link(look.newest(event["agent"], (place[0], 0), lambda e: e["kind"] in _ACTIONS), "situation")


def opening_of(event: Event, look: Timelines) -> Event:
    """Return the first event of the meeting that an event belongs to."""
    at: Event = event
    while True:
        cause = look.at(cause_of(at) or (-1, -1))
        if cause is None or cause["kind"] not in _MEETINGS or cause["tick"] != event["tick"]:
            return at
        at = cause


def _gave(event: Event, look: Timelines) -> Iterator[Link]:
    yield from _met(event, look)
    yield from _used("good")(event, look)


def _died(event: Event, look: Timelines) -> Iterator[Link]:
    tick = event["tick"]
    kinds = (ev.MEAL_EATEN,) if event["because"] == "hunger" else ()
    last = look.newest_ever(event["agent"], kinds, tick) if kinds else None
    if last is not None:
        yield from _link(last, "meal")
    else:
        yield from _link(look.newest_ever(event["agent"], _NEWCOMERS, tick), "birth")


# -- what the mind does ----------------------------------------------------------------------------


def _requested(event: Event, look: Timelines) -> Iterator[Link]:
    who, place, reason = event["agent"], place_of(event), event["reason"]
    if reason == "spoken_to":
        for speech in look.speeches_to(who, (place[0], 0), 1):
            yield from _link(speech, "conversation")
    elif reason == "milestone":
        yield from _link(milestone(event, look), "milestone")
    elif reason == "reflection":
        for memory in since_reflection(event, look):
            yield from _link(memory, "memory")
    elif reason == "silence":
        yield from _link(look.newest_ever(who, (ev.THOUGHT_REQUESTED,), place[0] - 1), "turn")


def milestone(event: Event, look: Timelines) -> Event | None:
    """Return what there was to think about: the first milestone since the agent last had nothing on its mind.

    The same bookkeeping as the fold's of `REASON`, over the events of which the agent is a party.
    """
    who, tick = event["agent"], event["tick"]
    before = look.newest(
        who, (tick, 0), lambda e: e["kind"] == "ThoughtRequested" and e["purpose"] == "intention"
    )  # fmt: skip
    first = 0 if before is None else before["tick"]
    kinds = (ev.SPEECH_MADE, ev.CONVERSATION_CLOSED, ev.PLEDGE_KEPT, ev.PLEDGE_LAPSED, ev.NEWS_HEARD, ev.CHILD_BORNE,
             ev.GOODS_INHERITED, ev.GIFT_RECEIVED, ev.THOUGHT_REQUESTED)  # fmt: skip
    spoken_to, found = False, None
    for e in look.find(first, tick - 1, parties=[who], kinds=[k.number for k in kinds]):
        kind, mine = e["kind"], e["agent"] == who
        if kind == "SpeechMade":
            if not mine:
                spoken_to, found = True, None
            elif spoken_to:
                spoken_to = False
        elif kind == "ConversationClosed":
            spoken_to = False
        elif kind == "ThoughtRequested":
            if mine and e["purpose"] == "intention":
                spoken_to, found = False, None
        elif (mine or kind in ("PledgeKept", "PledgeLapsed")) and not spoken_to and found is None:
            found = e
    return found


def since_reflection(event: Event, look: Timelines) -> list[Event]:
    """Return the newest memories that came together since the last reflection, newest first."""
    found = []
    for e in look.backwards(event["agent"], place_of(event)):
        if e["kind"] == "ReflectionMade" or (e["kind"] == "ThoughtRefused" and e["purpose"] == "reflection"):
            break
        if e["kind"] == "MemoryFormed" and e["memory_kind"] != "reflection" and e["tick"] < event["tick"]:
            found.append(e)
            if len(found) == MEMORIES_SHOWN:
                break
    return found


def _thought(event: Event, look: Timelines) -> Iterator[Link]:
    """All that stood in the prompt: memories that were retrieved, words that were heard, news, what happened lately."""
    who, asked = event["agent"], event["asked"]
    deliberation = look.deliberation(event) or {}
    prompt = deliberation.get("prompt") or ""
    for memory in deliberation.get("retrieved") or ():
        told = look.at(parse_place(memory["id"]))
        text = "" if told is None else told["text"]
        yield Link(parse_place(memory["id"]), "memory", {"score": memory["score"], **_shown(text, prompt)})
    after = (asked + 1, 0)
    for speech in look.speeches_to(who, after, INBOX_SLOTS):
        yield from _link(speech, "conversation", **_shown(speech["text"], prompt))
    news = look.find(0, asked, agents=[who], kinds=[ev.NEWS_HEARD.number], newest=NEWS_SLOTS)
    for heard in reversed(news):
        yield from _link(heard, "news", **_shown(heard["text"], prompt))
    recent = 0
    for e in look.backwards(who, after):
        if e["kind"] in _RECENT:
            yield from _link(e, "prompt")
            recent += 1
        if recent == RECENT_SLOTS:
            break


_SHOWN_FROM = 24
"""Characters of a text that are looked for in a prompt: it quotes lines shortened and with other marks."""


def _shown(text: str, prompt: str) -> dict[str, Any]:
    """Return whether a text stands in a prompt, if there is one; a prompt that is too long leaves lines out."""
    words = text.replace('"', "").replace("\\", "")[:_SHOWN_FROM].rstrip()
    return {"in_prompt": words in prompt.replace('\\"', "").replace("\\", "")} if prompt and words else {}


def _said(event: Event, look: Timelines) -> Iterator[Link]:
    place = place_of(event)
    if parse_place(event["conversation"]) != place:
        for speech in look.speeches_to(event["agent"], place, 3):
            if speech["conversation"] == event["conversation"]:
                yield from _link(speech, "conversation")
                break
    if "news" in event:
        heard = look.newest(event["agent"], place, lambda e: e["kind"] == "NewsHeard" and e["news"] == event["news"])
        yield from _link(heard, "news")


def _closed(event: Event, look: Timelines) -> Iterator[Link]:
    who, place = (event["agent"], event["target"]), place_of(event)
    if event["because"] == "death":
        yield from _link(look.death_among(who, place[0]), "death")
    elif event["because"] == "distance":
        for one in who:
            yield from _link(look.newest_of(one, (place[0], 0), (ev.AGENT_MOVED,)), "place")


def _lapsed(event: Event, look: Timelines) -> Iterator[Link]:
    yield Link(parse_place(event["pledge"]), "pledge")
    if event["because"] == "death":
        yield from _link(look.death_among((event["agent"], event["target"]), event["tick"]), "death")


def _named(key: str, name: str) -> Callable[[Event, Timelines], Iterator[Link]]:
    """Addresses that the payload names."""

    def derive(event: Event, look: Timelines) -> Iterator[Link]:
        named = event.get(key) or ()
        for address in [named] if isinstance(named, str) else named:
            yield Link(parse_place(address), name)

    return derive


DERIVED: dict[str, Callable[[Event, Timelines], Iterator[Link]]] = {
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
    "ThoughtRequested": _requested,
    "ThoughtTaken": _thought,
    "ThoughtRefused": _thought,
    "ReflectionMade": _thought,
    "SpeechMade": _said,
    "ConversationClosed": _closed,
    "PledgeMade": _named("proposal", "conversation"),
    "PledgeKept": _named("pledge", "pledge"),
    "PledgeLapsed": _lapsed,
    "NewsHeard": _named("news", "news"),
    "MemoryFormed": _named("cites", "memory"),
    "MemoryForgotten": _named("memory", "memory"),
}

__all__ = [
    "ACTIONS", "DERIVED", "EventKind", "Link", "brings", "links_of", "milestone", "name_of_recorded", "opening_of",
    "since_reflection",
]  # fmt: skip
