"""The fold: the only writer of state. What is recorded has happened: no rules, no draws, no refusals.

Live run, replay, resume, fork and debugger all call `fold`. There is one handler a kind, named for
it; `fold_records` runs those of the frequent kinds in one compiled loop, and the few kinds whose
payload matters (the terrain, arrivals, births) are folded in Python.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from domain import events as ev
from domain._jit import inline, kernel
from domain._prefetch import FAR, prefetch
from domain.codes import N_GOODS, N_RESOURCES, N_SKILLS, N_TRAITS, Biome, Intention, Occupation
from domain.columns import (
    ACTED,
    ALIVE,
    ASKED,
    BIOME,
    BORN,
    CAPACITY,
    CELL,
    COMPANY,
    ELEVATION,
    ENERGY,
    FAMILY_NAME,
    GIVEN_NAME,
    GOAL,
    GOODS,
    HOUSEHOLD,
    ID,
    INTENDED,
    INTENTION,
    LAST_BIRTH,
    LIFESPAN,
    MAX_AMOUNT,
    MAX_ELEVATION,
    N_TIES,
    OCCUPATION,
    PARENT,
    REGROWTH,
    SATIETY,
    SINCE,
    SKILLS,
    STOCK,
    THOUGHT_DUE,
    TIE_OTHER,
    TIE_STRENGTH,
    TOUCHED,
    TOUCHED_AGENT,
    TOUCHED_GOODS,
    TOUCHED_PERSONA,
    TOUCHED_TIES,
    TRAITS,
    prospect_of,
)
from domain.errors import CorruptHistory
from domain.events import ABSENT, EVENT_DTYPE, EventBatch, good_of, holding_of, pack_cause
from domain.minds.fold import IN_MIND, fold_lives
from domain.state import World
from domain.threads import Threads

# -- what several kinds share --------------------------------------------------------------------


@inline
def _fold_needs(a, row, e):  # type: ignore[no-untyped-def]
    a[ENERGY, row] = (e.needs >> 32) & 0xFFFF
    a[SATIETY, row] = (e.needs >> 16) & 0xFFFF
    a[COMPANY, row] = e.needs & 0xFFFF
    a[ACTED, row] = pack_cause(e.tick, e.ordinal)
    a[TOUCHED, row] |= TOUCHED_AGENT


@inline
def _fold_good(a, row, packed):  # type: ignore[no-untyped-def]
    if packed != ABSENT:
        a[GOODS + good_of(packed), row] = holding_of(packed)
        a[TOUCHED, row] |= TOUCHED_GOODS


@inline
def _fold_tie(a, row, e):  # type: ignore[no-untyped-def]
    slot = e.detail >> 16
    a[TIE_OTHER + slot, row] = e.target
    a[TIE_STRENGTH + slot, row] = e.detail & 0xFFFF
    a[TOUCHED, row] |= TOUCHED_TIES


# -- one handler a kind --------------------------------------------------------------------------


@inline
def fold_goods_endowed(a, row, e):  # type: ignore[no-untyped-def]
    """The agent holds what it was given."""
    _fold_good(a, row, e.given)


@inline
def fold_intention_formed(a, row, e):  # type: ignore[no-untyped-def]
    """The intention, its goal, and the event that later actions point back to."""
    a[INTENTION, row] = e.detail
    a[GOAL, row] = e.cell
    a[INTENDED, row] = pack_cause(e.tick, e.ordinal)
    a[TOUCHED, row] |= TOUCHED_AGENT


@inline
def fold_agent_moved(a, row, e):  # type: ignore[no-untyped-def]
    """The agent stands on the cell it moved to."""
    a[CELL, row] = e.cell
    _fold_needs(a, row, e)


@inline
def fold_goods_gathered(a, c, row, e):  # type: ignore[no-untyped-def]
    """The agent holds more, its tool has fewer uses, the cell holds less from this tick on."""
    _fold_good(a, row, e.given)
    _fold_good(a, row, e.taken)
    good = good_of(e.given)
    c[STOCK + good, e.cell] = e.detail
    c[SINCE + good, e.cell] = e.tick
    _fold_needs(a, row, e)


@inline
def fold_skill_improved(a, row, e):  # type: ignore[no-untyped-def]
    """One skill is at a new level."""
    a[SKILLS + (e.detail >> 16), row] = e.detail & 0xFFFF
    a[TOUCHED, row] |= TOUCHED_AGENT


@inline
def fold_meal_eaten(a, row, e):  # type: ignore[no-untyped-def]
    """Less food, less hunger."""
    _fold_good(a, row, e.given)
    _fold_needs(a, row, e)


@inline
def fold_agent_rested(a, row, e):  # type: ignore[no-untyped-def]
    """Only needs change."""
    _fold_needs(a, row, e)


@inline
def fold_tool_crafted(a, row, e):  # type: ignore[no-untyped-def]
    """Two materials are used up and a tool is there."""
    _fold_good(a, row, e.given)
    _fold_good(a, row, e.taken)
    a[GOODS + 5, row] = e.detail  # Good.TOOL
    _fold_needs(a, row, e)


@inline
def fold_agents_met(a, row, e):  # type: ignore[no-untyped-def]
    """A slot of the agent's ties holds the other."""
    _fold_tie(a, row, e)


