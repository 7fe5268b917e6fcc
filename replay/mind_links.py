"""What the deeds of a mind rest on: words heard, news, memories, prompts, pledges."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from domain import events as ev
from domain.minds.columns import INBOX_SLOTS, NEWS_SLOTS, RECENT_SLOTS
from domain.minds.fold import RECENT_KINDS
from replay.body_links import Derive
from replay.link import Link, link_to
from replay.timelines import Event, Timelines, parse_place, place_of

MEMORIES_SHOWN = 12


def _requested(event: Event, look: Timelines) -> Iterator[Link]:
    who, place, reason = event["agent"], place_of(event), event["reason"]
    if reason == "spoken_to":
        for speech in look.speeches_to(who, (place[0], 0), 1):
            yield from link_to(speech, "conversation")
    elif reason == "milestone":
        yield from link_to(milestone(event, look), "milestone")
    elif reason == "reflection":
        for memory in since_reflection(event, look):
            yield from link_to(memory, "memory")
    elif reason == "silence":
        yield from link_to(look.newest_ever(who, (ev.THOUGHT_REQUESTED,), place[0] - 1), "turn")


def milestone(event: Event, look: Timelines) -> Event | None:
    """Return what there was to think about: the first milestone since the agent last had nothing on its mind.

    The same bookkeeping as the fold's of `REASON`, over the events of which the agent is a party.
    """
    who, tick = event["agent"], event["tick"]
    before = look.newest(who, (tick, 0), (ev.THOUGHT_REQUESTED,), lambda e: e["purpose"] == "intention")
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
            pledge = look.at(parse_place(e["pledge"])) if kind == "PledgeKept" else None
            if pledge is None or "work" not in pledge["terms"]:  # work that is shared was never owed
                found = e
    return found


def since_reflection(event: Event, look: Timelines) -> list[Event]:
    """Return the newest memories that came together since the last reflection, newest first."""
    found = []
    kinds = (ev.MEMORY_FORMED, ev.REFLECTION_MADE, ev.THOUGHT_REFUSED)
    for e in look.backwards(event["agent"], place_of(event), kinds):
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
    prompt = _prompt_of(deliberation)
    for memory in deliberation.get("retrieved") or ():
        told = look.at(parse_place(memory["id"]))
        text = "" if told is None else told["text"]
        yield Link(parse_place(memory["id"]), "memory", {"score": memory["score"], **_shown(text, prompt)})
    after = (asked + 1, 0)
    for speech in look.speeches_to(who, after, INBOX_SLOTS):
        yield from link_to(speech, "conversation", **_shown(speech["text"], prompt))
    news = look.find(0, asked, agents=[who], kinds=[ev.NEWS_HEARD.number], newest=NEWS_SLOTS)
    for heard in reversed(news):
        yield from link_to(heard, "news", **_shown(heard["text"], prompt))
    counted: Counter[str] = Counter()
    for e in islice(look.backwards(who, after, RECENT_KINDS), RECENT_SLOTS):
        words = _bare(_in_words(e))
        counted[words] += 1
        shown = {"in_prompt": prompt.count(words) >= counted[words]} if prompt else {}  # it shows the newest of them
        yield from link_to(e, "prompt", **shown)


def _in_words(e: Event) -> str:
    """Return how a prompt tells somebody what happened to it lately, but for names."""
    kind = e["kind"]
    if kind == ev.GOODS_TRADED.name:
        return f"You traded {e['good']} for {e['taken_good']} with"
    if kind == ev.GOODS_GIVEN.name:
        return f"You gave {e['good']} to"
    if kind == ev.GIFT_RECEIVED.name:
        return f"gave you {e['taken_good']}"
    if kind == ev.GOODS_INHERITED.name:
        return f"You inherited {e['taken_good']}"
    return "You had a child" if kind == ev.CHILD_BORNE.name else "You made a tool"


_SHOWN = 80
"""Characters of a text that are looked for in a prompt, which may have shortened it a little further on."""


def _shown(text: str, prompt: str) -> dict[str, Any]:
    """Return whether a text stands in a prompt, if there is one; a prompt that is too long leaves lines out."""
    words = _bare(text)[:_SHOWN].rstrip()
    return {"in_prompt": words in prompt} if prompt and words else {}


def _bare(text: str) -> str:
    """Return the words of a text: a prompt has other quotation marks, and no brackets."""
    return " ".join(re.findall(r"\w+", text))


def _prompt_of(deliberation: dict[str, Any]) -> str:
    messages = json.loads(deliberation["prompt"]) if deliberation.get("prompt") else ()
    return _bare(" ".join(message["content"] for message in messages))


def _said(event: Event, look: Timelines) -> Iterator[Link]:
    place = place_of(event)
    if parse_place(event["conversation"]) != place:
        for speech in look.speeches_to(event["agent"], place, 3):
            if speech["conversation"] == event["conversation"]:
                yield from link_to(speech, "conversation")
                break
    if "news" in event:
        heard = look.newest(event["agent"], place, (ev.NEWS_HEARD,), lambda e: e["news"] == event["news"])
        yield from link_to(heard, "news")


def _closed(event: Event, look: Timelines) -> Iterator[Link]:
    who, place = (event["agent"], event["target"]), place_of(event)
    if event["because"] == "death":
        yield from link_to(look.death_among(who, place[0]), "death")
    elif event["because"] == "distance":
        for one in who:
            yield from link_to(look.newest(one, (place[0], 0), (ev.AGENT_MOVED,)), "place")


def _lapsed(event: Event, look: Timelines) -> Iterator[Link]:
    yield Link(parse_place(event["pledge"]), "pledge")
    if event["because"] == "death":
        yield from link_to(look.death_among((event["agent"], event["target"]), event["tick"]), "death")


def _named(key: str, name: str) -> Derive:
    """Addresses that the payload names."""

    def derive(event: Event, look: Timelines) -> Iterator[Link]:
        named = event.get(key) or ()
        for address in [named] if isinstance(named, str) else named:
            yield Link(parse_place(address), name)

    return derive


OF_MINDS: dict[str, Derive] = {
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
