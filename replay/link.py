"""A link: that one event rests on another, in which way, and what the recorded causes are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from domain import events as ev
from domain.events import KINDS
from replay.timelines import Event, Place, place_of


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


CONTEXT = ("before", "store")
"""Links that are shown and are no causes: what an agent did last, and goods of which there was enough without them."""


def is_cause(link: Link) -> bool:
    """Return whether a link is called a cause: no context, and not left out of the prompt."""
    return link.name not in CONTEXT and link.about.get("in_prompt") is not False


ACTIONS = tuple(kind for kind in KINDS if any(f.name == "energy" for f in kind.fields) and kind.number > 5
                and kind not in (ev.AGENT_BORN, ev.AGENT_DIED))  # fmt: skip
"""Kinds that are an agent's one action of a tick."""
NEWCOMERS = (ev.AGENT_JOINED, ev.AGENT_BORN)
INTENTIONS = (ev.INTENTION_FORMED, ev.THOUGHT_TAKEN)
MEETINGS = {k.name for k in (ev.AGENTS_MET, ev.WORDS_SPOKEN, ev.GOODS_TRADED, ev.GOODS_GIVEN, ev.GIFT_RECEIVED)}
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

    "before" says that the cause is only what the agent did last: an intervention comes from outside, a mind is asked
    because of its reason, which is a link of its own, and whoever dies of old age does so whatever it did.
    """
    kind, by = event["kind"], cause["kind"]
    if kind in _BY_EFFECT:
        return _BY_EFFECT[kind]
    if kind == "AgentDied" and event["because"] == "old_age":
        return "before"
    if kind == "ThoughtRequested":
        return "situation" if event["reason"] == "crisis" else "before"
    if kind in MEETINGS and by in MEETINGS:
        return "meeting"
    return _BY_CAUSE.get(by, "situation")


def link_to(event: Event | None, name: str, **about: Any) -> Iterator[Link]:
    """Yield a link to an event, if there is one."""
    if event is not None:
        yield Link(place_of(event), name, about)
