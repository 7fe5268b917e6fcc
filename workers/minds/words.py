"""A percept in the words of a person: what a template puts into its sentences. Every string is inert."""

from __future__ import annotations

from typing import Any

from workers.minds.people import offerer_of, people_of
from workers.minds.plain import plain

SHOWN_NEAR, SHOWN_RECENT, SHOWN_NEWS = 3, 2, 1
"""How many of each a prompt shows: the nearest, and the newest. The rest would push memories out."""
LINE_MAX = 90
"""Characters of a line that somebody else wrote: inbox, news, memories, recent events."""
QUESTION_MAX = 400

_BIOMES = {
    "water": "at the water",
    "grassland": "on grassland",
    "forest": "in a forest",
    "marsh": "in a marsh",
    "hills": "in the hills",
    "mountain": "on a mountain",
}
_INTENTIONS = {
    "forage": "looking for food",
    "cut_wood": "cutting wood",
    "quarry": "quarrying stone",
    "mine": "mining ore",
    "rest": "resting",
    "socialise": "looking for company",
    "explore": "exploring",
    "craft": "making a tool",
}
# Of whoever is listed all are within hearing, so how many steps off they are is left out: digits are dear.
_VERBS = {
    "greet": "greets you",
    "inform": "tells you",
    "ask": "asks you",
    "propose": "makes you an offer",
    "accept": "agrees",
    "refuse": "declines",
    "thank": "thanks you",
    "gossip": "has heard",
}
_AGREEABLE = 450
_LONELY, _LONELY_BY_EXTRAVERSION, _SOCIABLE = 2.5, 3.0, 8.5  # as `domain.rules.constants` and `choose._wish`


def view_of(percept: dict[str, Any]) -> dict[str, Any]:
    """Return what templates show: strings and lists of strings, nothing that they have to work out."""
    labels = {agent: label for label, agent in people_of(percept).items()}
    lines = list(percept.get("inbox", ()))
    offerer, offer, words = offerer_of(percept), _offer(percept, labels), ""
    # The offer is the last thing shown, with the words that it was made in, and not told twice.
    if offer and lines and lines[-1].get("act") == "propose" and int(lines[-1]["from"]) == offerer:
        words = plain(lines.pop().get("text", ""), limit=LINE_MAX)
    return {
        "name": plain(percept.get("name", ""), limit=40) or "Somebody",
        "occupation": plain(percept.get("occupation", ""), limit=20) or "settler",
        "backstory": plain(percept.get("backstory", ""), limit=160),
        "values": _listed([plain(v, limit=24) for v in percept.get("values", ())][:3]),
        "style": plain(percept.get("style", ""), limit=60),
        "place": _place(percept.get("place", {})),
        "needs": _needs(percept.get("needs", {}), percept.get("traits", {})),
        "goods": _goods(percept.get("goods", {})),
        "doing": _INTENTIONS.get(str(percept.get("intention")), ""),
        "near": [_person(other, labels, offerer) for other in list(percept.get("near", ()))[:SHOWN_NEAR]],
        "inbox": [_heard(line, labels) for line in lines],
        "answers": _yes_or_no(percept),
        "offer": f'{offer}: "{words}"' if words else offer,
        "recent": [plain(line, limit=LINE_MAX) for line in list(percept.get("recent", ()))[-SHOWN_RECENT:]],
        "news": [plain(line, limit=LINE_MAX) for line in list(percept.get("news", ()))[-SHOWN_NEWS:]],
    }


def sides_of(deal: dict[str, Any]) -> tuple[str, str]:
    """Return both sides of a deal, such as ("1 wood", "3 coins"): what is given by whose deal it is, and taken."""
    return _amount(deal["give"], deal["quantity"]), _amount(deal["take"], deal["taken"])


