"""Staff: what a run with minds needs around it — an engine, a queue and its workers, an index of memories."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.configuration import MINDS, canonical_json
from domain.errors import InvalidConfiguration, PolisError
from domain.ports import Engine, Run
from workers.thinking import Request, Thinking

if TYPE_CHECKING:
    from workers.crew import Crew
    from workers.dispatch import Dispatcher

_WITHOUT_MODEL = ("reflex", "scripted")
_AT_ONCE = 2
_AT_ONCE_OF = {"llama": 2, "vllm": 8, "openai": 8}
"""How many thoughts a run's own worker has under way: by Little's law latency grows with them, so few here, where
one or two cores make the answers. `polis worker --concurrency` adds more."""


class InProcess:
    """A sender that answers within this very process: for minds that take no time.

    Parameters
    ----------
    answer : callable, makes the answer to a request durable
    """

    def __init__(
        self, answer: Callable[[Request], object], *, say: Callable[[str], None], at_once: int = _AT_ONCE
    ) -> None:
        self._answer, self._say = answer, say
        self._pool = ThreadPoolExecutor(at_once, "polis-mind")
        self._under_way: set[tuple[int, int, str]] = set()
        self._mutex = threading.Lock()

    def send(self, requests: Sequence[Request]) -> None:
        """Answer them soon."""
        for request in requests:
            key = (request["asked_tick"], request["agent"], request["purpose"])
            with self._mutex:
                if key in self._under_way:
                    continue
                self._under_way.add(key)
            self._pool.submit(self._do, key, request)

    def _do(self, key: tuple[int, int, str], request: Request) -> None:
        try:
            self._answer(request)
        except Exception as error:  # it is owed still, and will be sent again
            told = str(error) if isinstance(error, PolisError) else f"{type(error).__name__}: {error}"
            self._say(f"agent {request['agent']}, asked at tick {request['asked_tick']}: {told}")
        finally:
            with self._mutex:
                self._under_way.discard(key)

    def project(self, run: int, through: int) -> None:
        """Such minds look nothing up."""

    def pids(self) -> list[int]:
        """Return no process: all is done in this one."""
        return []

    def problems(self) -> list[str]:
        """Return nothing: there is nobody whom it could lose."""
        return []

    def close(self) -> None:
        """End."""
        self._pool.shutdown(cancel_futures=True)


class Ringing:
    """A sender that rings for Celery workers, over the crew that keeps them up.

    Parameters
    ----------
    dispatcher : Dispatcher
    crew : Crew
    engine : the share in the engine's server that lasts as long as the run
    """

    def __init__(self, dispatcher: Dispatcher, crew: Crew, engine: Any) -> None:
        self._dispatcher, self._crew, self._engine = dispatcher, crew, engine

    def send(self, requests: Sequence[Request]) -> None:
        """Ring for them."""
        now = time.time()
        self._dispatcher.send([r | {"settings": r["settings"] | {"sent_at": now}} for r in requests])

    def project(self, run: int, through: int) -> None:
        """Ring for memories to be projected."""
        self._dispatcher.project(run, through)

    def pids(self) -> list[int]:
        """Return the processes of workers and servers, for who counts their memory."""
        pid = getattr(self._engine, "pid", None)
        return [*self._crew.pids(), *([pid] if pid else [])]

    def problems(self) -> list[str]:
        """Return what the crew could not mend."""
        return list(self._crew.figures.problems)


def identity_of(mind: str, settings: Any, *, groups: dict[str, str] | None = None) -> dict[str, Any]:
    """Return what is recorded with a run about who is to answer; `key` tells one engine from any other.

    Parameters
    ----------
    mind : as in `domain.configuration.MINDS`
    settings : Settings
    groups : persona group (an occupation) → name of the adapter that answers for it

    Raises
    ------
    MindError
        If there is no such engine here, or it lacks an adapter.
    InvalidConfiguration
        If groups name adapters where no model answers.
    """
    if groups and mind in _WITHOUT_MODEL:
        because = f"names a LoRA adapter of a model, and none answers for {mind} minds: --mind llama or vllm does"
        raise InvalidConfiguration("adapter", ", ".join(f"{g}={a}" for g, a in groups.items()), because)
    if mind == "reflex":
        return {"mind": "reflex"}
    if mind == "scripted":
        from workers.minds.scripted import VERSION

        return {"mind": mind, "name": "scripted", "version": VERSION, "key": f"scripted:{VERSION}"}
    from workers.bootstrap import engine_identity

    found = engine_identity(mind, settings, adapters=sorted(set((groups or {}).values())))
    told = {name: value for name, value in found.items() if name != "version"} | {"groups": groups or {}}
    digest = hashlib.sha256(canonical_json(told).encode()).hexdigest()[:16]
    return {"mind": mind, **found, "groups": groups or {}, "key": f"{mind}:{Path(found['model']).name}@{digest}"}


@contextmanager
def thinking_for(
    store: Any,
    run: Run,
    settings: Any,
    *,
    answers: str = "reuse",
    patience_s: float = 60.0,
    say: Callable[[str], None] | None = None,
) -> Iterator[Thinking | None]:
    """Start whatever the run's minds need, lend what the runner asks, and stop it all; None for a run without minds.

    Parameters
    ----------
    answers : "record", "reuse" or "only"; with "only" nothing is started
    patience_s : how long the barrier waits for an answer

    Raises
    ------
    MindError, QueueUnavailable, and whatever starting a server raises
    """
    if not run.configuration.thinks:
        yield None
        return
    with ExitStack() as stack:
        sender: Any = None
        if answers != "only" and run.configuration.mind == "scripted":
            sender = _scripted(store, say or (lambda sentence: None))
            stack.callback(sender.close)
        elif answers != "only":
            sender = stack.enter_context(_ringing(run, settings, say=say))
        yield Thinking(store, run, sender, engine=dict(run.engines), answers=answers, patience_s=patience_s, say=say)


@contextmanager
def _ringing(run: Run, settings: Any, *, say: Callable[[str], None] | None) -> Iterator[Ringing]:
    from workers.bootstrap import EmbeddedValkey, embedded_chroma, lend_engine
    from workers.broker import Broker
    from workers.crew import Crew, Post
    from workers.dispatch import Dispatcher

    if settings.broker_url is not None:
        with closing(Broker(settings.broker_url)) as broker:
            broker.require_access()  # one that is away is waited for; a wrong address or password never gets better
    at_once = _AT_ONCE_OF.get(run.configuration.mind, _AT_ONCE)
    with ExitStack() as stack:
        engine = stack.enter_context(lend_engine(dict(run.engines), settings, slots=at_once, say=say))
        servers: list[Any] = []
        url = settings.broker_url
        if url is None:
            valkey = stack.enter_context(EmbeddedValkey(settings.home, progress=say))
            servers.append(valkey)
            url = valkey.url
        if settings.chroma_url is None:
            servers.append(stack.enter_context(embedded_chroma(settings, say=say)))
        # One more than the engine answers at once: while it is busy, the next is prepared, or the last one stored.
        posts = (Post("minds", at_once + 1), Post("memory", 1))
        crew = stack.enter_context(Crew(settings.home, url, servers=servers, posts=posts, say=say))
        current = (lambda: valkey.url) if settings.broker_url is None else url
        yield Ringing(Dispatcher(current, on_problem=say), crew, engine)


def _scripted(store: Any, say: Callable[[str], None]) -> InProcess:
    from workers.minds.scripted import ScriptedEngine
    from workers.minds.think import think

    engine = ScriptedEngine()
    return InProcess(lambda request: think(store, engine, None, request), say=say)


@contextmanager
def lent_mind(
    run: Run, mind: str, settings: Any, *, say: Callable[[str], None] | None = None
) -> Iterator[tuple[Engine, dict[str, str]]]:
    """Lend who is to answer for a run's agents, with the adapter of each persona group.

    The run's own mind is the very engine that it recorded; another one answers as it is, without adapters.

    Raises
    ------
    InvalidConfiguration
        If there is no such mind, or it has no words.
    MindError
        If the engine is not here, or not the one recorded.
    """
    from workers.bootstrap import lend_engine
    from workers.minds.scripted import ScriptedEngine

    if mind not in MINDS:
        because = f"there is no such mind; those with words are {', '.join(m for m in MINDS if m != 'reflex')}"
        raise InvalidConfiguration("mind", mind, because)
    if mind == "reflex":
        raise InvalidConfiguration("mind", mind, "it has no words; name another with --mind")
    if mind == "scripted":
        yield ScriptedEngine(), {}
        return
    own = dict(run.engines) if mind == run.configuration.mind else {}
    with lend_engine(own or mind, settings, say=say) as engine:
        yield engine, own.get("groups", {})


__all__ = ["InProcess", "identity_of", "lent_mind", "thinking_for"]
