"""The base set of measures. To add one, add one definition to one of the lists below.

Amounts held are in units (kept as whole thousandths), coins and uses of tools in pieces. Fractions are not rounded
but to the nearest float64.

References
----------
.. [1] Sen (1973), On Economic Inequality, Oxford, ch. 2: G = (2 Σ i·x_i) / (n Σ x_i) - (n + 1) / n
.. [2] Kirman & Vriend (2001), Evolving market structure, J. Econ. Dyn. Control 25, 459-502: the price of a period is
   what was paid in it over what was bought for that.
.. [3] Granovetter (1973), The strength of weak ties, Am. J. Sociol. 78, 1360-1380
.. [4] FAO (2001), The State of Food Insecurity: prevalence is the part of a population below a requirement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain import events as ev
from domain.codes import CauseOfDeath, Good
from domain.columns import COMPANY, ENERGY, GOODS, N_TIES, SATIETY, THOUGHT_DUE, TIE_OTHER, TIE_STRENGTH
from domain.events import EventKind
from domain.measures.look import Look
from domain.measures.quotient import NO_VALUE, quotient
from domain.measures.registry import Measure
from domain.minds.columns import MEMORY, MEMORY_SLOTS, TALK
from domain.rules.constants import HUNGRY, STARVING

FOOD, WOOD, STONE, ORE, COIN, TOOL = Good

WORTHS = {FOOD: 40, WOOD: 25, STONE: 15, ORE: 25, COIN: 6}
"""Tenths that a unit, or a coin, counts in worth: what the rules of barter hold a first one to be worth, so that
worth can be compared between ticks and runs whatever prices are paid. Tools are means, and not counted."""

COMES_AND_GOES = (ev.AGENT_JOINED, ev.AGENT_BORN, ev.AGENT_DIED)
_HOLDING = (
    ev.GOODS_ENDOWED, ev.GOODS_GATHERED, ev.MEAL_EATEN, ev.TOOL_CRAFTED, ev.GOODS_TRADED, ev.GOODS_GIVEN,
    ev.GIFT_RECEIVED, ev.CHILD_BORNE, ev.GOODS_INHERITED, *COMES_AND_GOES,
)  # fmt: skip
_TYING = (
    ev.AGENTS_MET, ev.WORDS_SPOKEN, ev.SPEECH_MADE, ev.GOODS_TRADED, ev.GOODS_GIVEN, ev.GIFT_RECEIVED, *COMES_AND_GOES,
)  # fmt: skip


def gini(values: NDArray[np.int64]) -> float:
    """Return the Gini coefficient [1]_ of non-negative amounts, in [0, 1); 0 if there is nothing to share.

    No value if there is nobody to share it: villages that died out are not to count as equal ones in a mean.
    """
    n, total = len(values), int(values.sum())
    if n == 0:
        return NO_VALUE
    if total == 0:
        return 0.0
    weighted = int(np.dot(np.arange(1, n + 1), np.sort(values)))
    return quotient(2 * weighted - (n + 1) * total, n * total)


def worth(look: Look, *, coins: bool) -> NDArray[np.int64]:
    """Return what each of the living holds in worth: ten-thousandths of a unit that counts 1."""
    total = sum(look[GOODS + good] * WORTHS[good] for good in (FOOD, WOOD, STONE, ORE))
    if coins:
        total = total + look[GOODS + COIN] * (1000 * WORTHS[COIN])
    return np.asarray(total, np.int64)


def _unequal(name: str, meaning: str, held: Callable[[Look], NDArray[np.int64]]) -> Measure:
    return _fraction(name, "0 to 1", meaning, lambda look: gini(held(look)), moved_by=_HOLDING,
                     source="Gini coefficient [1]", version=3)  # fmt: skip


def price(look: Look, good: int) -> float:
    """Return the coins paid for a unit, over all barters of the tick for coins; no value without one."""
    sold, coins = look.bartered(good, COIN)
    return quotient(1000 * coins, sold)


def mean_strength(look: Look) -> float:
    """Return the mean strength of all ties of the living; no value where there is none."""
    there = np.count_nonzero(look.living[TIE_OTHER : TIE_OTHER + N_TIES] >= 0)
    return quotient(look.total(TIE_STRENGTH, N_TIES), 1000 * there)


def _level(name: str, unit: str, meaning: str, of: Any, **more: Any) -> Measure:
    return Measure(name, unit, meaning, "level", of, **more)


def _fraction(name: str, unit: str, meaning: str, of: Any, **more: Any) -> Measure:
    return Measure(name, unit, meaning, "level", of, fraction=True, **{"version": 2, **more})


def _flow(name: str, unit: str, meaning: str, of: Any, moved_by: tuple[EventKind, ...], **more: Any) -> Measure:
    return Measure(name, unit, meaning, "flow", of, moved_by=moved_by, **more)


def _events_of(name: str, kind: EventKind, meaning: str) -> Measure:
    return _flow(name, "events", meaning, lambda look: look.count(kind), (kind,))


_PEOPLE = (
    _level("population", "agents", "Who live.", lambda look: look.population, moved_by=COMES_AND_GOES),
    _level("came", "agents", "Who ever came, founders included.", lambda look: look.world.next_agent,
           moved_by=(ev.AGENT_JOINED, ev.AGENT_BORN), rising=True),
    _level("gone", "agents", "Who ever came and are not there any more.",
           lambda look: look.world.next_agent - look.population, moved_by=(ev.AGENT_DIED,), rising=True),
    _events_of("births", ev.AGENT_BORN, "Children born."),
    _events_of("deaths", ev.AGENT_DIED, "Deaths, whatever the cause."),
    _flow("deaths_hunger", "events", "Deaths by hunger.",
          lambda look: look.count(ev.AGENT_DIED, CauseOfDeath.HUNGER), (ev.AGENT_DIED,)),
    _flow("deaths_old_age", "events", "Deaths by old age.",
          lambda look: look.count(ev.AGENT_DIED, CauseOfDeath.OLD_AGE), (ev.AGENT_DIED,)),
    _flow("deaths_removed", "events", "Agents taken out of the world by an intervention.",
          lambda look: look.count(ev.AGENT_DIED, CauseOfDeath.REMOVED), (ev.AGENT_DIED,)),
    _fraction("age", "ticks", "Mean age.", lambda look: quotient(look.ages.sum(), look.population),
              moved_by=COMES_AND_GOES),
)  # fmt: skip

_NEEDS = (
    _fraction("energy", "units", "Mean energy, of 10.", lambda look: look.mean(ENERGY)),
    _fraction("satiety", "units", "Mean satiety, of 10.", lambda look: look.mean(SATIETY)),
    _fraction("company", "units", "Mean company, of 10.", lambda look: look.mean(COMPANY)),
    _fraction("hungry", "share", f"Part of the living whose satiety is below {HUNGRY / 1000:g}, where rules seek food.",
              lambda look: look.share(look[SATIETY] < HUNGRY), source="prevalence [4]"),
    _fraction("starving", "share", f"Part of the living whose satiety is below {STARVING / 1000:g}.",
              lambda look: look.share(look[SATIETY] < STARVING), source="prevalence [4]"),
)  # fmt: skip


def _held(name: str, good: int) -> Measure:
    whole = good in (COIN, TOOL)
    unit = "uses" if good == TOOL else "coins" if whole else "units"
    return _level(name, unit, f"What the living hold: {'uses of tools' if good == TOOL else name}.",
                  lambda look: look.total(GOODS + good), milli=not whole, moved_by=_HOLDING)  # fmt: skip


_WEALTH = (
    *(_held(name, good) for name, good in zip(("food", "wood", "stone", "ore", "coins", "tools"), Good, strict=True)),
    _level("stock_food", "units", "Food that lies in all cells, grown to this tick.",
           lambda look: look.in_cells(FOOD), milli=True,
           moved_by=(ev.GOODS_GATHERED, ev.CELL_FORMED, ev.STOCK_CHANGED)),
    _unequal("gini_coins", "How unequally coins are held.", lambda look: look[GOODS + COIN]),
    _unequal("gini_food", "How unequally food is held.", lambda look: look[GOODS + FOOD]),
    _unequal("gini_goods", "How unequally food, wood, stone and ore are held, by worth.",
             lambda look: worth(look, coins=False)),
    _unequal("gini_wealth", "How unequally goods and coins together are held, by worth.",
             lambda look: worth(look, coins=True)),
)  # fmt: skip


def _traded(name: str, good: int) -> Measure:
    whole = good in (COIN, TOOL)
    return _flow(f"traded_{name}", "coins" if whole else "units", f"How much changed hands in barters: {name}.",
                 lambda look: look.given(ev.GOODS_TRADED, good), (ev.GOODS_TRADED,), milli=not whole)  # fmt: skip


def _sold(name: str, good: int) -> tuple[Measure, Measure]:
    return (
        _flow(f"sold_{name}", "units", f"How much was bought with coins: {name}.",
              lambda look: look.bartered(good, COIN)[0], (ev.GOODS_TRADED,), milli=True),
        _flow(f"paid_{name}", "coins", f"Coins paid for {name}.",
              lambda look: look.bartered(good, COIN)[1], (ev.GOODS_TRADED,)),
    )  # fmt: skip


def _priced(name: str, good: int) -> Measure:
    return _flow(f"price_{name}", "coins a unit", f"What was paid for {name} in barters for coins.",
                 lambda look: price(look, good), (ev.GOODS_TRADED,), fraction=True,
                 paid_for=(f"paid_{name}", f"sold_{name}"), source="unit value [2]", version=2)  # fmt: skip


def _gathered(name: str, good: int) -> Measure:
    return _flow(f"gathered_{name}", "units", f"How much was taken from cells: {name}.",
                 lambda look: look.given(ev.GOODS_GATHERED, good), (ev.GOODS_GATHERED,), milli=True)  # fmt: skip


_RESOURCES = tuple((good.name.lower(), good) for good in (FOOD, WOOD, STONE, ORE))
_TRADE = (
    _events_of("trades", ev.GOODS_TRADED, "Legs of barters: two for each exchange, one a side."),
    *(_traded(name, good) for name, good in (*_RESOURCES, ("coins", COIN))),
    *(measure for name, good in _RESOURCES for measure in _sold(name, good)),
    *(_priced(name, good) for name, good in _RESOURCES),
    *(_gathered(name, good) for name, good in _RESOURCES),
    _flow("eaten", "units", "Food eaten.", lambda look: look.given(ev.MEAL_EATEN, FOOD), (ev.MEAL_EATEN,), milli=True),
    _events_of("gifts", ev.GOODS_GIVEN, "Things given away."),
    _events_of("crafts", ev.TOOL_CRAFTED, "Tools made."),
    _events_of("moves", ev.AGENT_MOVED, "Steps taken."),
    _events_of("rests", ev.AGENT_RESTED, "Agents that rested."),
)  # fmt: skip

_SOCIETY = (
    _level("ties", "ties", f"Ties that the living keep, to the dead too, at most {N_TIES} each.",
           lambda look: int(np.count_nonzero(look.living[TIE_OTHER : TIE_OTHER + N_TIES] >= 0)), moved_by=_TYING),
    _fraction("tie_strength", "0 to 1", "Mean strength of all these ties.",
              mean_strength, moved_by=_TYING, source="tie strength [3]"),
    _events_of("meetings", ev.AGENTS_MET, "Agents that got to know another."),
    _events_of("utterances", ev.WORDS_SPOKEN, "Things said by rules."),
    _events_of("speeches", ev.SPEECH_MADE, "Things said by minds."),
    _events_of("conversations_closed", ev.CONVERSATION_CLOSED, "Conversations that ended."),
    _events_of("pledges", ev.PLEDGE_MADE, "Proposals accepted in words."),
    _events_of("pledges_kept", ev.PLEDGE_KEPT, "Pledges that were kept."),
    _events_of("pledges_lapsed", ev.PLEDGE_LAPSED, "Pledges that could not be kept."),
    _events_of("news_heard", ev.NEWS_HEARD, "Times that a piece of news reached somebody."),
    _fraction("talking", "share", "Part of the living who are in a conversation.",
              lambda look: look.share(look.minds(TALK)[0] >= 0)),
)  # fmt: skip


_MINDS = (
    _events_of("thoughts_requested", ev.THOUGHT_REQUESTED, "Minds asked."),
    _events_of("thoughts_taken", ev.THOUGHT_TAKEN, "Answers that took effect as intentions."),
    _events_of("thoughts_refused", ev.THOUGHT_REFUSED, "Answers that could not be used."),
    _events_of("reflections", ev.REFLECTION_MADE, "Conclusions drawn from memories."),
    _events_of("memories_formed", ev.MEMORY_FORMED, "Things remembered."),
    _level("memories", "memories", "What the living remember and have not forgotten.",
           lambda look: int(np.count_nonzero(look.minds(MEMORY, MEMORY_SLOTS) >= 0)),
           moved_by=(ev.MEMORY_FORMED, ev.MEMORY_FORGOTTEN, *COMES_AND_GOES)),
    _level("awaiting", "agents", "Who wait for an answer.",
           lambda look: int(np.count_nonzero(look[THOUGHT_DUE] >= 0)),
           moved_by=(ev.THOUGHT_REQUESTED, ev.THOUGHT_TAKEN, ev.THOUGHT_REFUSED, ev.REFLECTION_MADE,
                     *COMES_AND_GOES)),
    _events_of("intentions", ev.INTENTION_FORMED, "Intentions formed by rules."),
    _events_of("interventions", ev.INTERVENTION_MADE, "Interventions, those among them that were refused."),
    _flow("events", "events", "Everything that happened.", lambda look: len(look.events), ()),
)  # fmt: skip

MEASURES: dict[str, Measure] = {m.name: m for m in (*_PEOPLE, *_NEEDS, *_WEALTH, *_TRADE, *_SOCIETY, *_MINDS)}
"""Name → measure, in the order in which they are listed."""

ALIASES = {"gini": "gini_wealth", "coin": "coins", "tool": "tools", "barters": "trades", "thoughts": "thoughts_taken"}
"""Another name → the measure that it stands for."""
