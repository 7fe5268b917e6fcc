"""Inputs: whatever a run can't compute again, each stored once under its key before it is used.

An answer of a mind, a refusal, an intervention: one input, which takes effect at a tick known when
it was asked. Inputs are applied in key order at the tick barrier, never in order of arrival.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.codes import Act, Good, Intention
from domain.configuration import canonical_json
from domain.errors import InvalidInput, shown

INTENTION, REFLECTION, INTERVENTION = "intention", "reflection", "intervention"
PURPOSES = (INTENTION, REFLECTION, INTERVENTION)
TEXT_MAX = 400
NOBODY = -1
"""Stands in the key of an intervention that concerns no agent in particular."""
DEEDS = ("endow", "news", "rest", "remove", "add", "stock")
"""What an intervention can do."""
_GIVEN = ("food", "wood", "stone", "ore", "coin")
_AMOUNT_MAX, _AGENTS_MAX = 100_000_000, 10_000


@dataclass(frozen=True, order=True)
class InputKey:
    """What identifies an input within a run: the same on every retry, applied once."""

    asked_tick: int
    agent: int
    purpose: str
    call: int = 0

    def as_tuple(self) -> tuple[int, int, str, int]:
        """Return (asked tick, agent, purpose, call)."""
        return (self.asked_tick, self.agent, self.purpose, self.call)


@dataclass(frozen=True)
class Input:
    """One recorded input.

    Attributes
    ----------
    key : InputKey
    effect_tick : the tick at whose beginning it takes effect
    answer : JSON object. For `intention`: {"intention": name} and, if wanted, "goal": cell, "act": speech act,
        "to": agent, "say": text, "terms": of a proposal; for `reflection`: {"insight": text, "cites": [memory ids]};
        for either {"refused": why}; for `intervention`: {"by", "why"} and what is done, of an agent: "endow": {good:
        quantity}, "news": text, or one of "rest": true (in that very tick, whatever it was set on), "remove": true;
        of the world (agent `NOBODY`): "add": {"agents": n} and if wanted "cell" near which, "stock": {"good": name,
        "cells": [cell, …] or "all"} with "amount" in milli-units or "percent" of what each cell can hold
    about : what is kept beside it and never hashed (latency, tokens, engine, …)
    """

    key: InputKey
    effect_tick: int
    answer: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)

    def canonical_answer(self) -> bytes:
        """Return the canonical bytes of the answer."""
        return canonical_json(self.answer).encode("ascii")

    def answer_hash(self) -> str:
        """Return the SHA-256 of the canonical answer in hex: what the event that uses it keeps."""
        return hashlib.sha256(self.canonical_answer()).hexdigest()

    def digest(self) -> bytes:
        """Return the SHA-256 of key, effect tick and answer.

        Kept beside the row, so that a changed one is noticed even before its tick has come.
        """
        text = canonical_json([*self.key.as_tuple(), self.effect_tick, self.answer])
        return hashlib.sha256(text.encode("ascii")).digest()


def validated(given: Input, *, n_cells: int) -> Input:
    """Return the input if the rules can apply it.

    Raises
    ------
    InvalidInput
        Saying what is wrong with it.
    """
    key, answer = given.key.as_tuple(), given.answer
    if given.key.purpose not in PURPOSES:
        raise InvalidInput(key, f"unknown purpose; there are {', '.join(PURPOSES)}")
    if given.effect_tick <= given.key.asked_tick:
        raise InvalidInput(key, f"it can't take effect at tick {given.effect_tick}, before it was asked")
    if given.effect_tick >= 2**31:
        raise InvalidInput(key, f"it can't take effect at tick {shown(given.effect_tick)}: no run has so many")
    if given.key.purpose == INTENTION and "refused" not in answer:
        _validate_intention(key, answer, n_cells)
    if given.key.purpose == REFLECTION and "refused" not in answer:
        _require_text(key, "insight", answer.get("insight"))
        cites = answer.get("cites", [])
        if not isinstance(cites, list) or len(cites) > 16 or not all(_is_address(c) for c in cites):
            raise InvalidInput(key, f"cites {cites!r} are no memories")
    if given.key.purpose == INTERVENTION:
        _validate_intervention(key, answer, n_cells)
    return given


def _validate_intention(key: tuple[int, int, str, int], answer: dict[str, Any], n_cells: int) -> None:
    names = [i.name.lower() for i in Intention]
    if answer.get("intention") not in names:
        raise InvalidInput(key, f"intention {answer.get('intention')!r} is none of {', '.join(names)}")
    goal = answer.get("goal")
    if goal is not None and not (_is_whole(goal) and 0 <= goal < n_cells):
        raise InvalidInput(key, f"goal {goal!r} is no cell of the grid")
    act, other = answer.get("act"), answer.get("to")
    if act in (None, "none"):
        return
    acts = [a.name.lower() for a in Act]
    if act not in acts:
        raise InvalidInput(key, f"act {act!r} is none of {', '.join(acts)}")
    if not isinstance(other, int) or isinstance(other, bool) or not 0 <= other < 2**31 or other == key[1]:
        raise InvalidInput(key, f"words to {other!r}, who is nobody else")
    if act in ("inform", "ask", "gossip") or answer.get("say"):  # the others say enough by themselves
        _require_text(key, "say", answer.get("say"))
    terms = answer.get("terms")
    if terms is not None and not _is_bargain(terms):
        raise InvalidInput(key, f"terms {terms!r} are no bargain")


def _is_bargain(terms: object) -> bool:
    if not isinstance(terms, dict):
        return False
    if set(terms) == {"work"}:
        return terms["work"] in [i.name.lower() for i in list(Intention)[:4]]
    goods = [g.name.lower() for g in Good if g != Good.TOOL]
    return (
        set(terms) == {"give", "quantity", "take", "taken"}
        and terms["give"] in goods
        and terms["take"] in goods
        and terms["give"] != terms["take"]
        and all(_is_whole(terms[k]) and 0 < terms[k] <= 1_000_000 for k in ("quantity", "taken"))
    )


def plain(text: str) -> str:
    """Return a text as stores can keep it: without null characters and halves of pairs, at most `TEXT_MAX` long."""
    whole = text[:TEXT_MAX].replace("\0", "\ufffd")
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _require_text(key: tuple[int, int, str, int], name: str, text: object) -> None:
    # Neither a null character nor half of a surrogate pair can be kept as text by Postgres, or hashed as UTF-8.
    if not isinstance(text, str) or not text.strip() or text != plain(text):
        raise InvalidInput(key, f"{name} {shown(text)} is no text of 1 to {TEXT_MAX} characters")


def _validate_intervention(key: tuple[int, int, str, int], answer: dict[str, Any], n_cells: int) -> None:
    unknown = sorted(set(answer) - {"by", "why", *DEEDS})
    if unknown:
        raise InvalidInput(key, f"{shown(', '.join(unknown))} is nothing that can be done; {', '.join(DEEDS)} are")
    for name in ("by", "why"):
        if answer.get(name):
            _require_text(key, name, answer[name])
    if "news" in answer:
        _require_text(key, "news", answer["news"])
    endow = answer.get("endow", {})
    if not isinstance(endow, dict):
        raise InvalidInput(key, f"can't endow {shown(endow)}: it names no goods")
    for good, quantity in endow.items():
        if good not in _GIVEN:
            raise InvalidInput(key, f"can't endow {shown(good)}: {', '.join(_GIVEN)} can be given")
        if not _lies(quantity, 1, _AMOUNT_MAX):
            raise InvalidInput(key, f"can't endow {shown(quantity)} of {good}: it is outside 1 … {_AMOUNT_MAX:,}")
    done = [name for name in DEEDS if name in answer]
    for name in ("rest", "remove"):
        if name in answer and (answer[name] is not True or len(done) > 1):
            raise InvalidInput(key, f"{name} {shown(answer[name])} is true or not there, and goes with nothing else")
    if key[1] == NOBODY and not set(done) <= {"add", "stock"}:
        raise InvalidInput(key, f"whom does it concern? {', '.join(done)} is done to an agent")
    if "add" in done or "stock" in done:
        if key[1] != NOBODY or not set(done) <= {"add", "stock"}:
            raise InvalidInput(key, "add and stock are done to the world: leave the agent out, and what is done to one")
        _validate_of_world(key, answer, n_cells)


def _validate_of_world(key: tuple[int, int, str, int], answer: dict[str, Any], n_cells: int) -> None:
    add, stock = answer.get("add"), answer.get("stock")
    if "add" in answer:
        if not isinstance(add, dict) or not {"agents"} <= set(add) <= {"agents", "cell"}:
            raise InvalidInput(key, f"can't add {shown(add)}: say how many agents, and near which cell if it matters")
        if not _lies(add["agents"], 1, _AGENTS_MAX):
            raise InvalidInput(key, f"can't add {shown(add['agents'])} agents: it has to be 1 … {_AGENTS_MAX:,}")
        if "cell" in add and not _lies(add["cell"], 0, n_cells - 1):
            raise InvalidInput(key, f"{shown(add['cell'])} is no cell of the grid")
    if "stock" not in answer:
        return
    if not isinstance(stock, dict) or set(stock) not in ({"good", "cells", "amount"}, {"good", "cells", "percent"}):
        raise InvalidInput(key, f"can't change the stock {shown(stock)}: it takes good, cells, and amount or percent")
    if stock["good"] not in ("food", "wood", "stone", "ore"):
        raise InvalidInput(key, f"{shown(stock['good'])} does not lie in cells; food, wood, stone and ore do")
    cells = stock["cells"]
    if cells != "all" and not (isinstance(cells, list) and cells and all(_lies(c, 0, n_cells - 1) for c in cells)):
        raise InvalidInput(key, "its cells are no cells of the grid, nor all")
    if cells != "all" and len(set(cells)) < len(cells):
        raise InvalidInput(key, "it names a cell twice")
    for name, most in (("amount", _AMOUNT_MAX), ("percent", 1_000)):
        if name in stock and not _lies(stock[name], 0, most):
            raise InvalidInput(key, f"{name} {shown(stock[name])} lies outside 0 … {most:,}")


def _is_address(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch("[0-9]{1,10}:[0-9]{1,10}", text) is not None


def _lies(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Inputs:
    """The inputs of one tick, in key order.

    Parameters
    ----------
    rows : the inputs that take effect at the tick
    """

    def __init__(self, rows: Iterable[Input] = ()) -> None:
        self.rows: Sequence[Input] = sorted(rows, key=lambda i: i.key)

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, agent: int, purpose: str) -> list[Input]:
        """Return the agent's inputs of that purpose."""
        return [i for i in self.rows if i.key.agent == agent and i.key.purpose == purpose]


NO_INPUTS = Inputs()


def answer_from(data: bytes) -> dict[str, Any]:
    """Return the answer that `canonical_answer` made these bytes of."""
    answer: dict[str, Any] = json.loads(data)
    return answer
