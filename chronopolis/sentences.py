"""Events as sentences, for whoever reads a chain of causes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from unicodedata import category

Event = dict[str, Any]
Names = Callable[[int], str]
"""Returns what an agent is called."""

_DOING = {
    "forage": "look for food", "cut_wood": "cut wood", "quarry": "quarry stone", "mine": "mine ore", "rest": "rest",
    "socialise": "look for company", "explore": "explore", "craft": "make a tool",
}  # fmt: skip
_REASONS = {
    "spoken_to": "it was spoken to", "crisis": "it is in need", "milestone": "something happened to it",
    "reflection": "much has come together", "silence": "it was silent longest",
}  # fmt: skip
_ACTS = {
    "greet": "greeted", "inform": "told", "ask": "asked", "propose": "made an offer to", "accept": "agreed with",
    "refuse": "refused", "thank": "thanked", "gossip": "passed news on to",
}  # fmt: skip
_PIECES = {"coin": "coin", "tool": "tool use"}  # all else is in thousandths of a unit
_STEERING, _JOINERS = frozenset(("Cc", "Cf", "Zl", "Zp")), "\u200c\u200d"
_MARKED = re.compile("\0([0-9]+)\0")


def agent_number(agent: int) -> str:
    """Return what an agent is called where no names are known."""
    return f"agent {agent}"


def counted(n: int, one: str, more: str | None = None) -> str:
    """Return how many there are of something: "1 tick", "2 ticks", "3 people"."""
    return f"{n:,} {one if n == 1 else more or f'{one}s'}"


def amount(good: str, quantity: int) -> str:
    """Return an amount of a good, such as "1.5 food", "1 coin" or "3 coins"."""
    if good in _PIECES:
        return counted(quantity, _PIECES[good])
    return f"{quantity / 1000:,.3f}".rstrip("0").rstrip(".") + f" {good}"


def sentence(event: Event, names: Names = agent_number) -> str:
    """Return an event as a sentence; one of a kind without words of its own is named."""
    told = _WORDS.get(event["kind"])
    if told is not None:
        return told(event, names)
    who = f"{names(event['agent'])}: " if "agent" in event else ""
    return f"{who}{event['kind']}"


def parts(event: Event) -> list[str | int]:
    """Return the same sentence in parts, for those who put names in themselves: words, and ids where names stand."""
    told = _MARKED.split(sentence(event, lambda agent: f"\0{agent}\0"))
    return [int(part) if k % 2 else part for k, part in enumerate(told) if k % 2 or part]


def _who(key: str = "agent") -> Callable[[Event, Names], str]:
    return lambda e, names: names(e[key]) if key in e else "nobody"


_me, _other = _who(), _who("target")


def inert(text: str) -> str:
    """Return what somebody wrote as it may be shown: nothing in it steers a terminal, or turns what follows round.

    Joiners are left: scripts and pictures are made with them.
    """
    return "".join(" " if category(c) in _STEERING and c not in _JOINERS else c for c in text)


def _quoted(text: str, most: int = 90) -> str:
    text = inert(text)
    return f"“{text if len(text) <= most else text[: most - 1].rstrip() + '…'}”"


def _terms(terms: Event) -> str:
    if "work" in terms:
        return f"to {_DOING.get(terms['work'], terms['work'])} together"
    return f"{amount(terms['give'], terms['quantity'])} for {amount(terms['take'], terms['taken'])}"


def _gathered(e: Event, names: Names) -> str:
    if not e["quantity"]:
        return f"{_me(e, names)} found no {e['good']} left in cell {e['cell']}"
    held = amount(e["good"], e["holding"])
    return f"{_me(e, names)} gathered {amount(e['good'], e['quantity'])} in cell {e['cell']} and has {held}"


def _speech(e: Event, names: Names) -> str:
    said = f": {_quoted(e['text'])}" if e["text"] else ""
    terms = f" ({_terms(e['terms'])})" if e.get("terms") else ""
    return f"{_me(e, names)} {_ACTS.get(e['act'], e['act'])} {_other(e, names)}{terms}{said}"


def _died(e: Event, names: Names) -> str:
    if e["because"] == "removed":
        return f"{_me(e, names)} was taken out of the world"
    heir = f"; {_other(e, names)} inherits" if "target" in e else ""
    return f"{_me(e, names)} died of {e['because'].replace('_', ' ')}{heir}"


def _intervention(e: Event, names: Names) -> str:
    why = f", {_quoted(e['why'])}" if e.get("why") else ""
    refused = f"; refused: {e['refused']}" if e.get("refused") else ""
    about = f" with {_me(e, names)}" if "agent" in e else ""
    return f"{inert(e.get('by') or 'somebody')} intervened{about}{why}{refused}"


def _scenario(e: Event, names: Names) -> str:
    changes = [f"{name.replace('_', ' ')} {c['before']} → {c['after']}" for name, c in e["settings"].items()]
    chances = ["other chances"] if e.get("seed") else []
    return f"this fork goes on with {', '.join([*changes, *chances])}"


def _stock(e: Event, names: Names) -> str:
    return f"cell {e['cell']} was made to hold {amount(e['good'], e['stock'])}"


def _thought(e: Event, names: Names) -> str:
    rules = e.get("instead_of")
    other = f", where rules would have it {_DOING.get(rules, rules)}" if rules and rules != e["intention"] else ""
    return f"{_me(e, names)} made up its mind to {_DOING[e['intention']]}{other}"


_WORDS: dict[str, Callable[[Event, Names], str]] = {
    "WorldFounded": lambda e, n: f"the world was founded, {e['width']}×{e['height']} cells",
    "CellFormed": lambda e, n: f"cell {e['cell']} came to be: {e['biome']}",
    "AgentJoined": lambda e, n: f"{_me(e, n)} came into the world in cell {e['cell']}",
    "GoodsEndowed": lambda e, n: f"{_me(e, n)} was given {amount(e['good'], e['quantity'])}",
    "IntentionFormed": lambda e, n: f"{_me(e, n)} set out to {_DOING[e['intention']]} in cell {e['goal']}",
    "AgentMoved": lambda e, n: f"{_me(e, n)} went from cell {e['from_cell']} to {e['cell']}",
    "GoodsGathered": _gathered,
    "SkillImproved": lambda e, n: f"{_me(e, n)} got better at {e['skill']}: {e['level'] / 1000:.2f}",
    "MealEaten": lambda e, n: f"{_me(e, n)} ate {amount(e['good'], e['quantity'])}",
    "AgentRested": lambda e, n: f"{_me(e, n)} rested",
    "ToolCrafted": lambda e, n: f"{_me(e, n)} made a tool of {amount(e['good'], e['quantity'])} and "
    f"{amount(e['taken_good'], e['taken_quantity'])}",
    "AgentsMet": lambda e, n: f"{_me(e, n)} got to know {_other(e, n)}",
    "WordsSpoken": lambda e, n: f"{_me(e, n)} said to {_other(e, n)}: {_quoted(e.get('text', ''))}",
    "GoodsTraded": lambda e, n: f"{_me(e, n)} gave {_other(e, n)} {amount(e['good'], e['quantity'])} for "
    f"{amount(e['taken_good'], e['taken_quantity'])}",
    "GoodsGiven": lambda e, n: f"{_me(e, n)} gave {_other(e, n)} {amount(e['good'], e['quantity'])}",
    "GiftReceived": lambda e, n: f"{_me(e, n)} was given {amount(e['taken_good'], e['taken_quantity'])} by "
    f"{_other(e, n)}",
    "ChildBorne": lambda e, n: f"{_me(e, n)} had a child, {_other(e, n)}",
    "AgentBorn": lambda e, n: f"{e.get('name') or _me(e, n)} was born to {_other(e, n)}",
    "AgentDied": _died,
    "GoodsInherited": lambda e, n: f"{_me(e, n)} inherited {amount(e['taken_good'], e['taken_quantity'])} from "
    f"{_other(e, n)}",
    "ThoughtRequested": lambda e, n: f"{_me(e, n)} was asked to think, because "
    f"{_REASONS.get(e['reason'], e['reason'])}",
    "ThoughtTaken": _thought,
    "ThoughtRefused": lambda e, n: f"{_me(e, n)} came to no decision: {e['because']}",
    "InterventionMade": _intervention,
    "SpeechMade": _speech,
    "ConversationClosed": lambda e, n: f"{_me(e, n)} and {_other(e, n)} ended their conversation: {e['because']}",
    "PledgeMade": lambda e, n: f"{_me(e, n)} and {_other(e, n)} agreed on {_terms(e['terms'])}",
    "PledgeKept": lambda e, n: f"{_me(e, n)} and {_other(e, n)} kept their agreement",
    "PledgeLapsed": lambda e, n: f"the agreement of {_me(e, n)} and {_other(e, n)} came to nothing: {e['because']}",
    "NewsHeard": lambda e, n: f"{_me(e, n)} heard {'from ' + _other(e, n) + ' ' if 'target' in e else ''}"
    f"that {_quoted(e['text'])}",
    "MemoryFormed": lambda e, n: f"{_me(e, n)} remembers: {_quoted(e['text'])}",
    "MemoryForgotten": lambda e, n: f"{_me(e, n)} forgot the memory {e['memory']}",
    "ScenarioChanged": _scenario,
    "StockChanged": _stock,
    "ReflectionMade": lambda e, n: f"{_me(e, n)} drew a conclusion",
}  # fmt: skip
