"""What expressions can ask of agents and cells, and the functions that there are. Values are in units, not thousandths.

A word is a code with a name: an occupation, an intention, a biome.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from domain import columns as col
from domain.codes import TRAITS, Biome, Good, Intention, Occupation, Skill
from domain.measures import Look
from domain.rules.gather import stock_at
from domain.state import World


@dataclass(frozen=True)
class Column:
    """Something that every agent has.

    Attributes
    ----------
    of : returns it for all the living, by id, as integers
    divisor : what those are divided by to be in units
    words : the names of its codes, if it is a word
    """

    of: Callable[[Look], NDArray[np.int64]]
    divisor: int = 1
    words: type[IntEnum] | None = None


@dataclass(frozen=True)
class Aspect:
    """Something that a cell has; as `Column`, of one cell at a tick."""

    of: Callable[[World, int, int], int]
    divisor: int = 1
    words: type[IntEnum] | None = None


def _plain(column: int, divisor: int = 1, words: type[IntEnum] | None = None) -> Column:
    return Column(lambda look: look[column], divisor, words)


def _ties(look: Look) -> NDArray[np.int64]:
    return np.asarray((look.living[col.TIE_OTHER : col.TIE_OTHER + col.N_TIES] >= 0).sum(axis=0), np.int64)


COLUMNS: dict[str, Column] = {
    "id": _plain(col.ID),
    "energy": _plain(col.ENERGY, 1000),
    "satiety": _plain(col.SATIETY, 1000),
    "company": _plain(col.COMPANY, 1000),
    **{good.name.lower(): _plain(col.GOODS + good, 1000) for good in Good if good not in (Good.COIN, Good.TOOL)},
    "coins": _plain(col.GOODS + Good.COIN),
    "tools": _plain(col.GOODS + Good.TOOL),
    "cell": _plain(col.CELL),
    "age": Column(lambda look: look.ages),
    "lifespan": _plain(col.LIFESPAN),
    "household": _plain(col.HOUSEHOLD),
    "occupation": _plain(col.OCCUPATION, words=Occupation),
    "intention": _plain(col.INTENTION, words=Intention),
    "ties": Column(_ties),
    **{skill.name.lower(): _plain(col.SKILLS + skill, 1000) for skill in Skill},
    **{trait: _plain(col.TRAITS + k, 1000) for k, trait in enumerate(TRAITS)},
}
COLUMNS |= {"coin": COLUMNS["coins"], "tool": COLUMNS["tools"]}


def _stock(good: int) -> Aspect:
    return Aspect(lambda world, cell, tick: int(stock_at(world.cells, good, cell, tick)), 1000)


def _standing(world: World, cell: int, tick: int) -> int:
    a = world.agents[:, : world.n]
    return int(np.count_nonzero((a[col.CELL] == cell) & (a[col.ALIVE] != 0)))


ASPECTS: dict[str, Aspect] = {
    **{good.name.lower(): _stock(good) for good in Good if good not in (Good.COIN, Good.TOOL)},
    "elevation": Aspect(lambda world, cell, tick: int(world.cells[col.ELEVATION, cell])),
    "biome": Aspect(lambda world, cell, tick: int(world.cells[col.BIOME, cell]), words=Biome),
    "agents": Aspect(_standing),
}

LIFE = ("alive", "dead")
"""What else can be asked of one agent: nobody is dead before having lived."""

OVER_TRUTHS = ("count", "share", "any", "all")
OVER_NUMBERS = ("mean", "sum", "total")
OVER_EITHER = ("min", "max")  # of several numbers, or of one over all agents
SCALAR = ("abs",)
FUNCTIONS = (*OVER_TRUTHS, *OVER_NUMBERS, *OVER_EITHER, *SCALAR, "agent", "cell")