@inline
def fold_words_spoken(a, row, e):  # type: ignore[no-untyped-def]
    """The speaker's tie and needs."""
    _fold_tie(a, row, e)
    _fold_needs(a, row, e)


@inline
def fold_goods_traded(a, row, e):  # type: ignore[no-untyped-def]
    """The agent's own leg: less of one good, more of another."""
    _fold_good(a, row, e.given)
    _fold_good(a, row, e.taken)
    _fold_tie(a, row, e)
    _fold_needs(a, row, e)


@inline
def fold_goods_given(a, row, e):  # type: ignore[no-untyped-def]
    """The giver holds less."""
    _fold_good(a, row, e.given)
    _fold_tie(a, row, e)
    _fold_needs(a, row, e)


@inline
def fold_gift_received(a, row, e):  # type: ignore[no-untyped-def]
    """The receiver holds more."""
    _fold_good(a, row, e.taken)
    _fold_tie(a, row, e)
    _fold_needs(a, row, e)


@inline
def fold_child_borne(a, row, e):  # type: ignore[no-untyped-def]
    """The parent holds less food and has had a child this tick."""
    _fold_good(a, row, e.given)
    a[LAST_BIRTH, row] = e.tick
    _fold_needs(a, row, e)


@inline
def fold_agent_died(a, row_of, row, e, counters):  # type: ignore[no-untyped-def]
    """The agent is gone, and with it its row, goods and ties."""
    a[ALIVE, row] = 0
    row_of[e.agent] = -1
    counters[0] -= 1
    a[TOUCHED, row] |= TOUCHED_PERSONA | TOUCHED_AGENT | TOUCHED_GOODS | TOUCHED_TIES


@inline
def fold_goods_inherited(a, row, e):  # type: ignore[no-untyped-def]
    """The heir holds more."""
    _fold_good(a, row, e.taken)


@inline
def fold_thought_requested(a, row, e):  # type: ignore[no-untyped-def]
    """An answer is awaited."""
    a[THOUGHT_DUE, row] = e.detail
    a[ASKED, row] = pack_cause(e.tick, e.ordinal)
    a[TOUCHED, row] |= TOUCHED_AGENT


@inline
def fold_thought_taken(a, row, e):  # type: ignore[no-untyped-def]
    """The answer's intention holds, and nothing is awaited any more."""
    fold_intention_formed(a, row, e)
    a[THOUGHT_DUE, row] = -1
    a[ASKED, row] = -1


@inline
def fold_thought_refused(a, row, e):  # type: ignore[no-untyped-def]
    """Nothing is awaited any more."""
    a[THOUGHT_DUE, row] = -1
    a[ASKED, row] = -1
    a[TOUCHED, row] |= TOUCHED_AGENT


