"""Emit: write the plan down as events, outcomes included, in the order of agents.

Whoever came first was settled by the plan; ordinals only say in which order it is told. Amounts that
several events of a tick touch (a cell's stock, an heir's goods) are carried along in that order, so
that the last one told is the value after the tick.
"""

from __future__ import annotations

import numpy as np

from domain import events as ev
from domain._jit import inline, kernel
from domain._prefetch import FAR, ask_ahead, prefetch
from domain.codes import N_GOODS, N_RESOURCES, NEED_FULL, Good, Intention
from domain.columns import (
    ACTED,
    N_TIES,
    SKILLS,
    TIE_OTHER,
    TIE_STRENGTH,
    TRAITS,
)
from domain.draws import below, draw_one
from domain.events import MAX_HOLDING, pack_cause, pack_good, pack_needs, pack_skill, pack_tie
from domain.rules.constants import (
    BEAR,
    BIRTH_COST,
    COMPANY_LOSS,
    CRAFT,
    CRAFT_COST,
    DIE,
    DOWRY,
    EAT,
    GATHER,
    GATHER_COST,
    GIFT_COMPANY,
    IDLE_COST,
    MOVE,
    PAIR,
    REST_GAIN,
    SPEAK,
    STARVATION,
    TALK,
    TALK_COMPANY,
    TALK_COST,
    TIE_GIFT,
    TIE_MAX,
    TIE_TALK,
    TIE_TRADE,
    TOOL_ORE,
    TOOL_STONE,
    TOOL_USES_ORE,
    TOOL_USES_STONE,
    TOOL_WOOD,
    TRADE,
    TRADE_COMPANY,
)
from domain.rules.meet import tie_slot
from domain.rules.move import move_cost
from domain.rules.plan import (
    P_ACTION,
    P_ALIVE,
    P_BECAUSE,
    P_CELL,
    P_COMPANY,
    P_ENERGY,
    P_FORMED,
    P_GIVE_GOOD,
    P_GIVE_QUANTITY,
    P_GOAL,
    P_GOODS,
    P_ID,
    P_INTENDED_ORDINAL,
    P_INTENDED_TICK,
    P_INTENTION,
    P_LEADS,
    P_LEFT,
    P_MEETING,
    P_PARTNER,
    P_QUANTITY,
    P_SATIETY,
    P_STEP,
    P_TAKE_GOOD,
    P_TAKE_QUANTITY,
    ask_for_row,
    intended,
)
from domain.rules.words import PHRASES_A_TOPIC, answer_to, topic_of

_FOOD, _WOOD, _STONE, _ORE, _TOOL = int(Good.FOOD), int(Good.WOOD), int(Good.STONE), int(Good.ORE), int(Good.TOOL)
_UNIT = 1_000
_SET_ON_REST = int(Intention.REST)
_AHEAD = 16  # rows
_INTENTION_FORMED, _AGENT_MOVED = ev.INTENTION_FORMED.number, ev.AGENT_MOVED.number
_GOODS_GATHERED, _SKILL_IMPROVED = ev.GOODS_GATHERED.number, ev.SKILL_IMPROVED.number
_MEAL_EATEN, _AGENT_RESTED, _TOOL_CRAFTED = ev.MEAL_EATEN.number, ev.AGENT_RESTED.number, ev.TOOL_CRAFTED.number
_AGENTS_MET, _WORDS_SPOKEN, _GOODS_TRADED = ev.AGENTS_MET.number, ev.WORDS_SPOKEN.number, ev.GOODS_TRADED.number
_GOODS_GIVEN, _GIFT_RECEIVED = ev.GOODS_GIVEN.number, ev.GIFT_RECEIVED.number
_CHILD_BORNE, _AGENT_DIED, _GOODS_INHERITED = ev.CHILD_BORNE.number, ev.AGENT_DIED.number, ev.GOODS_INHERITED.number


@inline
def _begin(out, k, tick, kind, agent, cause):  # type: ignore[no-untyped-def]
    """Start record k with everything else absent."""
    e = out[k]
    e.tick, e.ordinal, e.kind, e.agent, e.cause = tick, k, kind, agent, cause
    e.target, e.cell, e.detail = -1, -1, -1
    e.given, e.taken, e.needs = -1, -1, -1


@inline
def _clamp(value):  # type: ignore[no-untyped-def]
    return min(max(value, 0), NEED_FULL)


@inline
def needs_after(p, row, hunger, energy_change, satiety_change, company_change):  # type: ignore[no-untyped-def]
    """Return packed needs after an action: the tick's own losses, and what the action brings."""
    energy = np.int64(p[P_ENERGY, row]) + energy_change
    if p[P_SATIETY, row] == 0:
        energy -= STARVATION
    satiety = np.int64(p[P_SATIETY, row]) - hunger + satiety_change
    company = np.int64(p[P_COMPANY, row]) - COMPANY_LOSS + company_change
    return pack_needs(_clamp(energy), _clamp(satiety), _clamp(company))