def _amount(good: str, quantity: int) -> str:
    name = plain(good, limit=12)
    if good == "coin":
        return f"{int(quantity)} coin{'' if quantity == 1 else 's'}"
    if good == "tool":
        return "a tool"
    return f"{_number(quantity / 1000)} {name}"


def _number(units: float) -> str:
    """Return whole units, which are what is bartered and eaten; a part of one only where that is all."""
    return str(int(units)) if units >= 1 else f"{units:.1f}"


def _listed(words: list[str]) -> str:
    words = [w for w in words if w]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _place(place: dict[str, Any]) -> str:
    where = _BIOMES.get(str(place.get("biome")), "outdoors")
    stocks = place.get("stocks", {})
    much = [good for good in ("food", "wood", "stone", "ore") if stocks.get(good, 0) >= 5]
    some = [good for good in ("food", "wood", "stone", "ore") if 1 <= stocks.get(good, 0) < 5]
    about = [
        part for part in (f"much {_listed(much)}" if much else "", f"some {_listed(some)}" if some else "") if part
    ]
    return f"{where} with {_listed(about)}" if about else f"{where} where nothing is left"


def _needs(needs: dict[str, Any], traits: dict[str, Any]) -> str:
    energy, satiety, company = (float(needs.get(k, 10)) for k in ("energy", "satiety", "company"))
    lonely = _LONELY + _LONELY_BY_EXTRAVERSION * float(traits.get("extraversion", 500)) / 1000
    return _listed(
        [
            "exhausted" if energy < 2.5 else "tired" if energy < 5 else "strong",
            "starving" if satiety < 2 else "hungry" if satiety < 6 else "well fed",
            "lonely" if company < lonely else "tired of company" if company >= _SOCIABLE else "",
        ]
    )


def _goods(goods: dict[str, Any]) -> str:
    held = [f"{_number(float(goods.get(g, 0)))} {g}" for g in ("food", "wood", "stone", "ore") if goods.get(g, 0) > 0]
    if goods.get("coin", 0) > 0:
        held.append(_amount("coin", goods["coin"]))
    if goods.get("tool", 0) > 0:
        held.append("a tool")
    return _listed(held) or "nothing"


def _person(other: dict[str, Any], labels: dict[int, str], offerer: int | None) -> str:
    tie = float(other.get("tie") or 0)
    known = "stranger" if tie <= 0 else "known" if tie < 100 else "friend" if tie < 400 else "close friend"
    text = f"{labels[int(other['agent'])]} ({plain(other.get('occupation', 'settler'), limit=20)}, {known})"
    if other.get("deal") and int(other["agent"]) != offerer:
        given, taken = sides_of(other["deal"])
        text += f" would give {taken} for {given}"
    return text


def _heard(line: dict[str, Any], labels: dict[int, str]) -> str:
    name = labels.get(int(line["from"])) or plain(line.get("name", ""), limit=40) or "Somebody"
    verb = _VERBS.get(str(line.get("act")), "says")
    text = plain(line.get("text", ""), limit=LINE_MAX)
    return f'{name} {verb}: "{text}"' if text else f"{name} {verb}."


def _yes_or_no(percept: dict[str, Any]) -> str:
    """Return the two answers to an offer. A small model leans to the first it reads, so character puts it there."""
    agreeable = float(percept.get("traits", {}).get("agreeableness", 500)) >= _AGREEABLE
    return "accept or refuse" if agreeable else "refuse or accept"


def _offer(percept: dict[str, Any], labels: dict[int, str]) -> str:
    pending = percept.get("pending")
    if not pending or int(pending["from"]) not in labels or not pending.get("terms"):
        return ""
    who, terms, yes_or_no = labels[int(pending["from"])], pending["terms"], _yes_or_no(percept)
    if "work" in terms:
        return f"{who} wants you for {_INTENTIONS[str(terms['work'])]} together, {yes_or_no}"
    given, taken = sides_of(terms)
    return f"{who} offers {given} for your {taken}, {yes_or_no}"
