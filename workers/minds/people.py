"""What an agent may do about whom, read from its percept: shared by prompt, schema and parser, so they agree."""

from __future__ import annotations

from typing import Any

from domain.codes import Act, Intention
from domain.rules.constants import TOOL_ORE, TOOL_STONE, TOOL_WOOD
from workers.minds.plain import plain

NOBODY = "nobody"
INTENTIONS = tuple(i.name.lower() for i in Intention)
WORKS = INTENTIONS[:4]
"""Those that two can share: proposing without a deal means to do one of these together."""
ACTS = ("none", *(a.name.lower() for a in Act))
SILENT = "ignore"
"""What a mind says in place of an act if it says nothing."""
SAID_AS = {
    "greet": "greet {}", "inform": "tell {}", "ask": "ask {}", "propose": "trade with {}", "accept": "accept {}",
    "refuse": "refuse {}", "thank": "thank {}", "gossip": "gossip with {}",
}  # fmt: skip
"""What acts are called to a mind, each with whom it is aimed at."""
SHARED_AS = "join {}"
"""What it is called to propose to somebody with whom there is no deal: to work together."""
ANSWERS = ("accept", "refuse")
NAME_MAX = 40


def people_of(percept: dict[str, Any]) -> dict[str, int]:
    """Return who can be spoken to: a label no two share, and the agent's id; nearest first.

    Whoever made the offer that is open can be answered even if others stand nearer.
    """
    people: dict[str, int] = {}
    pending = percept.get("pending")
    for other in percept.get("near", ()):
        _add(people, other)
    if pending and pending["from"] not in people.values():
        for line in percept.get("inbox", ()):
            if line["from"] == pending["from"] and line["from"] not in people.values():
                _add(people, {"agent": line["from"], "name": line["name"]})
    return people


def _add(people: dict[str, int], other: dict[str, Any]) -> None:
    name = plain(other["name"], limit=NAME_MAX) or "Somebody"
    if name in people or name.casefold() == NOBODY:
        name = f"{name} {int(other['agent'])}"
    people[name] = int(other["agent"])


def deals_of(percept: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the deal that is possible with each agent near, in the agent's own view: what it gives and takes."""
    return {int(other["agent"]): other["deal"] for other in percept.get("near", ()) if other.get("deal")}


def offerer_of(percept: dict[str, Any]) -> int | None:
    """Return who waits for a yes or no and can be answered."""
    pending = percept.get("pending")
    return int(pending["from"]) if pending and int(pending["from"]) in people_of(percept).values() else None


def short_names_of(percept: dict[str, Any]) -> dict[int, str]:
    """Return what each who can be spoken to is called in an answer: the given name, where no two share it."""
    people = people_of(percept)
    given = [label.split(maxsplit=1)[0] for label in people]
    return {
        agent: first if given.count(first) == 1 and first.casefold() not in (NOBODY, "with") else label
        for first, (label, agent) in zip(given, people.items(), strict=True)
    }


def options_of(percept: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """Return all that can be done with words now: how a mind says it, and which act it is, aimed at whom."""
    offerer, deals = offerer_of(percept), deals_of(percept)
    options: dict[str, tuple[str, int]] = {}
    for act in acts_of(percept):
        for agent, name in short_names_of(percept).items():
            if act != "none" and (act not in ANSWERS or agent == offerer):
                said = SHARED_AS if act == "propose" and agent not in deals else SAID_AS[act]
                options[said.format(name)] = (act, agent)
    return options


def choices_of(percept: dict[str, Any]) -> tuple[str, ...]:
    """Return what a mind is given to choose from, of `options_of` and silence.

    Somebody who made an offer waits for a yes or a no, and nothing else; who has spoken already is not greeted: a
    small model would else do little but greet.
    """
    options = options_of(percept)
    if offerer_of(percept) is not None:
        return tuple(said for said, (act, _) in options.items() if act in ANSWERS)
    spoke = {int(line["from"]) for line in percept.get("inbox", ())}
    return (*(said for said, (act, who) in options.items() if act != "greet" or who not in spoke), SILENT)


def acts_of(percept: dict[str, Any]) -> tuple[str, ...]:
    """Return the speech acts that can mean something now, in the order of `ACTS`."""
    if not people_of(percept):
        return ("none",)
    # Whoever is near can be proposed to: a trade if there is one that suits both, else to work together.
    allowed = {"none", "greet", "inform", "ask", "propose"}
    if offerer_of(percept) is not None:
        allowed |= {"accept", "refuse"}
    if percept.get("inbox") or percept.get("recent"):
        allowed.add("thank")
    if percept.get("news"):
        allowed.add("gossip")
    return tuple(act for act in ACTS if act in allowed)


def intentions_of(percept: dict[str, Any]) -> tuple[str, ...]:
    """Return the intentions that the rules would not drop at once: a tool is made only of what one holds."""
    goods = percept.get("goods", {})
    stuff = goods.get("ore", 0) * 1000 >= TOOL_ORE or goods.get("stone", 0) * 1000 >= TOOL_STONE
    if goods.get("tool", 0) == 0 and goods.get("wood", 0) * 1000 >= TOOL_WOOD and stuff:
        return INTENTIONS
    return tuple(i for i in INTENTIONS if i != "craft")