@inline
def tie_after(a, row, other, gain, row_of):  # type: ignore[no-untyped-def]
    """Return (slot, strength after, whether it is new): a free or dead friend's slot first, else the weakest."""
    slot = tie_slot(a, row, other)
    if slot >= 0:
        return slot, min(TIE_MAX, a[TIE_STRENGTH + slot, row] + gain), False
    best, weakest = 0, np.int64(1 << 20)
    for k in range(N_TIES):
        friend = a[TIE_OTHER + k, row]
        strength = np.int64(a[TIE_STRENGTH + k, row])
        if friend < 0:
            strength = np.int64(-2)
        elif row_of[friend] < 0:
            strength = np.int64(-1)
        if strength < weakest:
            best, weakest = k, strength
    return best, gain, True


@inline
def _emit_formed(a, p, row, tick, out, k):  # type: ignore[no-untyped-def]
    if p[P_FORMED, row] == 0:
        return k
    _begin(out, k, tick, _INTENTION_FORMED, p[P_ID, row], a[ACTED, row])
    out[k].detail = p[P_INTENTION, row]
    out[k].cell = p[P_GOAL, row]
    p[P_INTENDED_TICK, row], p[P_INTENDED_ORDINAL, row] = tick, k
    return k + 1


@inline
def _emit_met(p, row, other, slot, strength, cause, tick, out, k):  # type: ignore[no-untyped-def]
    _begin(out, k, tick, _AGENTS_MET, p[P_ID, row], cause)
    out[k].target = other
    out[k].detail = pack_tie(slot, strength)
    return k + 1


@inline
def _use(p, row, good, change):  # type: ignore[no-untyped-def]
    """Change the running holding and return what is held afterwards."""
    p[P_GOODS + good, row] += change
    return p[P_GOODS + good, row]


@inline
def _emit_leg(a, p, row, kind, lead, cause, words, hunger, row_of, tick, out, phrases, k):  # type: ignore[no-untyped-def]
    """Emit one side of a meeting and return the next ordinal; `lead` is the initiator's row."""
    other = p[P_ID, p[P_PARTNER, row]]
    gain = TIE_TALK if kind == TALK else (TIE_TRADE if kind == TRADE else TIE_GIFT)
    slot, strength, new = tie_after(a, row, other, gain, row_of)
    if new:
        k = _emit_met(p, row, other, slot, strength, cause, tick, out, k)
        cause = pack_cause(tick, k - 1) if row == lead else cause
    if kind == TALK:
        _begin(out, k, tick, _WORDS_SPOKEN, p[P_ID, row], cause)
        out[k].needs = needs_after(p, row, hunger, -TALK_COST, 0, TALK_COMPANY)
        phrases[k] = words
    elif kind == TRADE:
        _begin(out, k, tick, _GOODS_TRADED, p[P_ID, row], cause)
        x, qx, y, qy = p[P_GIVE_GOOD, lead], p[P_GIVE_QUANTITY, lead], p[P_TAKE_GOOD, lead], p[P_TAKE_QUANTITY, lead]
        if row != lead:
            x, qx, y, qy = y, qy, x, qx
        out[k].given = pack_good(x, qx, _use(p, row, x, -qx))
        out[k].taken = pack_good(y, qy, _use(p, row, y, qy))
        out[k].needs = needs_after(p, row, hunger, -TALK_COST, 0, TRADE_COMPANY)
    else:
        good, quantity = p[P_GIVE_GOOD, lead], p[P_GIVE_QUANTITY, lead]
        if row == lead:
            _begin(out, k, tick, _GOODS_GIVEN, p[P_ID, row], cause)
            out[k].given = pack_good(good, quantity, _use(p, row, good, -quantity))
        else:
            _begin(out, k, tick, _GIFT_RECEIVED, p[P_ID, row], cause)
            out[k].taken = pack_good(good, quantity, _use(p, row, good, quantity))
        out[k].needs = needs_after(p, row, hunger, -TALK_COST, 0, GIFT_COMPANY)
    out[k].target = other
    out[k].detail = pack_tie(slot, strength)
    return k + 1


