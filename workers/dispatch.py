"""The runner's side of the queue: rings for outstanding requests, and never waits long or raises into the loop.

`Dispatcher.send` is called from a thread of its own, with all that is outstanding, as often as one likes: what
is queued or in hand already is known to the broker and not sent twice.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workers import messages
from workers.broker import Broker
from workers.errors import BadMessage, QueueUnavailable
from workers.messages import PING, PRIORITIES, PROJECT, THINK
from workers.queue import QUEUE_OF, celery_app

_AGAIN_FIRST_S, _AGAIN_MAX_S = 0.1, 2.0
_CONNECT_TIMEOUT_S, _ANSWER_TIMEOUT_S = 1.0, 2.0


@dataclass
class Sent:
    """What a dispatcher has counted.

    Attributes
    ----------
    published : messages that the broker took
    under_way : times that a request was queued or in hand already
    delayed : times that a request could not be sent, the broker being away
    refused : requests that are not of the form that a worker takes: a mistake of ours
    disconnections : times that the broker was found gone
    problem : why the broker can't be used just now; empty if it can
    """

    published: int = 0
    under_way: int = 0
    delayed: int = 0
    refused: int = 0
    disconnections: int = 0
    problem: str = ""


class Publisher:
    """Sends messages, at once or not at all.

    Parameters
    ----------
    url : str, the broker's

    Raises
    ------
    QueueUnavailable
        From every method, within a few seconds, if the broker does not answer or is full.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._app = celery_app(url)
        self._app.conf.broker_transport_options |= {
            "socket_timeout": _ANSWER_TIMEOUT_S, "socket_connect_timeout": _CONNECT_TIMEOUT_S,
            "health_check_interval": 0,
        }  # fmt: skip
        self._connection: Any = None
        self._producer: Any = None

    def publish(self, task: str, message: Mapping[str, Any], *, queue: str | None = None, priority: int = 0) -> None:
        """Send one message."""
        for again in (True, False):
            try:
                if self._producer is None:
                    self._connect()
                self._app.send_task(
                    task, args=[message], producer=self._producer, retry=False, ignore_result=True,
                    queue=queue or QUEUE_OF[task], priority=priority,
                    argsrepr="", kwargsrepr="",
                )  # fmt: skip
                return
            except Exception as error:  # kombu passes on whatever its driver raises
                self.close()
                # Once more at once: the connection may be one from before the broker was started again.
                if not again:
                    raise QueueUnavailable(self.url, str(error) or type(error).__name__) from None

    def close(self) -> None:
        """Close the connection; the next message opens one."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            try:
                connection.release()
            except Exception:  # it is gone already
                connection.collect(socket_timeout=0.1)

    def _connect(self) -> None:
        self._connection = self._app.connection_for_write()
        self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=_CONNECT_TIMEOUT_S)
        self._producer = self._app.amqp.Producer(self._connection)


class Dispatcher:
    """Sends the requests of one run.

    Parameters
    ----------
    broker_url : str, or a callable that returns it, asked at every connection
    on_problem : callable, told in a sentence when the broker is lost and when it is back

    Notes
    -----
    Threads may share one.
    """

    def __init__(self, broker_url: str | Callable[[], str], *, on_problem: Callable[[str], None] | None = None) -> None:
        self._url = broker_url if callable(broker_url) else lambda: broker_url
        self._say = on_problem or (lambda sentence: None)
        self._mutex = threading.Lock()
        self._publisher: Publisher | None = None
        self._broker: Broker | None = None
        self._again_at = 0.0
        self._again_s = _AGAIN_FIRST_S
        self.sent = Sent()

    def send(self, requests: Iterable[Mapping[str, Any]]) -> int:
        """Ring for requests to think that are not queued or in hand; return how many messages were sent.

        While the broker is away this returns at once, trying again after a delay that grows to two seconds.
        """
        wanted = []
        for request in requests:
            try:
                wanted.append((messages.think_request(dict(request)), request))
            except BadMessage as bad:
                self._refuse(bad)
        wanted.sort(key=lambda pair: (pair[0].effect_tick, pair[0].key))
        rows = [(THINK, read.key, request, PRIORITIES.get(read.purpose, PRIORITIES["intention"]))
                for read, request in wanted]  # fmt: skip
        return self._send(rows)

    def project(self, run: int, through: int) -> bool:
        """Ring for the memories of a run to be projected up to a tick; return whether a message was sent."""
        message = {"run": run, "through": through}
        return self._send([(PROJECT, messages.project_request(message).key, message, 0)]) > 0

    def queued(self) -> int | None:
        """Return how many thoughts wait in the queue; None while the broker is away."""
        with self._mutex:
            try:
                return self._connected()[1].queued("minds", messages.PRIORITY_STEPS)
            except QueueUnavailable:
                return None

    def close(self) -> None:
        """Close the connections."""
        with self._mutex:
            self._disconnect()

    def _send(self, rows: list[tuple[str, str, Mapping[str, Any], int]]) -> int:
        with self._mutex:
            if not rows:
                return 0
            if time.monotonic() < self._again_at:
                self.sent.delayed += len(rows)
                return 0
            published, ours = 0, []
            try:
                publisher, broker = self._connected()
                ours = [row for row, send in zip(rows, broker.claim([r[1] for r in rows]), strict=True) if send]
                self.sent.under_way += len(rows) - len(ours)
                for task, _, message, priority in ours:
                    publisher.publish(task, message, priority=priority)
                    published += 1
                self._is_well()
            except QueueUnavailable as error:
                self._unclaim([row[1] for row in ours[published:]])
                self.sent.delayed += len(ours or rows) - published
                self._is_away(error)
            self.sent.published += published
            return published

    def _connected(self) -> tuple[Publisher, Broker]:
        if self._publisher is None or self._broker is None:
            url = self._url()
            self._broker, self._publisher = Broker(url), Publisher(url)
        return self._publisher, self._broker

    def _disconnect(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
        if self._broker is not None:
            self._broker.close()
        self._publisher = self._broker = None

    def _unclaim(self, keys: list[str]) -> None:
        try:
            if self._broker is not None:
                self._broker.unclaim(keys)
        except QueueUnavailable:
            pass  # the claims died with it, or go by themselves

    def _is_well(self) -> None:
        if self.sent.problem:
            self._say("the broker is back")
        self.sent.problem, self._again_at, self._again_s = "", 0.0, _AGAIN_FIRST_S

    def _is_away(self, error: QueueUnavailable) -> None:
        if not self.sent.problem:
            self.sent.disconnections += 1
            self._say(str(error).partition("\n")[0])
        self.sent.problem = error.because
        self._disconnect()
        self._again_at = time.monotonic() + self._again_s
        self._again_s = min(2 * self._again_s, _AGAIN_MAX_S)

    def _refuse(self, bad: BadMessage) -> None:
        self.sent.refused += 1
        if self.sent.refused == 1:
            self._say(str(bad))


def round_trip_ms(url: str, *, queue: str = "minds", timeout_s: float = 2.0) -> float | None:
    """Return how long a worker of a queue takes to answer; None if none does in time.

    Raises
    ------
    QueueUnavailable
    """
    publisher, broker, nonce = Publisher(url), Broker(url), secrets.token_hex(16)
    try:
        publisher.publish(PING, {"reply": nonce}, queue=queue)  # the first one connects
        broker.await_pong(nonce, timeout_s=timeout_s)
        nonce = secrets.token_hex(16)
        began = time.perf_counter()
        publisher.publish(PING, {"reply": nonce}, queue=queue)
        answer = broker.await_pong(nonce, timeout_s=timeout_s)
        return None if answer is None else (time.perf_counter() - began) * 1e3
    finally:
        publisher.close()
        broker.close()
