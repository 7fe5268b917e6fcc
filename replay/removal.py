"""Removal: which one change of the past takes an event out of it, and whether another event is there without it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain import events as ev
from replay.counterfactual import REFUSE, REST, WITHHOLD, Change
from replay.link import ACTIONS
from replay.timelines import Event, Timelines, cause_of

_DOINGS = {k.name for k in (*ACTIONS, ev.INTENTION_FORMED, ev.SKILL_IMPROVED, ev.AGENTS_MET)} - {ev.AGENT_RESTED.name}
_THOUGHTS = {ev.THOUGHT_TAKEN.name, ev.REFLECTION_MADE.name}
AFTERWARDS = (
    "energy", "satiety", "company", "holding", "taken_holding", "tie_slot", "tie_strength", "stock", "level",
    "tool_uses",
)  # fmt: skip
"""Fields that say how things stand after an event; the others say what was done."""
_ADDRESSES = (
    "ordinal", "cause_tick", "cause_ordinal", "conversation", "news", "proposal", "pledge", "memory", "cites", "answer",
)  # fmt: skip
"""Fields that name other events, which are numbered otherwise in another past."""

SAME, AFTERMATH, OTHER, GONE = "same", "other aftermath", "other deed", "gone"


def change_without(event: Event, look: Timelines, *, until: int | None = None) -> Change | None:
    """Return the change that takes an event out of the past; None if there is none.

    What an agent does is taken out by letting it rest instead, and with it what it set its mind on in that tick. A
    thought, or the request for it, is taken out by a refusal; an intervention by withholding it. What merely comes
    of a deed in the same tick (a memory, news, a pledge, an estate) is taken out with that deed. What begins history,
    and a rest itself, can't be taken out so; nor can death, which no rest prevents.

    An intention that is not formed in one tick is formed in the next. So it takes more to be without it: with `until`,
    the agent rests in every tick before that one in which it did something because of that intention.
    """
    at: Event | None = event
    while at is not None and at["tick"] == event["tick"] > 0:
        kind, agent = at["kind"], at.get("agent", -1)
        if kind in _THOUGHTS:
            return Change(REFUSE, agent, at["tick"])
        if kind == ev.THOUGHT_REQUESTED.name:
            return Change(REFUSE, agent, at["due"])
        if kind == ev.INTERVENTION_MADE.name:
            return Change(WITHHOLD, agent, at["tick"])
        if kind in (ev.AGENT_RESTED.name, ev.AGENT_DIED.name, ev.THOUGHT_REFUSED.name):
            return None
        place = cause_of(at)
        cause = None if place is None else look.at(place)
        agreed = kind == ev.INTENTION_FORMED.name and cause is not None and cause["kind"] == ev.PLEDGE_MADE.name
        if kind in _DOINGS and not agreed:
            return Change(REST, agent, at["tick"], _ticks_under(at, until, look))
        at = cause
    return None


def _ticks_under(event: Event, until: int | None, look: Timelines) -> tuple[int, ...]:
    """Return the later ticks in which an agent acted because of an intention, up to another."""
    if event["kind"] != ev.INTENTION_FORMED.name or until is None:
        return ()
    packed = event["tick"] << 32 | event["ordinal"]
    found = look.find(event["tick"] + 1, until - 1, agents=[event["agent"]], causes=[packed])
    return tuple(sorted({e["tick"] for e in found}))


def verdict(event: Event, there: Iterable[Event]) -> str:
    """Return what has become of an event among those of its tick in another past.

    "same": the same agent does the very same, and stands as it stood after it. "other aftermath": the same deed, with
    other amounts afterwards. "other deed": an event of the same kind and agent says something else. "gone": none.
    """
    alike = [e for e in there if e["kind"] == event["kind"] and e.get("agent") == event.get("agent")]
    if not alike:
        return GONE
    if any(_content(e) == _content(event) for e in alike):
        return SAME
    return AFTERMATH if any(_deed(e) == _deed(event) for e in alike) else OTHER


def _content(event: Event) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in _ADDRESSES}


def _deed(event: Event) -> dict[str, Any]:
    return {name: value for name, value in _content(event).items() if name not in AFTERWARDS}