_GOODS_ENDOWED = ev.GOODS_ENDOWED.number
_INTENTION_FORMED = ev.INTENTION_FORMED.number
_AGENT_MOVED = ev.AGENT_MOVED.number
_GOODS_GATHERED = ev.GOODS_GATHERED.number
_SKILL_IMPROVED = ev.SKILL_IMPROVED.number
_MEAL_EATEN = ev.MEAL_EATEN.number
_AGENT_RESTED = ev.AGENT_RESTED.number
_TOOL_CRAFTED = ev.TOOL_CRAFTED.number
_AGENTS_MET = ev.AGENTS_MET.number
_WORDS_SPOKEN = ev.WORDS_SPOKEN.number
_GOODS_TRADED = ev.GOODS_TRADED.number
_GOODS_GIVEN = ev.GOODS_GIVEN.number
_GIFT_RECEIVED = ev.GIFT_RECEIVED.number
_CHILD_BORNE = ev.CHILD_BORNE.number
_AGENT_DIED = ev.AGENT_DIED.number
_GOODS_INHERITED = ev.GOODS_INHERITED.number
_THOUGHT_REQUESTED = ev.THOUGHT_REQUESTED.number
_THOUGHT_TAKEN = ev.THOUGHT_TAKEN.number
_THOUGHT_REFUSED = ev.THOUGHT_REFUSED.number
_INTERVENTION_MADE = ev.INTERVENTION_MADE.number
_SCENARIO_CHANGED = ev.SCENARIO_CHANGED.number
_N_INTENTIONS = len(Intention)
_AHEAD = 16  # records
_BIOMES = {biome.name.lower(): int(biome) for biome in Biome}
_decoded = json.JSONDecoder().decode


@inline
def _is_sound(k, e, n_cells, n_agents):  # type: ignore[no-untyped-def]
    """Return whether the columns name places that exist, so that damaged history can't write outside of them."""
    # Goods and cells whatever the kind, so that one that comes later is guarded before it has a clause of its own: the
    # codes that some keep in `cell` are fewer than the cells of the smallest grid.
    if e.cell < ABSENT or e.cell >= n_cells:
        return False
    if e.given != ABSENT and (good_of(e.given) < 0 or good_of(e.given) >= N_GOODS):
        return False
    if e.taken != ABSENT and (good_of(e.taken) < 0 or good_of(e.taken) >= N_GOODS):
        return False
    if k == _AGENT_MOVED or k == _GOODS_GATHERED or k == _INTENTION_FORMED or k == _THOUGHT_TAKEN:
        if e.cell < 0:
            return False
        if k == _GOODS_GATHERED:
            return e.given != ABSENT and good_of(e.given) < N_RESOURCES
        return k == _AGENT_MOVED or (e.detail >= 0 and e.detail < _N_INTENTIONS)
    if k == _SKILL_IMPROVED:
        return e.detail >= 0 and e.detail >> 16 < N_SKILLS
    if k >= _AGENTS_MET and k <= _GIFT_RECEIVED:  # those with a tie
        return e.detail >= 0 and e.detail >> 16 < N_TIES and e.target >= 0 and e.target < n_agents
    return True


@kernel
def find_misplaced(records, tick):  # type: ignore[no-untyped-def]
    """Return the position of the first record of another tick or out of order; the number of records if none is."""
    for i in range(records.shape[0]):
        if records[i]["tick"] != tick or records[i]["ordinal"] != i:
            return i
    return records.shape[0]


@inline
def _ask_for_place(e, a, c, row_of):  # type: ignore[no-untyped-def]
    """Have what folding that record writes fetched while others are folded: rows and cells lie anywhere."""
    if e.agent < 0 or e.agent >= row_of.shape[0]:
        return
    row = row_of[e.agent]
    for column in (ENERGY, SATIETY, COMPANY, ACTED, TOUCHED):
        prefetch(a, column, row)
    if e.kind == _GOODS_GATHERED:
        good = good_of(e.given)
        prefetch(c, STOCK + good, e.cell)
        prefetch(c, SINCE + good, e.cell)
        prefetch(a, GOODS + good, row)
    elif e.kind >= _AGENTS_MET and e.kind <= _GIFT_RECEIVED:
        prefetch(a, TIE_OTHER + (e.detail >> 16), row)
        prefetch(a, TIE_STRENGTH + (e.detail >> 16), row)
        if e.given != ABSENT:
            prefetch(a, GOODS + good_of(e.given), row)
        if e.taken != ABSENT:
            prefetch(a, GOODS + good_of(e.taken), row)