@inline
def _emit_meeting(a, p, row, hunger, row_of, tick, stream, out, phrases, k):  # type: ignore[no-untyped-def]
    """Emit both sides of a meeting, the initiator's first; its own event caused the other's."""
    lead = row if p[P_LEADS, row] == 1 else p[P_PARTNER, row]
    follow = p[P_PARTNER, lead]
    kind = p[P_MEETING, lead]
    topic = topic_of(p, lead)
    dice = draw_one(p[P_ID, lead], stream, tick, 0)
    words = topic * PHRASES_A_TOPIC + below(dice, PHRASES_A_TOPIC)
    reply = answer_to(topic) * PHRASES_A_TOPIC + below(dice << np.uint64(32), PHRASES_A_TOPIC)
    k = _emit_formed(a, p, lead, tick, out, k)
    k = _emit_formed(a, p, follow, tick, out, k)
    k = _emit_leg(a, p, lead, kind, lead, intended(p, lead), words, hunger, row_of, tick, out, phrases, k)
    return _emit_leg(a, p, follow, kind, lead, pack_cause(tick, k - 1), reply, hunger, row_of, tick, out, phrases, k)


@inline
def _emit_gathering(a, p, row, hunger, tick, stream, out, k):  # type: ignore[no-untyped-def]
    good, cell, quantity = p[P_INTENTION, row], p[P_CELL, row], p[P_QUANTITY, row]
    _begin(out, k, tick, _GOODS_GATHERED, p[P_ID, row], intended(p, row))
    out[k].cell = cell
    out[k].given = pack_good(good, quantity, _use(p, row, good, quantity))
    if p[P_GOODS + _TOOL, row] > 0:
        out[k].taken = pack_good(_TOOL, 1, _use(p, row, _TOOL, -1))
    out[k].detail = p[P_LEFT, row]
    out[k].needs = needs_after(p, row, hunger, -GATHER_COST, 0, 0)
    k += 1
    # Practice: one gathering in about sixty teaches something, the conscientious more often.
    level = a[SKILLS + good, row]
    dice = draw_one(p[P_ID, row], stream, tick, 1)
    if level < 1000 and below(dice, 60_000) < 500 + a[TRAITS + 1, row]:
        _begin(out, k, tick, _SKILL_IMPROVED, p[P_ID, row], pack_cause(tick, k - 1))
        out[k].detail = pack_skill(good, min(1000, level + 10))
        k += 1
    return k


@inline
def _emit_crafting(p, row, hunger, tick, out, k):  # type: ignore[no-untyped-def]
    _begin(out, k, tick, _TOOL_CRAFTED, p[P_ID, row], intended(p, row))
    out[k].given = pack_good(_WOOD, TOOL_WOOD, _use(p, row, _WOOD, -TOOL_WOOD))
    if p[P_GOODS + _ORE, row] >= TOOL_ORE:
        out[k].taken = pack_good(_ORE, TOOL_ORE, _use(p, row, _ORE, -TOOL_ORE))
        uses = TOOL_USES_ORE
    else:
        out[k].taken = pack_good(_STONE, TOOL_STONE, _use(p, row, _STONE, -TOOL_STONE))
        uses = TOOL_USES_STONE
    p[P_GOODS + _TOOL, row] = uses
    out[k].detail = uses
    out[k].needs = needs_after(p, row, hunger, -CRAFT_COST, 0, 0)
    return k + 1


@inline
def _find_heir(a, n, p, row, row_of, tick, stream):  # type: ignore[no-untyped-def]
    """Return the row of the dearest friend who lives on, else of anybody drawn who does; -1 if nobody."""
    best, strength = -1, -1
    for k in range(N_TIES):
        other = a[TIE_OTHER + k, row]
        if (
            other >= 0
            and row_of[other] >= 0
            and p[P_ACTION, row_of[other]] != DIE
            and a[TIE_STRENGTH + k, row] > strength
        ):
            best, strength = row_of[other], a[TIE_STRENGTH + k, row]
    if best >= 0:
        return best
    # Rank by a draw keyed by the candidate, not by its row: rows move when the dead are compacted.
    lowest = np.uint64(0)
    for i in range(n):
        if p[P_ALIVE, i] != 0 and p[P_ACTION, i] != DIE:
            rank = draw_one(p[P_ID, i] ^ (np.int64(p[P_ID, row]) << 32), stream, tick, 2)
            if best < 0 or rank < lowest:
                best, lowest = i, rank
    return best


@inline
def _ask_for_pair(a, p, row):  # type: ignore[no-untyped-def]
    """Have what telling of a meeting reads of both sides fetched: the partner's row lies anywhere."""
    other = p[P_PARTNER, row]
    for slot in range(2 * N_TIES):
        prefetch(a, TIE_OTHER + slot, row)
        prefetch(a, TIE_OTHER + slot, other)
    ask_for_row(p, other)


