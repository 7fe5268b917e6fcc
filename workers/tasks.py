"""What a worker does: the Celery tasks, thin, and the parts that a worker process opens once.

A task checks its message, takes the request for itself, does it, gives it back. It survives the loss of store,
engine and memory: it tries again until the request's deadline, then leaves it, and the runner rings again.
What can't be carried out at all is set aside.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from celery import Celery  # type: ignore[import-untyped]

from domain.errors import UnknownRun
from workers import messages
from workers.broker import BEGUN, KILLER, RAISED_MAX, REFRESH_S, Broker
from workers.errors import BadMessage, QueueUnavailable
from workers.queue import DEADLINE_S, QUEUE_OF

_RETRY_FIRST_S, _RETRY_MAX_S = 0.2, 2.0

# What may pass by itself: the part that went away may come back. By name, since workers know ports, not
# their implementations.
_MAY_PASS = {
    "nothing": ("MemoryBehind",),  # it comes by waiting
    "store": ("StoreUnavailable", "TakesNoWrites", "NoConnectionLeft", "DatabaseUnreachable", "EmbeddedPostgresFailed"),
    "engine": ("EngineUnavailable", "EngineTimedOut", "EngineServerFailed"),
    "memory": ("MemoryUnavailable",),
    "": ("EmbeddedServerFailed", "ConnectionError"),
}

_log = logging.getLogger(__name__)


class Parts:
    """What a worker process works with: store, engine and memory, each opened when first needed.

    Parameters
    ----------
    settings : Settings, optional, by default those of the environment
    """

    def __init__(self, settings: Any = None) -> None:
        self._settings = settings
        self._open: dict[tuple[str, str], Any] = {}  # by name, and which of them
        self._stack = ExitStack()
        self._mutex = threading.RLock()

    @property
    def store(self) -> Any:
        """The event store."""
        return self._get("store", "open_store")

    def engine(self, identity: Mapping[str, Any]) -> Any:
        """Return the very engine that a run recorded, or raise what its opening raises: nothing stands in for it."""
        return self._get("engine", "open_engine", dict(identity), key=str(identity.get("key")))

    @property
    def memory(self) -> Any:
        """The index of memories."""
        return self._get("memory", "open_memory_index", self.store)

    def mend(self, name: str) -> None:
        """Do what can be done about a part that went away.

        Other threads may be using it, so it is never closed here: the store is brought up where it is
        ours, and connects anew by itself. An engine and an index of memories start their own servers again,
        when they are next asked for something.
        """
        with self._mutex:
            part = self._open.get((name, ""))
        ensure_running = getattr(getattr(part, "database", None), "ensure_running", None)
        if ensure_running is not None:
            ensure_running()

    def close(self) -> None:
        """Close what was opened."""
        with self._mutex:
            self._open.clear()
            self._stack.close()

    def _get(self, name: str, function: str, *first: Any, key: str = "") -> Any:
        with self._mutex:
            if (name, key) not in self._open:
                bootstrap = importlib.import_module("workers.bootstrap")
                settings = self._settings or bootstrap.Settings.from_environment()
                opened = getattr(bootstrap, function)(*first, settings)
                if hasattr(opened, "__enter__"):
                    opened = self._stack.enter_context(opened)
                elif hasattr(opened, "close"):
                    self._stack.callback(opened.close)
                self._open[name, key] = opened
            return self._open[name, key]


class Desk:
    """What this worker has in hand, and the thread that says so to the broker.

    Parameters
    ----------
    broker : Broker
    name : str, unique among workers
    queues, concurrency : what people are shown
    """

    def __init__(self, broker: Broker, name: str, *, queues: tuple[str, ...] = (), concurrency: int = 1) -> None:
        self.broker, self.name = broker, name
        self.stopping = threading.Event()
        self.counted: dict[str, int] = {}
        self._about = {
            "name": name, "host": socket.gethostname(), "pid": os.getpid(), "queues": list(queues),
            "concurrency": concurrency,
        }  # fmt: skip
        self._in_hand: set[str] = set()
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to tell the broker every few seconds."""
        self._thread = threading.Thread(target=self._tell, name="polis-desk", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the broker that this worker leaves."""
        self.stopping.set()
        with suppress(QueueUnavailable):  # then it forgets by itself
            self.broker.forget_worker(self.name)

    def count(self, what: str) -> None:
        """Count something; people see it in `polis doctor`."""
        with self._mutex:
            self.counted[what] = self.counted.get(what, 0) + 1

    def set_aside(self, task: str, because: str, message: object) -> None:
        """Keep a message that can't be carried out where people can look at it."""
        self.count("poison")
        _log.error("%s: set a message aside: %s", task, because)
        try:
            self.broker.set_aside(QUEUE_OF[task], task, because, json.dumps(message, default=str))
        except QueueUnavailable as error:
            _log.error("it could not be kept: %s", error.because)

    @contextmanager
    def taken(self, task: str, key: str, message: object) -> Iterator[bool]:
        """Take a request for the time being; gives False if it is not ours to do.

        An error within is counted; the third of the same request sets its message aside.
        """
        try:
            state = self.broker.begin(key, self.name)
        except QueueUnavailable:
            state = BEGUN  # the broker went away behind the message: the work can be done without it
        if state != BEGUN:
            self.count(state)
            if state == KILLER:
                self.set_aside(task, "worker after worker ended while it was at work on this", message)
            yield False
            return
        with self._mutex:
            self._in_hand.add(key)
        raised = ""
        try:
            yield True
        except Exception as error:
            _log.exception("%s of %s raised", task, key)
            self.count("raised")
            raised = f"{type(error).__name__}: {error}"
        finally:
            with self._mutex:
                self._in_hand.discard(key)
            try:
                times = self.broker.end(key, raised=bool(raised))
            except QueueUnavailable:
                times = 0
        if times == RAISED_MAX:
            self.set_aside(task, f"it raised {times} times, the last time {raised}", message)

    def _tell(self) -> None:
        while True:
            with self._mutex:
                keys, about = list(self._in_hand), {**self._about, "in_hand": len(self._in_hand), **self.counted}
            try:
                self.broker.refresh(keys, self.name, about)
            except QueueUnavailable as error:
                _log.info("%s", error.because)
            if self.stopping.wait(REFRESH_S):
                return


def patiently(do: Callable[[], Any], *, parts: Parts, deadline_s: float, stopping: threading.Event) -> Any:
    """Return what `do` does, trying again while a part that it needs is away; None after the deadline.

    Whatever else it raises goes through.
    """
    until, delay_s = time.monotonic() + deadline_s, _RETRY_FIRST_S
    while True:
        try:
            return do()
        except Exception as error:
            part = _part_away(error)
            if part is None:
                raise
            left_s = until - time.monotonic()
            _log.warning("%s, %.0f s left: %s", type(error).__name__, max(0.0, left_s), str(error).partition("\n")[0])
            if left_s <= delay_s or stopping.wait(delay_s):
                return None
            delay_s = min(2 * delay_s, _RETRY_MAX_S)
            for name in (part,) if part else ("store", "engine", "memory"):
                try:
                    parts.mend(name)
                except Exception as worse:  # it is still away: the next try says so
                    _log.warning("%s", str(worse).partition("\n")[0])


def register(app: Celery, parts: Parts, desk: Desk) -> None:
    """Add the tasks to an application; each closes over the parts of its process."""
    failpoint = importlib.import_module("workers.bootstrap").reach

    @app.task(name=messages.THINK)
    def think(message: object) -> None:
        try:
            request = messages.think_request(message)
        except BadMessage as bad:
            desk.set_aside(messages.THINK, bad.because, message)
            return
        with desk.taken(messages.THINK, request.key, message) as ours:
            if not ours:
                return
            do = importlib.import_module("workers.minds.think").think
            wanted = request.model_dump()
            outcome = patiently(
                lambda: do(parts.store, parts.engine(request.engine), parts.memory, wanted, reach=failpoint),
                parts=parts, deadline_s=request.settings.timeout_s, stopping=desk.stopping,
            )  # fmt: skip
            desk.count("left" if outcome is None else str(outcome))

    @app.task(name=messages.PROJECT)
    def project(message: object) -> None:
        try:
            request = messages.project_request(message)
        except BadMessage as bad:
            desk.set_aside(messages.PROJECT, bad.because, message)
            return
        with desk.taken(messages.PROJECT, request.key, message) as ours:
            if not ours:
                return
            do = importlib.import_module("workers.memories").project

            def projected() -> str:
                do(parts.store, parts.memory, run_of(parts.store, request.run), request.through)
                return "projected"

            done = patiently(projected, parts=parts, deadline_s=DEADLINE_S, stopping=desk.stopping)
            desk.count(done or "left")

    @app.task(name=messages.PING)
    def ping(message: object) -> None:
        try:
            desk.broker.pong(messages.ping(message).reply, {"worker": desk.name})
        except BadMessage as bad:
            desk.set_aside(messages.PING, bad.because, message)
        except QueueUnavailable as error:
            _log.info("%s", error.because)


def run_of(store: Any, number: int) -> Any:
    """Return the run of that number, and not one that is named so.

    Raises
    ------
    UnknownRun
    """
    found = store.find(str(number))
    if found.id == number:
        return found
    for run, *_ in store.runs():
        if run.id == number:
            return run
    raise UnknownRun(str(number))


def _part_away(error: Exception) -> str | None:
    """Return which part is away; "" if it can't be told, None if the error is of another kind."""
    names = {kind.__name__ for kind in type(error).__mro__}
    for part, errors in _MAY_PASS.items():
        if names.intersection(errors):
            return part
    return None