@kernel
def fold_records(records, start, a, c, row_of, touched_cells, counters):  # type: ignore[no-untyped-def]
    """Fold records from `start` until one needs Python, has no handler or makes no sense; return its position.

    `row_of` ends with the newest agent: nobody can have a tie to one who is yet to come.
    `counters` holds [population, touched cells].
    """
    far = a.shape[1] > FAR
    for i in range(start, records.shape[0]):
        if far:
            _ask_for_place(records[min(i + _AHEAD, records.shape[0] - 1)], a, c, row_of)
        e = records[i]
        k = e.kind
        if k == _INTERVENTION_MADE or k == _SCENARIO_CHANGED:
            continue  # what they do are events of their own
        if e.agent < 0 or e.agent >= row_of.shape[0]:
            return i
        row = row_of[e.agent]
        if row < 0 or not _is_sound(k, e, c.shape[1], row_of.shape[0]):
            return i
        if k == _AGENT_MOVED:
            fold_agent_moved(a, row, e)
        elif k == _GOODS_GATHERED:
            fold_goods_gathered(a, c, row, e)
            touched_cells[counters[1]] = e.cell
            counters[1] += 1
        elif k == _AGENT_RESTED:
            fold_agent_rested(a, row, e)
        elif k == _INTENTION_FORMED:
            fold_intention_formed(a, row, e)
        elif k == _MEAL_EATEN:
            fold_meal_eaten(a, row, e)
        elif k == _WORDS_SPOKEN:
            fold_words_spoken(a, row, e)
        elif k == _GOODS_TRADED:
            fold_goods_traded(a, row, e)
        elif k == _SKILL_IMPROVED:
            fold_skill_improved(a, row, e)
        elif k == _TOOL_CRAFTED:
            fold_tool_crafted(a, row, e)
        elif k == _AGENTS_MET:
            fold_agents_met(a, row, e)
        elif k == _GOODS_GIVEN:
            fold_goods_given(a, row, e)
        elif k == _GIFT_RECEIVED:
            fold_gift_received(a, row, e)
        elif k == _CHILD_BORNE:
            fold_child_borne(a, row, e)
        elif k == _AGENT_DIED:
            fold_agent_died(a, row_of, row, e, counters)
        elif k == _GOODS_INHERITED:
            fold_goods_inherited(a, row, e)
        elif k == _GOODS_ENDOWED:
            fold_goods_endowed(a, row, e)
        elif k == _THOUGHT_REQUESTED:
            fold_thought_requested(a, row, e)
        elif k == _THOUGHT_TAKEN:
            fold_thought_taken(a, row, e)
        elif k == _THOUGHT_REFUSED:
            fold_thought_refused(a, row, e)
        else:
            return i
    return records.shape[0]


# -- kinds that need Python -------------------------------------------------------------------------


def fold_world_founded(world: World, record: Any, payload: dict[str, Any]) -> None:
    """The grid has the size that the world was made with."""
    if (payload["width"], payload["height"]) != (world.width, world.height):
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), "the grid's size differs from the run's")
    if payload.get("minds"):
        world.begin_minds()


def fold_cell_formed(world: World, record: Any, payload: dict[str, Any]) -> None:
    """A cell has its height, cover, capacities and stocks."""
    cell, c = int(record["cell"]), world.cells
    if not 0 <= cell < c.shape[1]:
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), f"there is no cell {cell}")
    elevation, biome = int(record["detail"]), _BIOMES[payload["biome"]]
    capacity, regrowth, stock = payload["capacity"], payload["regrowth"], payload["stock"]
    amounts = (*capacity, *regrowth, *stock)
    if not 0 <= elevation <= MAX_ELEVATION or min(amounts) < 0 or max(amounts) > MAX_AMOUNT:
        because = f"cell {cell} is higher or lower, or has more or less, than any cell can"
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), because)
    c[ELEVATION, cell], c[BIOME, cell] = elevation, biome
    water = biome == Biome.WATER
    world.ground[cell] = ~elevation if water else elevation
    world.prospects[:, cell] = [prospect_of(*amounts, water) for amounts in zip(stock, capacity, strict=True)]
    c[CAPACITY : CAPACITY + N_RESOURCES, cell] = capacity
    c[REGROWTH : REGROWTH + N_RESOURCES, cell] = regrowth
    c[STOCK : STOCK + N_RESOURCES, cell] = stock
    c[SINCE : SINCE + N_RESOURCES, cell] = record["tick"]
    world.touched_cells[world.n_touched_cells] = cell
    world.n_touched_cells += 1


