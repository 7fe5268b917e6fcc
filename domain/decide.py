"""Decide: what happens in a tick, outcomes included. Only here do rules and chance act.

Reads the state that the tick before left, changes nothing in it, and returns events. The phases:
inputs take effect, `choose` plans every agent's action (in chunks, on several threads if asked),
homes go to parents, agents meet, stocks are shared out, and `emit` writes the events.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.codes import Good, Intention, MemoryKind
from domain.columns import ACTED, ALIVE, ASKED, CELL, HOUSEHOLD, ID, SATIETY, THOUGHT_DUE
from domain.configuration import Configuration
from domain.draws import stream_key
from domain.errors import InvalidInput, MissingInput
from domain.events import (
    ABSENT,
    AGENT_BORN,
    AGENT_DIED,
    EVENT_DTYPE,
    REFLECTION_MADE,
    SCENARIO_CHANGED,
    THOUGHT_REFUSED,
    THOUGHT_REQUESTED,
    THOUGHT_TAKEN,
    EventBatch,
    empty_records,
    pack_good,
    pack_needs,
)
from domain.founding import found_world
from domain.hexgrid import disc_offsets
from domain.inputs import INTENTION, INTERVENTION, NO_INPUTS, REFLECTION, Input, Inputs, plain, validated
from domain.interventions import Interventions
from domain.minds import columns as m
from domain.minds.pledges import plan_pledges, settle_pledges
from domain.minds.remember import Remembering
from domain.minds.schedule import who_thinks
from domain.minds.talk import Talk
from domain.minds.telling import Telling
from domain.personas import make_personas
from domain.rules.birth import find_parents
from domain.rules.cards import cards_of_capacity
from domain.rules.choose import choose_rows, consider
from domain.rules.constants import BEAR, DIE, DOWRY, EVENTS_OF_A_DEATH, EVENTS_OF_AN_ACTION, HUNGRY, MOVE, REST, SPEAK
from domain.rules.emit import emit_events
from domain.rules.gather import share_stocks
from domain.rules.meet import find_seekers, pair_up
from domain.rules.plan import (
    P_ACTION,
    P_FORMED,
    P_GOAL,
    P_INTENTION,
    P_OPEN,
    begin_plan,
    board_of,
    intend,
    plan_of_capacity,
)
from domain.rules.words import PAYLOAD_BYTES, PAYLOAD_ENDS, collect_payloads
from domain.scenario import Scenarios, changes_between
from domain.state import World
from domain.threads import Threads

_NEWBORN_NEEDS = (8_000, 7_000, 8_000)  # energy, satiety, company
_STREAMS = ("choose", "meet", "gather", "birth", "emit")


class Decider:
    """`decide` with its scratch memory, for one run.

    Parameters
    ----------
    seed, configuration : the run's genesis
    threads : how many threads a tick is spread over; the result is the same for any number
    scenarios : of a fork, which seed and configuration decide which tick; else those of the genesis decide all

    Attributes
    ----------
    seed, configuration : what decides the tick at hand
    threads : Threads that its ticks are spread over
    """

    def __init__(
        self, seed: int, configuration: Configuration, *, threads: int = 1, scenarios: Scenarios | None = None
    ) -> None:
        self.scenarios = scenarios or Scenarios.only(seed, configuration)
        self.threads = Threads(threads)
        self._take_up(seed, configuration)
        self._board = board_of(configuration.n_cells)
        self._plan = plan_of_capacity(0)

    def close(self) -> None:
        """End its threads."""
        self.threads.close()

    def _take_up(self, seed: int, configuration: Configuration) -> None:
        self.seed, self.configuration = seed, configuration
        self._keys = {name: stream_key(seed, name) for name in _STREAMS}
        self._offsets = disc_offsets(configuration.sight)

    def _make_room(self, capacity: int) -> None:
        if self._plan.shape[1] < capacity:
            self._plan = plan_of_capacity(capacity)
            self._rows = np.empty(capacity, np.int64)
            self._ranks = np.empty(capacity, np.uint64)
            self._starts, self._seekers = np.empty(2 * capacity + 3, np.int64), np.empty(capacity, np.int64)
            self._cards = cards_of_capacity(capacity)
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
        scenario = self.scenarios.at(tick)
        if (scenario.seed, scenario.configuration) != (self.seed, self.configuration):
            self._take_up(scenario.seed, scenario.configuration)
        if tick == 0:
            return found_world(self.configuration, seed=self.seed)
        n, a = world.n, world.agents
        self._make_room(a.shape[1])
        answers_due = sum(self.threads.over(n, lambda first, end: begin_plan(a, first, end, self._plan, tick)))
        telling = Telling(tick)
        made = Interventions(world, self._plan, self.seed, self.configuration, telling, inputs)
        self._made = made
        self._tell_change(telling, made)
        talk = None
        if world.minds is not None:
            talk = Talk(world, self._plan, self.configuration, telling, lambda *about: self._consider(world, *about)[0])
        self._remembering = Remembering(world, set(), seed=self.seed)
        if answers_due:
            self._require_answers(world, inputs, tick)
        self._apply_inputs(world, inputs, telling, talk)
        made.note_intentions()
        self._choose(world, tick)
        made.hold()
        p, keys, cfg = self._plan, self._keys, self.configuration
        leads = [] if talk is None else self._attend(world, talk)
        room = cfg.homes - world.population - made.newcomers
        if room > 0:
            interval = cfg.birth_interval
            count = find_parents(a, n, p, tick, keys["birth"], cfg.adulthood, interval, self._rows, self._ranks)
            parents = self._rows[:count]
            if count > room:  # few are left to sort, so numpy does it
                parents = parents[self._ranks[:count].argsort(kind="stable")[:room]]
            p[P_ACTION, parents] = BEAR
        cards, ranks = self._cards, self._ranks
        count = find_seekers(n, p, tick, keys["meet"], self._rows, ranks, self._starts, self._seekers, cards)
        pair_up(a, p, cards, self._board, world.width, world.height, self._seekers[:count], ranks)
        share_stocks(a, n, made.cells, p, self._board, tick, keys["gather"])
        events = self._emit(world, tick, telling)
        return events if talk is None else self._reflect_on(world, events, talk, leads)

    # -- phases ------------------------------------------------------------------------------------

    def _tell_change(self, telling: Telling, made: Interventions) -> None:
        """Tell what a fork changed, where this is its first tick; what grows does so at the new pace from now on."""
        change = self.scenarios.change_at(telling.tick)
        if change is None:
            return
        cause = telling.tell(SCENARIO_CHANGED, ABSENT, ABSENT, changes_between(*change))
        before, after = (scenario.configuration.regrowth_percent for scenario in change)
        if before != after:
            made.regrow(after, cause)

    def _choose(self, world: World, tick: int) -> None:
        def plan(first: int, end: int) -> None:
            choose_rows(
                world.agents, self._made.cells, self._made.prospects, world.ground, self._plan, first, end, tick,
                world.width, world.height, self._offsets, world.row_of, self._keys["choose"], self._rows,
            )  # fmt: skip

        self.threads.over(world.n, plan, at_least=0)

    def _attend(self, world: World, talk: Talk) -> list[int]:
        """Let those who spoke do nothing else, those who talk stay where they are, and the pledged meet."""
        a, n, p, minds = world.agents, world.n, self._plan, world.minds
        assert minds is not None
        spoke = np.array(talk.spoke, np.int64)
        p[P_ACTION, spoke], p[P_OPEN, spoke], p[P_FORMED, spoke] = SPEAK, 0, 0
        walking = (minds[m.TALK, :n] >= 0) & (p[P_ACTION, :n] == MOVE) & (a[SATIETY, :n] >= HUNGRY)
        p[P_ACTION, np.flatnonzero(walking)] = REST
        return plan_pledges(world, p, self.configuration)

    def _reflect_on(self, world: World, events: EventBatch, talk: Talk, leads: list[int]) -> EventBatch:
        """Return the tick's events with what comes of them in minds: pledges settled, memories, who thinks next."""
        tick, records = talk.tick, events.records
        dying = set(records["agent"][records["kind"] == AGENT_DIED.number].tolist())
        after = talk.telling = Telling(tick, len(events))
        settle_pledges(world, leads, records, dying, after, hearing=self.configuration.hearing)
        talk.close_old(dying)
        self._remembering.dying = dying
        self._remembering.witness(EventBatch.concat([events, after.batch()]), after)
        cfg = self.configuration
        for row, purpose, reason in who_thinks(world, cfg, seed=self.seed, tick=tick, dying=dying):
            who = int(world.agents[ID, row])
            after.tell(
                THOUGHT_REQUESTED, who, int(world.agents[ACTED, row]), detail=tick + cfg.think_delay,
                target=int(purpose), cell=int(reason),
            )  # fmt: skip
        return EventBatch.concat([events, after.batch()])

    def _require_answers(self, world: World, inputs: Inputs, tick: int) -> None:
        """Refuse to decide a tick whose inputs lack an answer that takes effect now."""
        a, n = world.agents, world.n
        due = np.flatnonzero((a[THOUGHT_DUE, :n] == tick) & (a[ALIVE, :n] != 0))
        thoughts = [i.key for i in inputs.rows if i.key.purpose in (INTENTION, REFLECTION)]
        answered = {(key.agent, key.asked_tick) for key in thoughts}
        for row in due:
            if (int(a[ID, row]), int(a[ASKED, row]) >> 32) not in answered:
                raise MissingInput(tick, int(a[ID, row]))

    def _apply_inputs(self, world: World, inputs: Inputs, telling: Telling, talk: Talk | None) -> None:
        """Let inputs take effect on the plan, in key order, and tell their events."""
        for given in inputs.rows:
            validated(given, n_cells=self.configuration.n_cells)
            if given.key.purpose == INTERVENTION:
                self._made.make(given)
            else:
                self._take_thought(world, given, telling, talk)

    def _take_thought(self, world: World, given: Input, telling: Telling, talk: Talk | None) -> None:
        row = world.row(given.key.agent)
        if row is None:
            return  # the agent died before the answer took effect
        a, p, who, answer = world.agents, self._plan, given.key.agent, given.answer
        about: dict[str, Any] = {"asked": given.key.asked_tick, "purpose": given.key.purpose, "call": given.key.call}
        about["answer"] = given.answer_hash()
        asked = int(a[ASKED, row])
        cause = asked if asked != ABSENT else int(a[ACTED, row])
        if "refused" in answer:
            telling.tell(THOUGHT_REFUSED, who, cause, about | {"because": plain(str(answer["refused"]))})
            return
        if given.key.purpose == REFLECTION:
            if talk is None:
                raise InvalidInput(given.key.as_tuple(), "this society has no minds to reflect with")
            made = telling.tell(REFLECTION_MADE, who, cause, about)
            cites = [str(c) for c in answer.get("cites", [])]
            self._remembering.remember(telling, who, made, MemoryKind.REFLECTION, 700, answer["insight"], cites)
            return
        intention = Intention[answer["intention"].upper()]
        goal, there = answer.get("goal"), None
        if talk is not None:
            found, own = self._consider(world, row, int(intention))
            goal = found if goal is None else goal
            about["instead_of"] = Intention(own).name.lower()
            if answer.get("act") not in (None, "none"):
                there = world.row(answer["to"])
                about["unsaid"] = self._made.why_unsaid(row, there) or talk.why_unsaid(row, there, answer)
        cell = int(a[CELL, row]) if goal is None else goal
        taken = telling.tell(THOUGHT_TAKEN, who, cause, about, detail=int(intention), cell=cell)
        p[P_INTENTION, row], p[P_GOAL, row] = intention, cell
        intend(p, row, taken)
        if talk is not None and there is not None and about["unsaid"] is None:
            talk.speak(row, there, answer, taken)

    def _consider(self, world: World, row: int, intention: int) -> tuple[int, int]:
        """Return (where that intention would lead, what the rules would be set on now instead)."""
        goal, own = consider(
            world.agents, self._made.cells, self._made.prospects, world.ground, self._plan, row, intention,
            world.tick + 1, world.width, world.height, self._offsets, world.row_of, self._keys["choose"],
        )  # fmt: skip
        return int(goal), int(own)

    def _emit(self, world: World, tick: int, before: Telling) -> EventBatch:
        a, n, p = world.agents, world.n, self._plan
        dying = int(np.count_nonzero(p[P_ACTION, :n] == DIE))  # the dead of before included: only room is made
        first = len(before)
        room = first + EVENTS_OF_AN_ACTION * n + EVENTS_OF_A_DEATH * dying + 16
        out = np.empty(room, EVENT_DTYPE)
        phrases = np.full(room, -1, np.int32)
        if first:
            out[:first] = before.batch().records
        next_agent = world.next_agent + self._made.newcomers
        count, births, died, spoken = emit_events(
            a, n, world.ground, p, world.row_of, tick, self.configuration.hunger, self.configuration.meal,
            next_agent, self._keys["emit"], out, phrases, first, self._parents, self._deaths,
        )  # fmt: skip
        self._made.causes_of_death(self._deaths[:died], out)
        ends = np.empty(count, np.int64)
        words = np.empty(spoken * 80 + 16, np.uint8)
        size = collect_payloads(phrases, count, PAYLOAD_BYTES, PAYLOAD_ENDS, ends, words)
        batch = EventBatch(out[:count], ends, words[:size].tobytes())
        if first:
            lengths = np.diff(ends, prepend=0)
            lengths[:first] = [len(payload) for payload in before.payloads]
            payload = b"".join(before.payloads) + batch.payload_bytes
            batch = EventBatch(batch.records, np.cumsum(lengths), payload)
        return self._born(world, batch, out, births, next_agent) if births else batch

    def _born(
        self, world: World, before: EventBatch, out: NDArray[np.void], births: int, next_agent: int
    ) -> EventBatch:
        """Return the tick's events with those of the children after everything else.

        They are written to `out` behind those `before`, which lie there too: copying all of a large society's events
        for a few children took as long as telling a third of them.
        """
        tick, first = world.tick + 1, len(before)
        a = world.agents
        children = next_agent + np.arange(births, dtype=np.int64)
        personas = make_personas(children, self.configuration, seed=self.seed, tick=tick, founders=False)
        records = out[first : first + births]
        records[:] = empty_records(births)
        rows, ordinals = self._parents[:births, 0], self._parents[:births, 1]
        records["tick"], records["ordinal"] = tick, first + np.arange(births)
        records["kind"], records["agent"], records["target"] = AGENT_BORN.number, children, a[ID, rows]
        records["cell"], records["detail"] = a[CELL, rows], a[HOUSEHOLD, rows]
        records["given"] = pack_good(int(Good.FOOD), DOWRY, DOWRY)
        records["needs"] = pack_needs(*_NEWBORN_NEEDS)
        records["cause"] = (np.int64(tick) << 32) | ordinals
        payloads = [persona.payload() for persona in personas]
        ends = len(before.payload_bytes) + np.cumsum([len(payload) for payload in payloads])
        return EventBatch(
            out[: first + births],
            np.concatenate((before.payload_ends, ends)),
            before.payload_bytes + b"".join(payloads),
        )
