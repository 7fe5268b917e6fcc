"""The scripted mind: a fixed planner that answers the same schema as a language model, at once and always alike.

It sees what a model sees, the percept, and weighs needs first, then who waits for an answer, then deals,
then news and company. Which of several fitting sentences it says is a hash of who, when and seed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from domain.codes import Good
from domain.errors import EngineRefused
from domain.ports import Completed, Completion
from domain.rules.barter import worth_of_next
from domain.rules.constants import LARDER, LONELY, STOCKED, TIRED
from workers.minds.answers import INSIGHT_MAX, SAY_MAX
from workers.minds.people import SILENT, WORKS, acts_of, intentions_of, offerer_of, options_of, people_of
from workers.minds.plain import plain
from workers.minds.words import sides_of

VERSION = "1"
"""Raised whenever the same percept would be answered otherwise."""

_WORK = {"farmer": "forage", "woodcutter": "cut_wood", "mason": "quarry", "miner": "mine", "trader": "socialise"}
_DOING = {
    "forage": "look for food",
    "cut_wood": "cut some wood",
    "quarry": "break stone",
    "mine": "dig for ore",
    "rest": "rest a while",
    "socialise": "see some people",
    "explore": "see what lies further on",
    "craft": "make a tool",
}
# By act; {to} is a given name, {give} and {take} the sides of a deal, {do} what the speaker is set on.
_SAYINGS: dict[str, tuple[str, ...]] = {
    "greet": (
        "Good day, {to}.", "{to}, it is good to see you.", "Well met, {to}. I am off to {do}.",
        "How does the day treat you, {to}?", "Hello, {to}. Fine weather to {do}.",
        "A kind face at last. Greetings, {to}.",
    ),
    "greet back": (
        "And to you, {to}.", "Good day to you too, {to}.", "Thank you, {to}. I am about to {do}.",
        "Hello, {to}. Walk well.",
    ),
    "propose": (
        "{to}, my {give} for your {take}?", "Would you take {give} for {take}, {to}?",
        "I can spare {give}. Have you {take} for it, {to}?", "Let us trade, {to}: {give} against {take}.",
        "I need {take}, {to}, and would give {give}.",
    ),
    "propose work": (
        "Shall we {do} together, {to}?", "Come and {do} with me, {to}.",
        "Two hands more would help. Let us {do}, {to}.",
    ),
    "accept": ("Agreed, {to}.", "A fair deal, {to}. Done.", "Yes, {to}, gladly.", "You have my hand on it, {to}."),
    "refuse": (
        "Not this time, {to}.", "I can't spare that, {to}.", "That is too dear for me, {to}.",
        "No, {to}, but ask again.",
    ),
    "inform": (
        "I don't know more than you, {to}. I mean to {do}.", "All I can say is that I will {do}, {to}.",
        "There is {about} around here, {to}.", "I saw {about} here, {to}.", "My plan is to {do}, {to}.",
    ),
    "thank": ("Thank you, {to}.", "I will not forget that, {to}.", "You are kind, {to}."),
    "gossip": ("Have you heard, {to}? {news}", "They say: {news}", "{to}, listen: {news}"),
    "ask": (
        "Have you seen food near here, {to}?", "Where do you go from here, {to}?", "What is new with you, {to}?",
        "Do you know a good place to {do}, {to}?", "Could you help me find {need}, {to}?",
    ),
}  # fmt: skip
_INSIGHTS = (
    "I keep coming back to this: {memory}", "What stays with me is that {memory}", "I should remember that {memory}",
    "Looking back, {memory}",
)  # fmt: skip


class ScriptedEngine:
    """Implements the `Engine` port by rules; the messages are not read, `Completion.percept` is."""

    def __init__(self) -> None:
        # The model is the rules themselves, so the version stands for its hash.
        self.identity: dict[str, Any] = {
            "name": "scripted", "version": VERSION, "model": "utility-planner", "model_hash": f"scripted-{VERSION}",
            "adapters": {}, "sampling": "none",
        }  # fmt: skip

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        """Return the planner's answer.

        Raises
        ------
        EngineRefused
            If the request carries no percept, or wants an adapter: there is nothing to adapt.
        """
        if wanted.percept is None:
            raise EngineRefused("the scripted mind needs the percept beside the prompt")
        if wanted.adapter is not None:
            raise EngineRefused(f"the scripted mind has no adapter {wanted.adapter!r}")
        percept = wanted.percept
        if wanted.schema is None:
            text = _told(percept)
        elif percept.get("purpose") == "reflection":
            text = json.dumps(_reflected(percept, wanted.seed))
        elif percept.get("purpose") == "survey":
            text = json.dumps(_chosen(percept, wanted.seed), ensure_ascii=False)
        else:
            text = json.dumps(_decided(percept, wanted.seed), ensure_ascii=False)
        return Completed(text=text, tokens_in=0, tokens_out=0, latency_ms=0, adapter=None, engine=f"scripted {VERSION}")

    def close(self) -> None:
        """Do nothing: nothing is held."""


def _decided(percept: dict[str, Any], seed: int) -> dict[str, Any]:
    intention = _intention(percept, seed)
    act, to, kind = _act(percept, seed)
    said = next((option for option, meant in options_of(percept).items() if meant == (act, to)), SILENT)
    if to is None or said == SILENT:
        return {"do": intention, "act": SILENT, "say": ""}
    label = next(name for name, agent in people_of(percept).items() if agent == to)
    return {"do": intention, "act": said, "say": _say(percept, seed, kind, label, to, intention)}


def _intention(percept: dict[str, Any], seed: int) -> str:
    """Return what presses most, else what the larder, the trade and the temper suggest."""
    needs, goods = percept["needs"], percept["goods"]
    traits = percept.get("traits", {})
    possible = intentions_of(percept)
    if needs["satiety"] * 1000 < LARDER and goods.get("food", 0) < 1:
        return "forage"
    if needs["energy"] * 1000 < TIRED:
        return "rest"
    if needs["company"] * 1000 < LONELY + 3 * traits.get("extraversion", 500):
        return "socialise"
    if "craft" in possible:
        return "craft"
    if goods.get("food", 0) * 1000 < LARDER:
        return "forage"
    if _dice(percept, seed, "explore", 1000) < traits.get("openness", 500) // 3:
        return "explore"
    if goods.get("tool", 0) == 0 and goods.get("wood", 0) < 2:
        return "cut_wood"
    work = _WORK.get(str(percept.get("occupation")), "forage")
    good = {"forage": "food", "cut_wood": "wood", "quarry": "stone", "mine": "ore"}.get(work)
    if good and goods.get(good, 0) * 1000 >= STOCKED:
        return ("socialise", "explore", "rest")[_dice(percept, seed, "idle", 3)]
    return work


def _act(percept: dict[str, Any], seed: int) -> tuple[str, int | None, str]:
    """Return the speech act, to whom, and which sayings fit it."""
    allowed = acts_of(percept)
    near = {int(o["agent"]): o for o in percept.get("near", ())}
    offerer = offerer_of(percept)
    if offerer is not None:
        act = "accept" if _would_accept(percept, percept["pending"]["terms"], seed) else "refuse"
        return act, offerer, act
    heard = next((line for line in reversed(percept.get("inbox", ())) if int(line["from"]) in near), None)
    if heard and heard["act"] == "ask":
        return "inform", int(heard["from"]), "inform"
    partners = [agent for agent, other in near.items() if other.get("deal")]
    if partners and _dice(percept, seed, "propose", 8) < 6:
        # The dearest first: a deal among friends is kept.
        best = max(partners, key=lambda agent: (near[agent].get("tie") or 0, -agent))
        return "propose", best, "propose"
    if near and _intention(percept, seed) in WORKS and _dice(percept, seed, "together", 6) == 0:
        return "propose", next(iter(near)), "propose work"
    if "gossip" in allowed and _dice(percept, seed, "gossip", 4) < 3:
        told = {int(line["from"]) for line in percept.get("inbox", ()) if line["act"] == "gossip"}
        fresh = [agent for agent in near if agent not in told]
        if fresh:
            return "gossip", fresh[_dice(percept, seed, "to", len(fresh))], "gossip"
    if heard and heard["act"] == "greet":
        return "greet", int(heard["from"]), "greet back"
    if heard and heard["act"] == "accept" and "thank" in allowed:
        return "thank", int(heard["from"]), "thank"
    if near:
        agents = list(near)
        act = "ask" if _dice(percept, seed, "ask", 3) == 0 else "greet"
        return act, agents[_dice(percept, seed, "to", min(2, len(agents)))], act
    return "none", None, "none"


def _would_accept(percept: dict[str, Any], terms: dict[str, Any], seed: int) -> bool:
    """Return whether an offer is worth taking: work if nothing else presses, goods if nothing is lost by them."""
    if "work" in terms:
        own = _intention(percept, seed)
        return own == terms["work"] or (own not in ("rest", "forage") and _dice(percept, seed, "work", 2) == 0)
    return _is_fair(percept["goods"], terms)


def _is_fair(goods: dict[str, Any], terms: dict[str, Any]) -> bool:
    """Return whether what is offered is worth at least what is asked for, to somebody who holds these goods."""
    gained, _ = _worth(goods, str(terms["give"]), int(terms["quantity"]))
    lost, enough = _worth(goods, str(terms["take"]), -int(terms["taken"]))
    return enough and gained >= lost


def _worth(goods: dict[str, Any], name: str, quantity: int) -> tuple[int, bool]:
    """Return the worth of so much more (or less, if negative) of a good, and whether that much is there."""
    try:
        good = Good[name.upper()]
    except KeyError:
        return 0, False
    if good == Good.TOOL:
        return 0, False
    unit = 1 if good == Good.COIN else 1_000
    held = int(goods.get(name, 0) * unit)
    count = max(1, abs(quantity) // unit)
    if quantity < 0:
        return count * int(worth_of_next(int(good), max(0, held - unit))), held >= -quantity
    return count * int(worth_of_next(int(good), held)), True


def _say(percept: dict[str, Any], seed: int, kind: str, label: str, to: int | None, intention: str) -> str:
    deal = next((o["deal"] for o in percept.get("near", ()) if int(o["agent"]) == to and o.get("deal")), None)
    give, take = sides_of(deal) if deal else ("", "")
    stocks = percept.get("place", {}).get("stocks", {})
    most = max(stocks, key=lambda good: (stocks[good], good)) if any(v >= 1 for v in stocks.values()) else ""
    scarce = min(("food", "wood", "stone"), key=lambda good: percept["goods"].get(good, 0))
    sayings = _SAYINGS[kind]
    saying = sayings[_dice(percept, seed, kind, len(sayings))]
    news = percept.get("news", ())
    return plain(
        saying.format(
            to=label.split(maxsplit=1)[0],
            give=give,
            take=take,
            do=_DOING[intention],
            about=plain(most, limit=12) or "nothing much",
            need=scarce,
            news=plain(news[-1], limit=SAY_MAX) if news else "",
        ),
        limit=SAY_MAX,
    )


def _reflected(percept: dict[str, Any], seed: int) -> dict[str, Any]:
    memories: Sequence[dict[str, Any]] = percept.get("memories", ())
    if not memories:
        return {"insight": "Nothing much has happened to me so far.", "cites": []}
    at = _dice(percept, seed, "insight", len(memories))
    text = plain(memories[at]["text"], limit=INSIGHT_MAX - 40).rstrip(".")
    insight = _INSIGHTS[_dice(percept, seed, "opening", len(_INSIGHTS))].format(memory=text[:1].lower() + text[1:])
    return {"insight": insight + ".", "cites": [at + 1]}


def _told(percept: dict[str, Any]) -> str:
    """Return what it says of itself to an interviewer, whatever the question."""
    goods = ", ".join(f"{int(v)} {k}" for k, v in percept.get("goods", {}).items() if v >= 1) or "nothing"
    memories = percept.get("memories", ())
    last = f" I remember: {plain(memories[-1]['text'], limit=100)}" if memories else ""
    doing = _DOING.get(str(percept.get("intention")), "get by")
    return f"I am {percept.get('name')}, {percept.get('occupation')}. I mean to {doing} and hold {goods}.{last}"


def _chosen(percept: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return one of the choices of a survey, whatever the question: it has no opinions."""
    chosen = {"answer": percept["choices"][_dice(percept, seed, "survey", len(percept["choices"]))]}
    return chosen | ({"because": "It is as good as any."} if percept["reasons"] else {})


def _dice(percept: dict[str, Any], seed: int, what: str, sides: int) -> int:
    text = f"{seed}:{percept.get('agent')}:{percept.get('tick')}:{what}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % sides