def fold_agent_joined(world: World, record: Any, payload: dict[str, Any]) -> None:
    """A founder has a row."""
    _fold_newcomer(world, record, payload, parent=ABSENT)


def fold_agent_born(world: World, record: Any, payload: dict[str, Any]) -> None:
    """A child has a row, and what its parent gave it."""
    given = int(record["given"])
    if given != ABSENT and not 0 <= good_of(given) < N_GOODS:
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), f"there is no good {good_of(given)}")
    row = _fold_newcomer(world, record, payload, parent=int(record["target"]))
    if given != ABSENT:
        world.agents[GOODS + good_of(given), row] = holding_of(given)


def _fold_newcomer(world: World, record: Any, payload: dict[str, Any], *, parent: int) -> int:
    who, cell = int(record["agent"]), int(record["cell"])
    if who != world.next_agent or not 0 <= cell < world.cells.shape[1]:
        because = f"agent {who} arrives in cell {cell}, but the next agent is {world.next_agent}"
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), because)
    row = world.add_row(who)
    a, address = world.agents, pack_cause(int(record["tick"]), int(record["ordinal"]))
    a[:, row] = 0
    a[ID, row], a[ALIVE, row] = record["agent"], 1
    a[BORN, row], a[LIFESPAN, row] = payload["born"], payload["lifespan"]
    a[GIVEN_NAME, row], a[FAMILY_NAME, row] = payload["given"], payload["family"]
    a[OCCUPATION, row] = Occupation[payload["occupation"].upper()]
    a[PARENT, row], a[HOUSEHOLD, row] = parent, record["detail"]
    a[TRAITS : TRAITS + N_TRAITS, row], a[SKILLS : SKILLS + N_SKILLS, row] = payload["traits"], payload["skills"]
    a[CELL, row], a[GOAL, row] = record["cell"], record["cell"]
    needs = int(record["needs"])
    a[ENERGY, row], a[SATIETY, row], a[COMPANY, row] = needs >> 32 & 0xFFFF, needs >> 16 & 0xFFFF, needs & 0xFFFF
    a[INTENTION, row], a[INTENDED, row], a[ACTED, row] = ABSENT, address, address
    a[LAST_BIRTH, row], a[ASKED, row], a[THOUGHT_DUE, row] = ABSENT, ABSENT, ABSENT
    a[TIE_OTHER : TIE_OTHER + N_TIES, row] = ABSENT
    a[TOUCHED, row] = TOUCHED_PERSONA | TOUCHED_AGENT | TOUCHED_GOODS | TOUCHED_TIES
    return row


def fold_stock_changed(world: World, record: Any, payload: dict[str, Any]) -> None:
    """The cell holds more or less of a good from this tick on, and may grow at another pace."""
    cell, good, c = int(record["cell"]), int(record["target"]), world.cells
    if not 0 <= cell < c.shape[1] or not 0 <= good < N_RESOURCES:
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), f"cell {cell} has no resource {good}")
    if record["detail"] < 0 or not ABSENT <= record["needs"] <= MAX_AMOUNT:
        because = f"cell {cell} has more or less than any cell can"
        raise CorruptHistory(int(record["tick"]), int(record["ordinal"]), because)
    c[STOCK + good, cell], c[SINCE + good, cell] = record["detail"], record["tick"]
    if record["needs"] != ABSENT:
        c[REGROWTH + good, cell] = record["needs"]
    water = c[BIOME, cell] == Biome.WATER
    world.prospects[good, cell] = prospect_of(int(record["detail"]), int(c[CAPACITY + good, cell]), water)
    world.touched_cells[world.n_touched_cells] = cell
    world.n_touched_cells += 1


