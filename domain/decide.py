"""Decide: what happens in a tick, outcomes included. Only here do rules and chance act.

Reads the state that the tick before left, changes nothing in it, and returns events. The phases:
inputs take effect, `choose` plans every agent's action (in chunks, on several threads if asked),
homes go to parents, agents meet, stocks are shared out, and `emit` writes the events.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from domain.codes import Good, Intention
from domain.columns import ACTED, ALIVE, ASKED, CELL, HOUSEHOLD, ID, THOUGHT_DUE
from domain.configuration import Configuration
from domain.draws import stream_key
from domain.errors import MissingInput
from domain.events import (
    ABSENT,
    AGENT_BORN,
    EVENT_DTYPE,
    GOODS_ENDOWED,
    INTERVENTION_MADE,
    MAX_HOLDING,
    THOUGHT_REFUSED,
    THOUGHT_TAKEN,
    EventBatch,
    empty_records,
    pack_cause,
    pack_good,
    pack_needs,
    payload_of,
)
from domain.founding import found_world
from domain.hexgrid import disc_offsets
from domain.inputs import INTENTION, INTERVENTION, NO_INPUTS, Input, Inputs, validated
from domain.personas import make_personas
from domain.rules.barter import WORTHS
from domain.rules.birth import find_parents
from domain.rules.choose import choose_rows
from domain.rules.constants import BEAR, DIE, DOWRY
from domain.rules.emit import emit_events
from domain.rules.gather import share_stocks
from domain.rules.meet import find_seekers, pair_up
from domain.rules.plan import P_ACTION, P_GOAL, P_GOODS, P_INTENDED, P_INTENTION, begin_plan, board_of, plan_of_capacity
from domain.rules.words import PAYLOAD_BYTES, PAYLOAD_ENDS, collect_payloads
from domain.state import World

_NEWBORN_NEEDS = (8_000, 7_000, 8_000)  # energy, satiety, company
_STREAMS = ("choose", "meet", "gather", "birth", "emit")


class Decider:
    """`decide` with its scratch memory, for one run.

    Parameters
    ----------
    seed, configuration : the run's genesis
    threads : how many threads plan agents; the result is the same for any number

    Attributes
    ----------
    threads_used : set of int, idents of the threads that really planned
    """

    def __init__(self, seed: int, configuration: Configuration, *, threads: int = 1) -> None:
        self.seed, self.configuration, self.threads = seed, configuration, threads
        self.threads_used: set[int] = set()
        self._keys = {name: stream_key(seed, name) for name in _STREAMS}
        self._offsets = disc_offsets(configuration.sight)
        self._board = board_of(configuration.n_cells)
        self._plan = plan_of_capacity(0)
        self._pool = ThreadPoolExecutor(threads - 1, "polis-choose") if threads > 1 else None

    def close(self) -> None:
        """End the planning threads."""
        if self._pool:
            self._pool.shutdown()

    def _make_room(self, capacity: int) -> None:
        if self._plan.shape[1] < capacity:
            self._plan = plan_of_capacity(capacity)
            self._rows = np.empty(capacity, np.int64)
            self._ranks = np.empty(capacity, np.uint64)
            self._starts, self._seekers = np.empty(2 * capacity + 3, np.int64), np.empty(capacity, np.int64)
            self._worths = np.empty((capacity, WORTHS), np.int32)
            self._parents = np.empty((capacity, 2), np.int64)
            self._deaths = np.empty((capacity, 3), np.int64)

    def decide(self, world: World, inputs: Inputs = NO_INPUTS) -> EventBatch:
        """Return the events of the tick after `world.tick`.

        Parameters
        ----------
        world : World, read only
        inputs : the inputs that take effect at that tick

        Raises
        ------
        MissingInput
            If an awaited answer is due and not among them.
        InvalidInput
            If one can't be applied.
        """
        tick = world.tick + 1
        if tick == 0:
            return found_world(self.configuration, seed=self.seed)
        n, a = world.n, world.agents
        self._make_room(a.shape[1])
        begin_plan(a, n, self._plan)
        first = self._apply_inputs(world, inputs, tick)
        self._choose(world, tick)
        p, keys, cfg = self._plan, self._keys, self.configuration
        room = cfg.homes - world.population
        if room > 0:
            interval = cfg.birth_interval
            count = find_parents(a, n, p, tick, keys["birth"], cfg.adulthood, interval, self._rows, self._ranks)
            parents = self._rows[:count]
            if count > room:  # few are left to sort, so numpy does it
                parents = parents[self._ranks[:count].argsort(kind="stable")[:room]]
            p[P_ACTION, parents] = BEAR
        count = find_seekers(a, n, p, tick, keys["meet"], self._rows, self._ranks, self._starts, self._seekers)
        pair_up(a, p, self._worths, self._board, world.width, world.height, self._seekers[:count], self._ranks)
        share_stocks(a, n, world.cells, p, self._board, tick, keys["gather"])
        return self._emit(world, tick, first)

    # -- phases ------------------------------------------------------------------------------------

    def _choose(self, world: World, tick: int) -> None:
        def plan(first: int, last: int) -> None:
            self.threads_used.add(threading.get_ident())
            choose_rows(
                world.agents, world.cells, self._plan, first, last, tick, world.width, world.height, self._offsets,
                world.row_of, self._keys["choose"],
            )  # fmt: skip

        edges = [world.n * i // self.threads for i in range(self.threads + 1)]
        if self._pool is None:
            plan(0, world.n)
            return
        waiting = [self._pool.submit(plan, edges[i], edges[i + 1]) for i in range(1, self.threads)]
        plan(edges[0], edges[1])
        for chunk in waiting:
            chunk.result()

    def _apply_inputs(self, world: World, inputs: Inputs, tick: int) -> list[tuple[np.void, bytes]]:
        """Let inputs take effect on the plan, in key order; return their events and payloads."""
        a, n = world.agents, world.n
        due = np.flatnonzero((a[THOUGHT_DUE, :n] == tick) & (a[ALIVE, :n] != 0))
        answered = {i.key.agent for i in inputs.rows if i.key.purpose == INTENTION}
        for row in due:
            if int(a[ID, row]) not in answered:
                raise MissingInput(tick, int(a[ID, row]))
        events: list[tuple[np.void, bytes]] = []
        for given in inputs.rows:
            validated(given, n_cells=self.configuration.n_cells)
            if given.key.purpose == INTERVENTION:
                self._intervene(world, given, tick, events)
            else:
                self._take_thought(world, given, tick, events)
        return events

    def _take_thought(self, world: World, given: Input, tick: int, events: list[tuple[np.void, bytes]]) -> None:
        row = world.row(given.key.agent)
        if row is None:
            return  # the agent died before the answer took effect
        a, p = world.agents, self._plan
        about = {"asked": given.key.asked_tick, "purpose": given.key.purpose, "call": given.key.call}
        about["answer"] = given.answer_hash()
        asked = int(a[ASKED, row])
        record = _record(tick, len(events), given.key.agent, asked if asked != ABSENT else int(a[ACTED, row]))
        if "refused" in given.answer:
            record["kind"] = THOUGHT_REFUSED.number
            events.append((record, payload_of(**about, because=str(given.answer["refused"]))))
            return
        intention = Intention[given.answer["intention"].upper()]
        goal = given.answer.get("goal")
        record["kind"], record["detail"] = THOUGHT_TAKEN.number, int(intention)
        record["cell"] = a[CELL, row] if goal is None else goal
        p[P_INTENTION, row], p[P_GOAL, row] = intention, record["cell"]
        p[P_INTENDED, row] = pack_cause(tick, len(events))
        events.append((record, payload_of(**about)))

    def _intervene(self, world: World, given: Input, tick: int, events: list[tuple[np.void, bytes]]) -> None:
        """Record an intervention and what it does; one that has become impossible is recorded as refused."""
        row = world.row(given.key.agent)
        made = _record(tick, len(events), given.key.agent, ABSENT if row is None else int(world.agents[ACTED, row]))
        made["kind"] = INTERVENTION_MADE.number
        cause = pack_cause(tick, len(events))
        answer = given.answer
        endow = [(Good[name.upper()], name, quantity) for name, quantity in sorted(answer.get("endow", {}).items())]
        refused = None
        if row is None:
            refused = "the agent is not alive"
        else:
            for good, name, quantity in endow:
                if int(self._plan[P_GOODS + good, row]) + quantity > MAX_HOLDING:
                    refused = f"the agent would hold too much {name}"
        told = {"by": str(answer.get("by", "")), "why": str(answer.get("why", "")), "refused": refused}
        key = {"asked": given.key.asked_tick, "call": given.key.call, "answer": given.answer_hash()}
        events.append((made, payload_of(**told, **key)))
        if row is None or refused is not None:
            return
        for good, _, quantity in endow:
            self._plan[P_GOODS + good, row] += quantity
            record = _record(tick, len(events), given.key.agent, cause)
            record["kind"] = GOODS_ENDOWED.number
            record["given"] = pack_good(int(good), quantity, int(self._plan[P_GOODS + good, row]))
            events.append((record, b""))

    def _emit(self, world: World, tick: int, before: list[tuple[np.void, bytes]]) -> EventBatch:
        a, n, p = world.agents, world.n, self._plan
        dying = int(np.count_nonzero(p[P_ACTION, :n] == DIE))  # the dead of before included: only room is made
        first = len(before)
        room = first + 3 * n + 7 * dying + 16
        out = np.empty(room, EVENT_DTYPE)
        phrases = np.full(room, -1, np.int32)
        for k, (record, _) in enumerate(before):
            out[k] = record
        count, births, _ = emit_events(
            a, n, world.cells, p, self._board, world.row_of, tick, self.configuration.hunger, self.configuration.meal,
            world.next_agent, self._keys["emit"], out, phrases, first, self._parents, self._deaths,
        )  # fmt: skip
        ends = np.empty(count, np.int64)
        spoken = np.empty(int(np.count_nonzero(phrases[:count] >= 0)) * 80 + 16, np.uint8)
        size = collect_payloads(phrases, count, PAYLOAD_BYTES, PAYLOAD_ENDS, ends, spoken)
        batch = EventBatch(out[:count], ends, spoken[:size].tobytes())
        if before:
            lengths = np.diff(ends, prepend=0)
            lengths[:first] = [len(payload) for _, payload in before]
            payload = b"".join(payload for _, payload in before) + batch.payload_bytes
            batch = EventBatch(batch.records, np.cumsum(lengths), payload)
        if births:
            batch = EventBatch.concat([batch, self._born(world, tick, count, births)])
        return batch

    def _born(self, world: World, tick: int, first: int, births: int) -> EventBatch:
        """Return the events of the children, after everything else of the tick."""
        a = world.agents
        children = world.next_agent + np.arange(births, dtype=np.int64)
        personas = make_personas(children, self.configuration, seed=self.seed, tick=tick, founders=False)
        records = empty_records(births)
        rows, ordinals = self._parents[:births, 0], self._parents[:births, 1]
        records["tick"], records["ordinal"] = tick, first + np.arange(births)
        records["kind"], records["agent"], records["target"] = AGENT_BORN.number, children, a[ID, rows]
        records["cell"], records["detail"] = a[CELL, rows], a[HOUSEHOLD, rows]
        records["given"] = pack_good(int(Good.FOOD), DOWRY, DOWRY)
        records["needs"] = pack_needs(*_NEWBORN_NEEDS)
        records["cause"] = (np.int64(tick) << 32) | ordinals
        return EventBatch.of(records, [(i, persona.payload()) for i, persona in enumerate(personas)])


def _record(tick: int, ordinal: int, agent: int, cause: int) -> np.void:
    record: np.void = empty_records(1)[0]
    record["tick"], record["ordinal"], record["agent"], record["cause"] = tick, ordinal, agent, cause
    return record
