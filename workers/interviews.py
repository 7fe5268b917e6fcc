"""Interviews: agents are asked, one or many, as of one past state. The run is only read; nothing of it changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import partial
from typing import Any

from domain.errors import EngineTimedOut, EngineUnavailable, MindError
from domain.minds.percepts import percept_of
from domain.ports import Engine, MemoryIndex, Run
from domain.state import World
from replay import scenarios_of
from workers.minds.interview import interview
from workers.minds.patient import PatientEngine
from workers.minds.survey import Question, put_question
from workers.staff import lent_mind

RECALLED = 8
"""Memories that a question brings to mind: nobody waits, so more than for a thought."""
_AT_ONCE_OF = {"scripted": 1, "llama": 4, "vllm": 16, "openai": 8}
"""How many are asked at a time: nobody waits for the first, so more than in a run."""
_GIVEN_UP_AFTER = 8
"""Failures from the beginning, without one answer, after which nobody else is asked."""
_HANGS_AFTER = 4
"""Answers in a row that took too long, after which nobody else is asked: each takes a minute."""

_LISTEN_S = 0.2


class Interviewer:
    """Asks agents as of one state; made by `interviewer`.

    Attributes
    ----------
    world : World that is asked about
    mind : which mind answers
    """

    def __init__(
        self, store: Any, run: Run, world: World, *, mind: str, engine: Engine, adapters: dict[str, str],
        index: MemoryIndex,
    ) -> None:  # fmt: skip
        self.world, self.mind = world, mind
        self._engine, self._adapters, self._index = PatientEngine(engine), adapters, index
        self._run, self._lineage = run.name, store.lineage(run)
        self._scenarios = scenarios_of(store, run)
        self._seed = self._scenarios.root.seed
        self._configuration = self._scenarios.at(world.tick).configuration
        self._luck = _Luck()

    def as_of(self, world: World) -> Interviewer:
        """Return one who asks as of an earlier state of the same run, by the same engine and memories.

        What one of them learns of the engine the other knows: one that hangs is not waited for in every wave anew.
        """
        if world is self.world:
            return self
        other = copy(self)
        other.world, other._configuration = world, self._scenarios.at(world.tick).configuration
        return other

    def interview(self, agent: int, question: str) -> dict[str, Any]:
        """Return what an agent says to a question, as `workers.minds.interview.interview` does, with "person".

        Raises
        ------
        MindError, MemoryUnavailable
        """
        percept, memories = self._moment_of(agent, question)
        return interview(self._engine, memories, percept, question) | {"person": percept["name"]}

    def survey(
        self, agents: Sequence[int], question: Question, *, draws: int = 1
    ) -> Generator[dict[str, Any], None, None]:
        """Put a question to agents, as many at a time as the engine is good for; yield what each says, in their order.

        Parameters
        ----------
        agents : ids of living agents
        question : Question
        draws : how many times each is asked; all once before anybody twice, so that who stops early has all of them

        Yields
        ------
        as `put_question` returns, with "run", "tick", "agent", "name", "occupation", "draw", from 1, and "problem": why
        there is no answer, else None; what was said and could not be used counts in tokens and latency

        Raises
        ------
        EngineUnavailable, EngineTimedOut, MemoryUnavailable
            After what was answered so far: the engine went away, or takes too long again and again.
        MindError
            If nobody at all gets an answer, in this survey or in those before it.

        Close it if it is left early: nobody can be asked after that.
        """
        at_once = _AT_ONCE_OF[self.mind]
        asked = ((agent, draw) for draw in range(1, draws + 1) for agent in agents)
        waiting: deque[tuple[dict[str, Any], Future[dict[str, Any]]]] = deque()
        with ThreadPoolExecutor(at_once, "polis-survey") as pool:
            try:
                while True:
                    while len(waiting) < 2 * at_once and (following := next(asked, None)) is not None:
                        agent, draw = following
                        percept, memories = self._moment_of(agent, question.text)
                        about = {"run": self._run, "tick": self.world.tick, "agent": agent, "name": percept["name"]}
                        about |= {"occupation": percept["group"], "draw": draw}
                        put = partial(put_question, self._engine, memories, percept, question, draw=draw)
                        waiting.append((about, pool.submit(put)))
                    if not waiting:
                        return
                    about, reply = waiting[0]
                    while not reply.done():  # not all at once: polars has Ctrl-C wait for the end of a wait
                        wait((reply,), timeout=_LISTEN_S)
                    try:
                        told = reply.result() | {"problem": None}
                        self._luck.answered()
                    except MindError as error:
                        if self._luck.is_out(error):
                            raise
                        told = _NOTHING | vars(error).get("spent", {}) | {"problem": str(error.reason)}
                    waiting.popleft()
                    yield about | told
            except BaseException as error:
                for _, reply in waiting:
                    reply.cancel()
                self._engine.give_up()  # or those who are being asked would be waited for, up to two minutes
                if not isinstance(error, GeneratorExit):  # nobody would hear it
                    yield from _answered_meanwhile(waiting)
                raise

    def _moment_of(self, agent: int, question: str) -> tuple[dict[str, Any], Sequence[Any]]:
        percept = percept_of(self.world, agent, seed=self._seed, configuration=self._configuration)
        percept["adapter"] = self._adapters.get(percept["group"])
        return percept, self._index.retrieve(self._lineage, agent, tick=self.world.tick, query=question, k=RECALLED)


class _Luck:
    """How an engine has answered so far: whether to ask anybody else."""

    def __init__(self) -> None:
        self._any, self._failed, self._late = False, 0, 0

    def answered(self) -> None:
        """Note an answer."""
        self._any, self._late = True, 0

    def is_out(self, error: MindError) -> bool:
        """Note a failure; return whether nobody else is to be asked."""
        self._failed += 1
        self._late = self._late + 1 if isinstance(error, EngineTimedOut) else 0
        if isinstance(error, EngineUnavailable) or self._late >= _HANGS_AFTER:
            return True
        return not self._any and self._failed >= _GIVEN_UP_AFTER


def _answered_meanwhile(waiting: Iterable[tuple[dict[str, Any], Future[dict[str, Any]]]]) -> Iterator[dict[str, Any]]:
    """Yield what those said who answered sooner than somebody before them."""
    for about, reply in waiting:
        if reply.done() and not reply.cancelled() and reply.exception() is None:
            yield about | reply.result() | {"problem": None}


_NOTHING: dict[str, Any] = {
    "answer": None, "place": None, "because": None, "memories": [], "tokens_in": None, "tokens_out": None,
    "latency_ms": None, "engine": None, "adapter": None, "prompt": None, "template": None,
}  # fmt: skip


@contextmanager
def interviewer(
    store: Any,
    run: Run,
    world: World,
    *,
    mind: str | None = None,
    settings: Any = None,
    say: Callable[[str], None] | None = None,
) -> Iterator[Interviewer]:
    """Lend an interviewer: engine and memories are up for as long, memories as far as the state.

    Parameters
    ----------
    store : PostgresStore
    run : Run, with minds
    world : a state of it
    mind : another engine than the run's own
    settings : Settings, optional; by default as the environment says
    say : told what is started and waited for

    Raises
    ------
    InvalidConfiguration
        If there is no such mind, or it has no words.
    MindError, MemoryUnavailable
    """
    from workers.bootstrap import Settings, open_memory_index
    from workers.memories import wait_until_covered

    wanted = mind or run.configuration.mind
    settings = settings or Settings.from_environment()
    with ExitStack() as stack:
        engine, adapters = stack.enter_context(lent_mind(run, wanted, settings, say=say))
        index = stack.enter_context(open_memory_index(store, settings, say=say))
        wait_until_covered(store, index, run, world.tick, timeout_s=60.0)
        yield Interviewer(store, run, world, mind=wanted, engine=engine, adapters=adapters, index=index)


__all__ = ["Interviewer", "interviewer"]
