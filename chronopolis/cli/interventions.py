"""Interventions as people write them: options of `polis intervene`, words or JSON of `polis fork --intervene`.

In words, ``agent=17 endow.food=5000``: names and values between spaces, quoted as in a shell.

============================= ==========================================================================
words                         what is done
============================= ==========================================================================
agent=A                       whom it concerns, by id or name
endow.GOOD=AMOUNT             the agent is given so many thousandths of a good, or coins
news=TEXT                     the agent hears news
rest                          the agent rests in that tick, whatever it was set on
remove                        the agent leaves the world; its goods pass to its heir
add=N cell=C                  so many agents join, near a cell if one is named
stock.GOOD=AMOUNT cells=A,B   cells hold so many thousandths of a resource from then on; 50%: of what they
                              can hold; all cells if none is named
at=T by=WHO why=REASON        the tick of effect, who, and the reason
============================= ==========================================================================
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from chronopolis.errors import WrongUsage
from chronopolis.sentences import amount, counted
from domain.errors import cut, shown


def intervention_of(text: str) -> dict[str, Any]:
    """Return what ``--intervene`` says: a JSON object, or words.

    Raises
    ------
    WrongUsage
    """
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text, object_pairs_hook=_once)
        except ValueError as error:
            raise WrongUsage(f"--intervene: it is no JSON ({error})") from None
        assert isinstance(found, dict)
        return found
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise WrongUsage(f"--intervene {cut(text)}: {error}") from None
    if not words:
        raise WrongUsage("--intervene: it says nothing")
    given: dict[str, Any] = {}
    for word in words:
        _take_word(given, word)
    return _with_places(given)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; of a name that stands in it twice, Python would keep the last and say nothing."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise WrongUsage(f"--intervene: {shown(name)} is there twice; give it once")
        found[name] = value
    return found


def _take_word(given: dict[str, Any], word: str) -> None:
    key, equals, value = word.partition("=")
    good = key.removeprefix("endow.").lower()
    if key in given or (key.startswith("endow.") and good in given.get("endow", {})):
        raise WrongUsage(f"--intervene: {shown(word)}: {shown(key)} was said already; give it once")
    if word in ("rest", "remove"):
        given[word] = True
    elif not equals or not value:
        raise WrongUsage(f"--intervene: {shown(word)} says nothing", "Write words such as agent=17 endow.food=5000.")
    elif key in ("agent", "news", "by", "why"):
        given[key] = int(value) if key == "agent" and value.isdecimal() else value
    elif key in ("at", "cell"):
        given[key] = whole(value, word)
    elif key == "cells":
        given[key] = cells_of(value)
    elif key == "add":
        given["add"] = {"agents": whole(value, word)}
    elif key.startswith("endow."):
        given.setdefault("endow", {})[good] = amount_of(value, word)
    elif key.startswith("stock.") and "stock" not in given:
        given["stock"] = stock_of(f"{key.removeprefix('stock.')}={value}")
    else:
        raise WrongUsage(f"--intervene: {shown(word)} is nothing that can be done", _KNOWN)


_KNOWN = "Words: agent= endow.GOOD= news= rest remove add= cell= stock.GOOD= cells= at= by= why=; or a JSON object."


def _with_places(given: dict[str, Any]) -> dict[str, Any]:
    if "cell" in given:
        given.setdefault("add", {})["cell"] = given.pop("cell")
    if "cells" in given:
        given.setdefault("stock", {})["cells"] = given.pop("cells")
    return given


def deeds_of(
    *,
    endow: Sequence[str] = (),
    news: str | None = None,
    rest: bool = False,
    remove: bool = False,
    add: int | None = None,
    cell: int | None = None,
    stock: str | None = None,
    cells: str | None = None,
) -> dict[str, Any]:
    """Return what the options of `polis intervene` do.

    Raises
    ------
    WrongUsage
    """
    given: dict[str, Any] = {}
    if news is not None:
        given["news"] = news
    for each in endow:
        good, equals, amount = each.partition("=")
        if not equals or not good.strip():
            raise WrongUsage(f"--endow {cut(each)}: write GOOD=AMOUNT, such as food=5000")
        good = good.strip().lower()
        if good in given.setdefault("endow", {}):
            raise WrongUsage(f"--endow {cut(each)}: {shown(good)} was given already; give it once")
        given["endow"][good] = amount_of(amount, f"--endow {each}")
    given |= {name: True for name, wanted in (("rest", rest), ("remove", remove)) if wanted}
    if add is not None:
        given["add"] = {"agents": add, **({} if cell is None else {"cell": cell})}
    elif cell is not None:
        raise WrongUsage("--cell goes with --add")
    if stock is not None:
        given["stock"] = stock_of(stock) | ({} if cells is None else {"cells": cells_of(cells)})
    elif cells is not None:
        raise WrongUsage("--cells goes with --stock")
    return given


def stock_of(text: str) -> dict[str, Any]:
    """Return what ``GOOD=AMOUNT`` or ``GOOD=50%`` says of stocks."""
    good, equals, amount = text.partition("=")
    number = amount.removesuffix("%")
    if not equals or not re.fullmatch("[0-9]{1,12}", number):
        raise WrongUsage(f"stock {cut(text)}: write GOOD=AMOUNT in thousandths, or GOOD=50% of what cells can hold")
    name = "percent" if amount.endswith("%") else "amount"
    return {"good": good.strip().lower(), "cells": "all", name: int(number)}


def cells_of(text: str) -> list[int] | str:
    """Return the cells that are named, or "all"."""
    if text == "all":
        return text
    return [whole(each, f"cells={text}") for each in text.split(",")]


def whole(value: str, word: str) -> int:
    """Return a whole number."""
    if re.fullmatch("[0-9]{13,}", value):
        raise WrongUsage(f"{cut(word)}: {shown(value)} is too large")
    if not re.fullmatch("[0-9]{1,12}", value):
        raise WrongUsage(f"{cut(word)}: {shown(value)} is no whole number from 0 on")
    return int(value)


def amount_of(value: str, word: str) -> int:
    """Return how much is given of a good."""
    if re.fullmatch("[0-9]{13,}", value):
        raise WrongUsage(f"{cut(word)}: the amount {shown(value)} is too large")
    if not re.fullmatch("[0-9]{1,12}", value) or int(value) == 0:
        raise WrongUsage(
            f"{cut(word)}: the amount {shown(value)} is no whole number above 0",
            "Goods are counted in thousandths, coins in pieces: food=5000 is 5 food.",
        )
    return int(value)


# -- how they are told ---------------------------------------------------------------------------------


def intervention_line(given: dict[str, Any]) -> str:
    """Return an intervention on a line; amounts in units, as people are told them everywhere."""
    parts = [f"{amount(good, quantity)} given" for good, quantity in given.get("endow", {}).items()]
    parts += [f"told “{given['news']}”"] if "news" in given else []
    parts += [word for name, word in (("rest", "made to rest"), ("remove", "taken away")) if given.get(name)]
    if "add" in given:
        parts.append(f"{counted(given['add']['agents'], 'agent')} added")
    if "stock" in given:
        stock, which = given["stock"], given["stock"]["cells"]
        if "percent" in stock:
            cells = "all cells" if which == "all" else counted(len(which), "cell")
            parts.append(f"{stock['good']} {stock['percent']} % of capacity in {cells}")
        else:
            cells = "every cell" if which == "all" else "1 cell" if len(which) == 1 else f"each of {len(which):,} cells"
            parts.append(f"{amount(stock['good'], stock['amount'])} in {cells}")
    who = "" if given.get("agent") is None else f"agent {given['agent']}: "
    why = f" ({given['why']})" if given.get("why") else ""
    if not parts:
        return f"tick {given['effect_tick']:,}: because {given.get('why') or 'of nothing'}"
    return f"tick {given['effect_tick']:,}: {who}{', '.join(parts)}{why}"


def outcome_line(run: str, tick: int) -> str:
    """Return where it will stand what came of an intervention."""
    where = f"polis events {run} --tick {tick} --kind InterventionMade"
    return f"what comes of it will stand in that tick's event, a refusal with its reason: `{where}`"
