"""Interventions: what somebody outside does to the world, told with all that it does, as part of `domain.decide`.

Each is told as `InterventionMade`, the cause of whatever it does; one that has become impossible by its tick says why
and does nothing. Stocks that change are those that the tick's rules see: they change in a copy of the cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.codes import N_RESOURCES, NEED_FULL, Biome, CauseOfDeath, Good
from domain.columns import ACTED, ALIVE, BIOME, CAPACITY, CELL, REGROWTH, SINCE, STOCK, prospects_of
from domain.configuration import Configuration
from domain.draws import draw
from domain.events import (
    ABSENT,
    AGENT_JOINED,
    GOODS_ENDOWED,
    INTERVENTION_MADE,
    MAX_HOLDING,
    NEWS_HEARD,
    STOCK_CHANGED,
    address_of,
    pack_good,
    pack_needs,
)
from domain.founding import ENDOWMENT
from domain.hexgrid import to_cube
from domain.inputs import INTERVENTION, Input, Inputs
from domain.minds.talk import is_dying
from domain.minds.telling import Telling
from domain.personas import make_personas
from domain.rules.constants import DIE, HELD
from domain.rules.gather import stocks_at
from domain.rules.plan import P_ACTION, P_BECAUSE, P_FORMED, P_GOODS, P_INTENTION, P_OPEN, Plan, intend
from domain.state import World
from domain.terrain import regrowth_of

NOT_ALIVE = "the agent is not alive"
NO_MINDS = "this society has no minds to take news in"


class Interventions:
    """The interventions of one tick.

    Parameters
    ----------
    world : World, as the tick before left it; read only
    plan : the plan of the tick
    seed, configuration : what decides the tick
    telling : Telling, which the events go to
    inputs : all that take effect at the tick

    Attributes
    ----------
    cells, prospects : the cells as the tick's rules find them: the world's own, or copies in which stocks were changed
    newcomers : how many agents were added
    """

    def __init__(
        self, world: World, plan: Plan, seed: int, configuration: Configuration, telling: Telling,
        inputs: Inputs,
    ) -> None:  # fmt: skip
        self.world, self.plan, self.seed, self.configuration, self.telling = world, plan, seed, configuration, telling
        self.cells, self.prospects, self.newcomers = world.cells, world.prospects, 0
        self._settled: list[int] = []  # cells that newcomers of this tick stand on
        # Rows that are held or taken away, with the intervention that does it. Thoughts come first in the order of
        # keys, and whoever is held says nothing, so these are known before anything is told.
        self._held = dict.fromkeys(self._rows_told(inputs, "rest"), ABSENT)
        self._leaving = dict.fromkeys(self._rows_told(inputs, "remove"), ABSENT)

    def _rows_told(self, inputs: Inputs, what: str) -> list[int]:
        if not inputs.rows:
            return []
        told = (given for given in inputs.rows if given.key.purpose == INTERVENTION and given.answer.get(what))
        rows = (self.world.row(given.key.agent) for given in told)
        return [row for row in rows if row is not None]

    def why_unsaid(self, row: int, there: int | None) -> str | None:
        """Return why an intervention lets words go unsaid; None if none does."""
        if row in self._held or row in self._leaving:
            return "held from outside"
        return "the other is taken away" if there in self._leaving else None

    # -- telling -----------------------------------------------------------------------------------

    def make(self, given: Input) -> None:
        """Tell an intervention and what it does."""
        row, who, answer = self.world.row(given.key.agent), given.key.agent, given.answer
        refused = self._why_not(row, answer)
        told = {"by": str(answer.get("by", "")), "why": str(answer.get("why", "")), "refused": refused}
        key = {"asked": given.key.asked_tick, "call": given.key.call, "answer": given.answer_hash()}
        before = ABSENT if row is None else int(self.world.agents[ACTED, row])
        cause = self.telling.tell(INTERVENTION_MADE, who, before, told | key)
        if refused is not None:
            return
        for good, _, quantity in _endowments(answer):
            self.plan[P_GOODS + good, row] += quantity
            given_now = pack_good(int(good), quantity, int(self.plan[P_GOODS + good, row]))
            self.telling.tell(GOODS_ENDOWED, who, cause, given=given_now)
        if "news" in answer:
            self.telling.tell(NEWS_HEARD, who, cause, {"news": address_of(cause), "text": answer["news"]})
        if row is not None and answer.get("rest"):
            self._held[row] = cause
        if row is not None and answer.get("remove"):
            self._leaving[row] = cause
        if "add" in answer:
            self._add(answer["add"], cause)
        if "stock" in answer:
            self._stock(answer["stock"], cause)

    def _why_not(self, row: int | None, answer: dict[str, Any]) -> str | None:
        """Return why an intervention can't be made now."""
        world = self.world
        if "add" in answer or "stock" in answer:
            return self._why_not_added(answer["add"]) if "add" in answer else None
        if row is None:
            return NOT_ALIVE
        if "news" in answer and world.minds is None:
            return NO_MINDS
        if answer.get("rest") and is_dying(world, row, self.telling.tick):
            return "the agent dies in this tick"
        refused = None
        for good, name, quantity in _endowments(answer):
            if int(self.plan[P_GOODS + good, row]) + quantity > MAX_HOLDING:
                refused = f"the agent would hold too much {name}"
        return refused

    # -- holding and taking away ---------------------------------------------------------------------

    def note_intentions(self) -> None:
        """Remember what those who are held are set on, before the rules choose anew."""
        self._set_on = {row: int(self.plan[P_INTENTION, row]) for row in self._held}

    def hold(self) -> None:
        """Let those who are held rest, whatever they were about to do, and those who are taken away go."""
        p = self.plan
        for row, cause in self._held.items():
            if cause != ABSENT and p[P_ACTION, row] != DIE:
                p[P_ACTION, row], p[P_OPEN, row], p[P_FORMED, row] = HELD, 0, 0
                p[P_INTENTION, row] = self._set_on[row]
                intend(p, row, cause)
        for row in self._leaving:
            p[P_ACTION, row], p[P_BECAUSE, row] = DIE, int(CauseOfDeath.REMOVED)

    def causes_of_death(self, deaths: NDArray[np.int64], records: NDArray[np.void]) -> None:
        """Let the deaths of those who were taken away name the intervention as their cause."""
        for row, ordinal, _ in deaths.tolist():
            if row in self._leaving:
                records["cause"][ordinal] = self._leaving[row]

    # -- adding --------------------------------------------------------------------------------------

    def _why_not_added(self, wanted: dict[str, Any]) -> str | None:
        room = self.configuration.homes - self.world.population - self.newcomers
        return why_not_added(int(wanted["agents"]), room, len(self._free_cells()))

    def _free_cells(self) -> NDArray[np.int64]:
        """Return the cells on land where nobody stands, rising."""
        free = free_cells(self.world)
        return free[~np.isin(free, self._settled)] if self._settled else free

    def _add(self, wanted: dict[str, Any], cause: int) -> None:
        """Let agents join as founders did, each on a cell of its own: the nearest to the one named, or kind ground."""
        n, tick, world = int(wanted["agents"]), self.telling.tick, self.world
        free = self._free_cells()
        shuffle = draw(free, seed=self.seed, stream="arrival.cell", tick=tick)
        if "cell" in wanted:
            cube = to_cube(np.array([wanted["cell"], *free]), world.width)
            first = np.abs(cube - cube[:1]).max(axis=1)[1:]
        else:
            first = (world.cells[BIOME, free] == int(Biome.MOUNTAIN)).astype(np.int64)
        homes = free[np.lexsort((shuffle, first))][:n].tolist()
        ids = world.next_agent + self.newcomers + np.arange(n, dtype=np.int64)
        personas = make_personas(ids, self.configuration, seed=self.seed, tick=tick, founders=True)
        spread = (draw(ids, seed=self.seed, stream="arrival.needs", tick=tick) >> np.uint64(52)).astype(np.int64)
        for who, home, persona, off in zip(ids.tolist(), homes, personas, spread.tolist(), strict=True):
            needs = int(pack_needs(NEED_FULL - off, NEED_FULL * 9 // 10 - off, NEED_FULL // 2 + off))
            joined = self.telling.tell(
                AGENT_JOINED, who, cause, persona.payload(), cell=home, detail=who, needs=needs
            )  # fmt: skip
            for good, quantity in ENDOWMENT:
                self.telling.tell(GOODS_ENDOWED, who, joined, given=int(pack_good(int(good), quantity, quantity)))
        self.newcomers += n
        self._settled += homes

    # -- stocks --------------------------------------------------------------------------------------

    def _stock(self, wanted: dict[str, Any], cause: int) -> None:
        good = int(Good[wanted["good"].upper()])
        capacity = self.cells[CAPACITY + good].astype(np.int64)
        cells = np.flatnonzero(capacity) if wanted["cells"] == "all" else np.array(sorted(wanted["cells"]), np.int64)
        if "percent" in wanted:
            after = capacity[cells] * wanted["percent"] // 100
        else:
            after = np.full(len(cells), wanted["amount"], np.int64)
        changed = stocks_at(self.cells, good, self.telling.tick)[cells] != after
        self._set_stocks(good, cells[changed], after[changed], cause)

    def regrow(self, percent: int, cause: int) -> None:
        """Let all resources grow at another pace from now on; what has grown so far stays."""
        for good in range(N_RESOURCES):
            pace = regrowth_of(self.cells[CAPACITY + good].astype(np.int64), good, percent)
            cells = np.flatnonzero(pace != self.cells[REGROWTH + good])
            grown = stocks_at(self.cells, good, self.telling.tick)
            self._set_stocks(good, cells, grown[cells], cause, pace[cells])

    def _set_stocks(
        self, good: int, cells: NDArray[np.int64], after: NDArray[np.int64], cause: int,
        pace: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        if self.cells is self.world.cells:
            self.cells, self.prospects = self.world.cells.copy(), self.world.prospects.copy()
        self.cells[STOCK + good, cells], self.cells[SINCE + good, cells] = after, self.telling.tick
        if pace is not None:
            self.cells[REGROWTH + good, cells] = pace
        capacity, biome = self.cells[CAPACITY + good, cells], self.cells[BIOME, cells]
        self.prospects[good, cells] = prospects_of(after, capacity, biome)
        regrowth = np.full(len(cells), ABSENT) if pace is None else pace
        goods = np.full(len(cells), good)
        self.telling.tell_each(STOCK_CHANGED, cause, cell=cells, target=goods, detail=after, needs=regrowth)


def why_not_added(wanted: int, room: int, free: int) -> str | None:
    """Return why so many agents can't be added where there are homes for `room` and `free` cells on land."""
    if wanted > room:
        return f"there are homes for {max(0, room)} more"
    return f"there are {free} free cells on land" if wanted > free else None


def free_cells(world: World) -> NDArray[np.int64]:
    """Return the cells on land where nobody stands, rising."""
    free = world.cells[BIOME] != int(Biome.WATER)
    free[world.agents[CELL, : world.n][world.agents[ALIVE, : world.n] != 0]] = False
    return np.flatnonzero(free)


def _endowments(answer: dict[str, Any]) -> list[tuple[Good, str, int]]:
    return [(Good[name.upper()], name, quantity) for name, quantity in sorted(answer.get("endow", {}).items())]


__all__ = ["NOT_ALIVE", "NO_MINDS", "Interventions", "free_cells", "why_not_added"]