_IN_PYTHON = {
    ev.WORLD_FOUNDED.number: fold_world_founded,
    ev.CELL_FORMED.number: fold_cell_formed,
    ev.AGENT_JOINED.number: fold_agent_joined,
    ev.AGENT_BORN.number: fold_agent_born,
    ev.STOCK_CHANGED.number: fold_stock_changed,
    **IN_MIND,
}


def fold(world: World, events: EventBatch, threads: Threads | None = None) -> World:
    """Make it so: apply the events of one tick and bring the area hashes up to date.

    Parameters
    ----------
    world : World, changed in place
    events : EventBatch, all the events of the tick after `world.tick`, in order
    threads : Threads, optional, that the hashing is spread over

    Returns
    -------
    World, the same object

    Raises
    ------
    CorruptHistory
        If the events are not those of the next tick, or one is of no known kind, or names an agent that
        does not live or a place that does not exist. The state may then be half folded: throw it away.
    """
    records = events.records
    _require_next_tick(world, events)
    rows = world.rows_of(records["agent"]) if world.minds is not None else None
    apply_events(world, events, 0, len(records))
    if rows is not None:
        fold_lives(world, records, rows)
    world.tick += 1
    world.rehash(threads)
    world.compact()
    return world


def apply_events(world: World, events: EventBatch, start: int, stop: int) -> None:
    """Apply events `start` … `stop` - 1 of a tick, for whoever looks at what each of them does.

    What is in mind follows bodies once a tick is whole, and so do hashes: `fold` sees to both.

    Raises
    ------
    CorruptHistory
        As `fold`.
    """
    records, n, at = events.records[:stop], stop, start
    if world.n_touched_cells + n > len(world.touched_cells):
        world.touched_cells = np.resize(world.touched_cells, world.n_touched_cells + 2 * n)
    while at < n:
        handler = _IN_PYTHON.get(int(records["kind"][at]))
        if handler is not None:
            try:
                payload = events.payload(at)
                handler(world, records[at], _decoded(payload.decode()) if payload else {})
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                e = records[at]
                because = f"its payload can't be read ({type(error).__name__}: {error})"
                raise CorruptHistory(int(e["tick"]), int(e["ordinal"]), because) from error
            at += 1
            continue
        counters = np.array([world.population, world.n_touched_cells], np.int64)
        row_of = world.row_of[: world.next_agent]
        stopped = fold_records(records, at, world.agents, world.cells, row_of, world.touched_cells, counters)
        world.population, world.n_touched_cells = int(counters[0]), int(counters[1])
        if stopped < n and int(records["kind"][stopped]) not in _IN_PYTHON:
            e = records[stopped]
            raise CorruptHistory(int(e["tick"]), int(e["ordinal"]), _why_not(world, e))
        at = stopped


def _why_not(world: World, record: np.void) -> str:
    """Return why the compiled loop stopped at a record that Python has no handler for either."""
    kind, agent = ev.KIND_BY_NUMBER.get(int(record["kind"])), int(record["agent"])
    if kind is None:
        return f"unknown kind {record['kind']}"
    if world.row(agent) is None:
        return f"{kind.name} of agent {agent}, who is not alive"
    columns = SimpleNamespace(**{name: int(record[name]) for name in EVENT_DTYPE.names or ()})
    if _is_sound(kind.number, columns, world.cells.shape[1], world.next_agent):
        return f"{kind.name} of agent {agent}: this release has no handler for that kind"
    return f"{kind.name} of agent {agent}, whose columns make no sense"


def _require_next_tick(world: World, events: EventBatch) -> None:
    """Refuse events of another tick, or out of order, before anything is changed."""
    records, tick = events.records, world.tick + 1
    at = find_misplaced(records, tick)
    if at < len(records):
        because = f"event {at} of tick {tick} was expected here"
        raise CorruptHistory(int(records["tick"][at]), int(records["ordinal"][at]), because)


__all__ = ["apply_events", "fold"]
