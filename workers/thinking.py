"""Thinking: the runner's side of minds. What is asked, what is owed, and the barrier where answers take effect.

What is owed stands in the state itself (who waits for an answer, and since when), so it survives the loss of
everything else: broker, worker, this process. A request leaves only once the tick that asked is durable; it is sent
again every few seconds until its answer is an input. The clock runs on meanwhile and waits at the barrier for a late
one; what never comes is recorded as a refusal.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

import replay
from domain.advance import Header
from domain.codes import Purpose
from domain.columns import ALIVE, ASKED, ID, THOUGHT_DUE
from domain.errors import MissingAnswer, StoreUnavailable, TickHasBegun
from domain.events import MEMORY_FORMED, THOUGHT_REQUESTED, EventBatch
from domain.inputs import NO_INPUTS, Input, InputKey, Inputs
from domain.minds import columns as m
from domain.minds.percepts import percept_of
from domain.ports import EventStore, Run
from domain.state import World
from workers.thought_figures import Tally

ANSWERS = ("record", "reuse", "only")
_POLL_S, _RESEND_S, _TOLD_AFTER_S = 0.03, 5.0, 1.0
_READ_AHEAD, _READ_AGAIN, _READ_ALL_S = 512, 64, 1.0
"""Ticks whose inputs are read before their time, and how many of them are looked for again at each poll, and how often
all: a run that repeats another has its inputs from the beginning, a hundred thousand of them."""
_TIMEOUT_S_MAX = 600.0  # the most that a message may ask for

Request = dict[str, Any]


class Sender(Protocol):
    """Who takes requests to whoever answers them; losing one is made good by sending it again."""

    def send(self, requests: Sequence[Request]) -> None:
        """Send; never wait long, never raise for a broker that is away."""
        ...

    def project(self, run: int, through: int) -> None:
        """Ask for memories up to a tick to be projected."""
        ...

    def pids(self) -> list[int]:
        """Return the processes that it keeps up, for who counts their memory."""
        ...

    def problems(self) -> list[str]:
        """Return what it could not keep up, for the status of the run."""
        ...


class Thinking:
    """What is owed to the minds of one run, while it is being run.

    Parameters
    ----------
    store : EventStore
    run : Run
    sender : Sender
    engine : identity of the engine that is to answer
    answers : "record" asks the engine; "reuse" first looks for an answer to the same question in the same past;
        "only" stops where there is none
    patience_s : how long the barrier waits for an answer
    say : callable, told what a person should know
    """

    def __init__(
        self,
        store: EventStore,
        run: Run,
        sender: Sender | None,
        *,
        engine: dict[str, Any],
        answers: str = "reuse",
        patience_s: float = 60.0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.store, self.run, self.sender, self.engine, self.answers = store, run, sender, engine, answers
        self.patience_s, self._tally = patience_s, Tally()
        self.figures = self._tally.figures
        self._scenarios = replay.scenarios_of(store, run)
        self._lineage = [(store.find(str(source)), last) for source, _, last in store.lineage(run)]
        self._say = say or (lambda sentence: None)
        self._mutex = threading.Condition()
        self._held: list[Request] = []  # until their tick is durable
        self._owed: dict[InputKey, Request] = {}
        self._sent_at: dict[InputKey, float] = {}
        self._asked: dict[InputKey, int] = {}  # those that may yet be asked once more → when they take effect
        self._lacking: set[InputKey] = set()  # looked for and not recorded anywhere, where nobody is to be asked
        self._inputs: dict[int, dict[InputKey, Input]] = {}
        self._head = self._read_through = -1
        self._read_all_at = 0.0
        self._durable_tick: Callable[[], int] = lambda: -1
        self._memories_through = self._projected_through = -1
        self._error: Exception | None = None
        self._closing = False
        self._away = False
        self._thread: threading.Thread | None = None

    # -- the runner's thread -----------------------------------------------------------------------

    def start(self, world: World, head: Header | None, durable_tick: Callable[[], int]) -> None:
        """Take up what is owed at the head, and the inputs of the next ticks; again after ticks were given up.

        Parameters
        ----------
        world : World, at the head
        head : its header; None before tick 0
        durable_tick : callable, the newest tick that is safe from any crash: nothing leaves above it
        """
        owed = [] if head is None else self._owed_at(world)
        if self._thread is None:
            self.figures.before(self.store, self.run, world)
        self._tally.give_up_after(world.tick)
        with self._mutex:
            self._durable_tick = durable_tick
            self._head = world.tick
            self._held = []
            self._owed = {key_of(request): request for request in owed}
            self._sent_at.clear()
            self._lacking.clear()
            self._inputs = {}
            self._read_through = world.tick
            # Some of these may be projected already: to do it again does no harm.
            self._memories_through = world.tick if world.minds is not None else -1
            self._projected_through = -1
        self._read_inputs(world.tick)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="polis-thinking", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End; what is owed stays owed, and is asked again by the next to run this run."""
        with self._mutex:
            self._closing = True
            self._mutex.notify_all()
        if self._thread is not None:
            self._thread.join()

    def inputs_of(
        self, world: World, stopping: Callable[[], bool], on_wait: Callable[[str], None] = lambda what: None
    ) -> Inputs | None:
        """Return the inputs of the next tick, waiting at the barrier for those that are owed; None if told to stop.

        `on_wait` is told again and again for what, where that takes long.

        Raises
        ------
        MissingAnswer
            With `only`, if an answer is not there to be found.
        """
        tick, n = world.tick + 1, world.n
        a, minds = world.agents, world.minds
        assert minds is not None
        due = np.flatnonzero((a[THOUGHT_DUE, :n] == tick) & (a[ALIVE, :n] != 0)).tolist()
        keys = [_key(world, row) for row in due]
        began = time.perf_counter()
        with self._mutex:
            while True:
                if self._error is not None:
                    raise self._error
                given = self._inputs.get(tick, {})
                missing = [key for key in keys if key not in given]
                lacking = next((key for key in missing if key in self._lacking), None)
                if lacking is not None:
                    raise MissingAnswer(self.run.name, lacking.asked_tick, lacking.agent)
                unread = tick > self._read_through
                waited = time.perf_counter() - began
                if not (missing or unread) or stopping():
                    break
                if self._away:
                    began = time.perf_counter() - min(waited, self.patience_s)  # nobody can answer meanwhile
                elif (
                    missing
                    and waited > self.patience_s
                    and all(key.asked_tick <= self._durable_tick() for key in missing)
                ):
                    with contextlib.suppress(StoreUnavailable):  # then we wait for the database, and give up later
                        self._give_up(missing, tick)
                        continue
                if unread:
                    self._mutex.notify_all()
                if waited > _TOLD_AFTER_S:
                    on_wait(f"waiting for {_thoughts(len(missing))}" if missing else "waiting for inputs to be read")
                self._mutex.wait(0.05)
        if keys and waited > 0.001:
            self.figures.waited_s += waited
            self.figures.waits += 1
        return None if missing or unread else (Inputs(given.values()) if given else NO_INPUTS)

    def after_tick(self, world: World, events: EventBatch, header: Header, inputs: Inputs) -> None:
        """Note what the tick asked for and what it used; nothing leaves before the tick is durable."""
        records = events.records
        self._tally.note(events, world.tick, inputs)
        self._tally.settle(self._durable_tick())
        asked = np.flatnonzero(records["kind"] == THOUGHT_REQUESTED.number).tolist()
        requests = [self._request(world, int(records["agent"][i]), header) for i in asked]
        with self._mutex:
            self._held += requests
            self._head = world.tick
            # What was due by now is answered, refused, or of somebody who died: nobody rings for it any more.
            self._owed = {key: r for key, r in self._owed.items() if r["effect_tick"] > world.tick}
            if requests or world.tick + _READ_AHEAD // 2 > self._read_through:
                self._mutex.notify_all()
            self._inputs.pop(world.tick, None)
            if bool((records["kind"] == MEMORY_FORMED.number).any()):
                self._memories_through = world.tick

    def problems(self) -> list[str]:
        """Return what makes the run's status say so: refusals beyond measure, workers that could not be kept up.

        To be asked when all is durable.
        """
        self._tally.settle(self._durable_tick())
        with contextlib.suppress(StoreUnavailable):  # a run does not fail for want of this figure
            self._count_the_late()
        refusals = self.figures.problem()
        return [*([refusals] if refusals else []), *([] if self.sender is None else self.sender.problems())]

    def pids(self) -> list[int]:
        """Return the processes that think for this run, for who counts their memory."""
        return [] if self.sender is None else self.sender.pids()

    # -- what is owed ------------------------------------------------------------------------------

    def _owed_at(self, world: World) -> list[Request]:
        """Return the requests that wait for an answer at the head, made anew from the states that asked."""
        a, n = world.agents, world.n
        waiting = np.flatnonzero((a[ALIVE, :n] != 0) & (a[THOUGHT_DUE, :n] > world.tick)).tolist()
        by_tick: dict[int, list[int]] = {}
        for row in waiting:
            by_tick.setdefault(int(a[ASKED, row]) >> 32, []).append(int(a[ID, row]))
        requests = []
        for tick, agents in sorted(by_tick.items()):
            then = replay.at(self.store, self.run, tick)
            header = self.store.headers(self.run, tick, tick).at(0)
            requests += [self._request(then, agent, header) for agent in agents]
        return requests

    def _request(self, world: World, agent: int, header: Header) -> Request:
        row = world.row(agent)
        assert row is not None and world.minds is not None
        # What a fork's ancestors asked was asked under their scenario; who people are comes from the genesis.
        seed, scenario = self._scenarios.root.seed, self._scenarios.at(world.tick)
        percept = percept_of(world, agent, seed=seed, configuration=scenario.configuration)
        adapters: dict[str, str] = self.engine.get("groups", {})
        percept["adapter"] = adapters.get(percept["group"])
        return {
            "run": self._asked_in(world.tick).id,
            "asked_tick": world.tick,
            "agent": agent,
            "purpose": Purpose(int(world.minds[m.PURPOSE, row])).name.lower(),
            "call": 0,
            "effect_tick": int(world.agents[THOUGHT_DUE, row]),
            "asked_chain": header.chain_hash.hex(),
            "percept": percept,
            "engine": self.engine,
            "settings": {"timeout_s": min(_TIMEOUT_S_MAX, self.patience_s * 0.8)},
        }

    def _asked_in(self, tick: int) -> Run:
        """Return the run in which a tick asked: the fork's ancestor for what was in flight; it takes the answer."""
        return next((source for source, last in self._lineage if tick <= last), self.run)

    def _give_up(self, missing: list[InputKey], tick: int) -> None:
        """Record that no answer came; if one has come after all, that one stands."""
        for key in missing:
            self._say(f"run {self.run.name}, tick {tick}: no answer for agent {key.agent} in {self.patience_s:.0f} s")
            chain = self.store.headers(self.run, key.asked_tick, key.asked_tick).chain_hash[0]
            refusal = Input(key, tick, {"refused": "no answer in time"}, {"engine": self.engine.get("key")})
            self.store.record_input(self._asked_in(key.asked_tick), refusal, asked_chain=chain)
        found = self.store.inputs(self.run, tick)
        self._inputs[tick] = {given.key: given for given in found.rows}

    # -- a thread of its own -----------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing:
            with self._mutex:
                self._mutex.wait(_POLL_S if self._owed or self._held else 0.25)
                wanted = self._let_go()
            try:
                self._work_once(wanted)
                self._away = False
            except StoreUnavailable as error:
                if not self._away:
                    self._say(f"run {self.run.name}: thoughts wait for the database ({error})")
                self._away = True
                time.sleep(0.5)
            except Exception as error:  # handed to the runner's thread, which raises it at the next barrier
                with self._mutex:
                    self._error = error
                    self._mutex.notify_all()
                return

    def _let_go(self) -> dict[InputKey, Request]:
        """Return all that is owed, with what ticks have asked for that are durable by now."""
        durable = self._durable_tick()
        ready = [r for r in self._held if r["asked_tick"] <= durable and r["effect_tick"] > self._head]
        self._held = [r for r in self._held if r["asked_tick"] > durable]
        self._owed |= {key_of(r): r for r in ready}
        return dict(self._owed)

    def _work_once(self, wanted: dict[InputKey, Request]) -> None:
        # Inputs of a tick that is being decided are there already: its barrier waited for them.
        self._read_inputs(self._head, owed=max((r["effect_tick"] for r in wanted.values()), default=0))
        now = time.monotonic()
        self._count_the_late()
        with self._mutex:
            due = [
                r for key, r in wanted.items()
                if key in self._owed and now - self._sent_at.get(key, -_RESEND_S) >= _RESEND_S
            ]  # fmt: skip
        project = min(self._memories_through, self._durable_tick())
        if self.sender is not None and project > self._projected_through and (due or self._closing):
            self.sender.project(self.run.id, project)
            self._projected_through = project
        to_ask = [request for request in due if not self._reuse(request)]
        if self.answers == "only" or self.sender is None:
            # Whether one is needed shows at its barrier: its agent may die, or the run end, before.
            with self._mutex:
                self._lacking |= {key_of(request) for request in to_ask}
                self._mutex.notify_all()
            to_ask = []
        elif to_ask:
            self.sender.send(to_ask)
        with self._mutex:
            for request in due:
                key = key_of(request)
                if request in to_ask and key not in self._asked:
                    self._asked[key] = request["effect_tick"]
                    self.figures.asked += 1
                self._sent_at[key] = now
            self._forget_the_answered()

    def _forget_the_answered(self) -> None:
        """Let go of what is known of requests that nobody will be asked again, ticks that are given up included."""
        durable = self._durable_tick()
        self._asked = {key: effect for key, effect in self._asked.items() if effect > durable}
        self._sent_at = {key: at for key, at in self._sent_at.items() if key in self._owed}
        self._lacking &= self._owed.keys()

    def _count_the_late(self) -> None:
        late = list(self._tally.late)
        if late:
            self.store.count_late(self.run, late)  # each once: if this fails under way, all are tried again
            del self._tally.late[: len(late)]

    def _reuse(self, request: Request) -> bool:
        """Take an answer that was given to the same question in the same past, if there is one."""
        key = key_of(request)
        if self.answers == "record" or key in self._sent_at:
            return False
        chain = bytes.fromhex(request["asked_chain"])
        found = self.store.find_answer(self.run, key, chain, engine=str(self.engine.get("key")))
        if found is None:
            return False
        given = Input(key, request["effect_tick"], found.answer, found.about)
        with contextlib.suppress(TickHasBegun):
            asked_in = self._asked_in(key.asked_tick)
            self.figures.reused += self.store.record_input(asked_in, given, asked_chain=chain)
        return True

    def _read_inputs(self, head: int, *, owed: int = 0) -> None:
        """Take the inputs of the ticks after `head` that are there: some way ahead, and to the last that is owed."""
        now, ahead = time.monotonic(), _READ_AGAIN
        if head + _READ_AHEAD // 2 > self._read_through or now - self._read_all_at > _READ_ALL_S:
            self._read_all_at, ahead = now, _READ_AHEAD
        last = max(head + ahead, owed)
        by_tick = self.store.inputs_after(self.run, head, last=last)
        with self._mutex:
            for tick, inputs in by_tick.items():
                for given in inputs.rows:
                    if tick > self._head:  # else it is decided meanwhile, and nobody would let go of it
                        self._inputs.setdefault(tick, {})[given.key] = given
                    self._owed.pop(given.key, None)
            if head <= self._read_through:  # or ticks between were given up meanwhile, and are not read
                self._read_through = max(self._read_through, last)
            self._mutex.notify_all()


def _thoughts(n: int) -> str:
    return "1 thought" if n == 1 else f"{n:,} thoughts"


def key_of(request: Request) -> InputKey:
    """Return the key of the input that answers a request."""
    return InputKey(request["asked_tick"], request["agent"], request["purpose"], request["call"])


def _key(world: World, row: int) -> InputKey:
    minds = world.minds
    assert minds is not None
    purpose = Purpose(int(minds[m.PURPOSE, row])).name.lower()
    return InputKey(int(world.agents[ASKED, row]) >> 32, int(world.agents[ID, row]), purpose, 0)