@inline
def _ask_for_places(a, ground, p, row):  # type: ignore[no-untyped-def]
    """Have what telling of an agent's action reads elsewhere than in its own row fetched."""
    action = p[P_ACTION, row]
    if action == MOVE:
        prefetch(ground, p[P_CELL, row])
        prefetch(ground, p[P_STEP, row])
    elif action == PAIR and p[P_PARTNER, row] > row:
        _ask_for_pair(a, p, row)


@kernel
def emit_events(  # type: ignore[no-untyped-def]
    a, n, ground, p, row_of, tick, hunger, meal, next_agent, stream, out, phrases, first, parents, deaths
):
    """Write the events of all planned actions from ordinal `first` on.

    Returns (events in all, births, deaths, phrases spoken); `parents` takes the row and ordinal of each birth given,
    `deaths` the rows of the dying with their ordinals.
    """
    far = a.shape[1] > FAR
    k, births, died, spoken = first, 0, 0, 0
    for i in range(n):
        if far:
            ask_ahead(a, SKILLS, SKILLS + N_RESOURCES, i, n)
            ask_ahead(a, ACTED, ACTED + 1, i, n)
            _ask_for_places(a, ground, p, min(i + _AHEAD, n - 1))
        if p[P_ALIVE, i] == 0:
            continue
        action = p[P_ACTION, i]
        if action == DIE:
            heir = _find_heir(a, n, p, i, row_of, tick, stream)
            _begin(out, k, tick, _AGENT_DIED, p[P_ID, i], a[ACTED, i])
            out[k].target = p[P_ID, heir] if heir >= 0 else -1
            out[k].cell, out[k].detail = p[P_CELL, i], p[P_BECAUSE, i]
            out[k].needs = pack_needs(p[P_ENERGY, i], p[P_SATIETY, i], p[P_COMPANY, i])
            deaths[died, 0], deaths[died, 1], deaths[died, 2] = i, k, heir
            died += 1
            k += 1
        elif action == SPEAK:
            continue
        elif action == PAIR:
            # Told once, when the first of the two comes up.
            if p[P_PARTNER, i] > i:
                spoken += 2 if p[P_MEETING, i] == TALK else 0
                k = _emit_meeting(a, p, i, hunger, row_of, tick, stream, out, phrases, k)
        else:
            k = _emit_formed(a, p, i, tick, out, k)
            cause = intended(p, i)
            if action == MOVE:
                _begin(out, k, tick, _AGENT_MOVED, p[P_ID, i], cause)
                out[k].cell, out[k].detail = p[P_STEP, i], p[P_CELL, i]
                out[k].needs = needs_after(p, i, hunger, -move_cost(ground, p[P_CELL, i], p[P_STEP, i]), 0, 0)
                k += 1
            elif action == GATHER:
                k = _emit_gathering(a, p, i, hunger, tick, stream, out, k)
            elif action == EAT:
                _begin(out, k, tick, _MEAL_EATEN, p[P_ID, i], a[ACTED, i])
                out[k].given = pack_good(_FOOD, _UNIT, _use(p, i, _FOOD, -_UNIT))
                out[k].needs = needs_after(p, i, hunger, -IDLE_COST, meal, 0)
                k += 1
            elif action == CRAFT:
                k = _emit_crafting(p, i, hunger, tick, out, k)
            elif action == BEAR:
                _begin(out, k, tick, _CHILD_BORNE, p[P_ID, i], a[ACTED, i])
                out[k].target = next_agent + births
                out[k].given = pack_good(_FOOD, DOWRY, _use(p, i, _FOOD, -DOWRY))
                out[k].needs = needs_after(p, i, hunger, -BIRTH_COST, 0, 0)
                parents[births, 0], parents[births, 1] = i, k
                births += 1
                k += 1
            else:
                change = REST_GAIN if p[P_INTENTION, i] == _SET_ON_REST else -IDLE_COST
                _begin(out, k, tick, _AGENT_RESTED, p[P_ID, i], cause)
                out[k].needs = needs_after(p, i, hunger, change, 0, 0)
                k += 1
    # Estates, after everybody's own day.
    for d in range(died):
        i, heir = deaths[d, 0], deaths[d, 2]
        if heir < 0:
            continue
        for good in range(N_GOODS):
            quantity = p[P_GOODS + good, i]
            # A worn tool is buried with its owner, and so is what the heir's columns have no room for.
            quantity = min(quantity, MAX_HOLDING - p[P_GOODS + good, heir])
            if good == _TOOL or quantity <= 0:
                continue
            _begin(out, k, tick, _GOODS_INHERITED, p[P_ID, heir], pack_cause(tick, deaths[d, 1]))
            out[k].target = p[P_ID, i]
            out[k].taken = pack_good(good, quantity, _use(p, heir, good, quantity))
            k += 1
    return k, births, died, spoken
