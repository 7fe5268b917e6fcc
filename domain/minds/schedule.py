"""Schedule: who thinks now. The most pressing news first, then whoever was silent longest; nobody waits for ever.

A function of genesis and inputs alone: the scenario's budget says how many are asked in a tick, the state who. Every
fourth turn is the longest silent one's, whatever presses others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.codes import Good, Purpose, Reason
from domain.columns import ALIVE, ENERGY, GOODS, ID, SATIETY, THOUGHT_DUE
from domain.configuration import Configuration
from domain.draws import draw
from domain.minds import columns as m
from domain.rules.constants import STARVING
from domain.state import World

_UNIT = 1_000
_EXHAUSTED = 1_000
_TURN_OF_THE_SILENT = 4
_COOL_DOWN_IN_DELAYS = 6  # before need or news makes the same agent think again


def slots_of(tick: int, budget: int) -> range:
    """Return the numbers of the turns that fall into a tick: `budget` in every 1,000 ticks, evenly."""
    return range(budget * (tick - 1) // 1_000, budget * tick // 1_000)


def who_thinks(
    world: World, configuration: Configuration, *, seed: int, tick: int, dying: set[int]
) -> list[tuple[int, Purpose, Reason]]:
    """Return (row, purpose, reason) of those who are asked in this tick, in order.

    Parameters
    ----------
    world : World, as the tick before left it
    dying : agents that die in this tick
    """
    slots = slots_of(tick, configuration.think_budget)
    minds = world.minds
    if not slots or minds is None:
        return []
    a, n = world.agents, world.n
    ids = a[ID, :n]
    free = (a[ALIVE, :n] != 0) & (a[THOUGHT_DUE, :n] < 0)
    if dying:
        free &= ~np.isin(ids, np.array(sorted(dying)))
    rows = np.flatnonzero(free)
    if not len(rows):
        return []
    reason = _reasons(world, rows, configuration, tick)
    last = minds[m.LAST_ASKED, rows]
    chance = draw(ids[rows], seed=seed, stream="schedule", tick=tick)
    pressing, silent = np.lexsort((chance, last, reason)), np.lexsort((chance, last))
    taken: list[tuple[int, Purpose, Reason]] = []
    used: set[int] = set()
    for slot in slots:
        order = silent if slot % _TURN_OF_THE_SILENT == _TURN_OF_THE_SILENT - 1 else pressing
        k = next((int(k) for k in order if int(k) not in used), None)
        if k is None:
            break
        used.add(k)
        why = Reason(int(reason[k]))
        purpose = Purpose.REFLECTION if why == Reason.REFLECTION else Purpose.INTENTION
        taken.append((int(rows[k]), purpose, why))
    return taken


def _reasons(world: World, rows: NDArray[np.int64], configuration: Configuration, tick: int) -> NDArray[np.int64]:
    a, minds = world.agents, world.minds
    assert minds is not None
    news = minds[m.REASON, rows]
    # One has to answer only while the other still waits for it.
    my_turn = (minds[m.TALK, rows] >= 0) & (minds[m.TALK_TURN, rows] == a[ID, rows])
    hungry = (a[SATIETY, rows] < STARVING) & (a[GOODS + Good.FOOD, rows] < _UNIT)
    rested = tick - minds[m.LAST_ASKED, rows] > _COOL_DOWN_IN_DELAYS * configuration.think_delay
    rested |= minds[m.LAST_ASKED, rows] < 0
    reason = np.full(len(rows), int(Reason.SILENCE))
    reason[(minds[m.IMPORTANCE, rows] >= configuration.reflect_at) & rested] = Reason.REFLECTION
    reason[(news == Reason.MILESTONE) & rested] = Reason.MILESTONE
    reason[(hungry | (a[ENERGY, rows] < _EXHAUSTED)) & rested] = Reason.CRISIS
    reason[(news == Reason.SPOKEN_TO) & my_turn] = Reason.SPOKEN_TO
    return reason
