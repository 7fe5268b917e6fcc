"""Celery's way to Redis, with two differences.

An envelope that can't be read is set aside. Kombu takes a message off its list before it reads it; what is not JSON,
or lacks what Celery needs, would be an exception in the worker's loop, and the message gone. Here it is kept where
people can look at it (`polis worker --poison`), and the worker goes on with the next.

A message whose acknowledgement is lost with the broker is in hand no more. Kombu goes on counting it, and a worker
whose hands are full of such messages asks for no others, so that it never notices that the broker is back.
"""

from __future__ import annotations

import base64
import json
import logging
from queue import Empty
from typing import Any

from kombu.transport import redis as kombu_redis
from kombu.transport import virtual

from workers import messages
from workers.broker import Broker
from workers.errors import QueueUnavailable

_log = logging.getLogger(__name__)


class QoS(kombu_redis.QoS):
    """What a worker has in hand: nothing that it has done with, whether the broker could be told so or not."""

    def ack(self, delivery_tag: str) -> None:
        """Tell the broker that a message is done; a broker that still has it when it comes back brings it again."""
        try:
            super().ack(delivery_tag)
        except self.channel.connection_errors:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(kombu_redis.Channel):
    """Redis channel that outlives what it can't read, and the loss of what it has said."""

    QoS = QoS

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            text = error.doc if isinstance(error, json.JSONDecodeError) else error.object.decode("utf-8", "replace")
            self.connection.set_aside("?", "?", f"the envelope is not JSON: {error}", text)
            raise Empty from None


class Transport(kombu_redis.Transport):
    """Redis transport that looks at an envelope before it delivers it."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            problem = problem_of(message)
        except Exception as error:  # whatever can be wrong with what a stranger sent
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self.set_aside(queue, _task_of(message), problem, json.dumps(message, default=str))
            return
        super()._deliver(message, queue)

    def set_aside(self, queue: str, task: str, because: str, text: str) -> None:
        """Keep a message that can't be read, if the broker is there; say so in any case."""
        _log.error("set a message aside that came by queue %s: %s", queue, because)
        assert self.client is not None  # the connection that made this transport
        broker = Broker(self.client.transport_options["polis_url"])
        try:
            broker.set_aside(queue, task, because, text)
        except QueueUnavailable as error:
            _log.error("it could not be kept: %s", error.because)
        finally:
            broker.close()


def problem_of(envelope: Any) -> str:
    """Return what is wrong with an envelope; empty if a worker can open it.

    Parameters
    ----------
    envelope : dict, as kombu keeps it: body, content-type, content-encoding, headers, properties
    """
    if not isinstance(envelope, dict):
        return "the envelope is no object"
    properties, headers = envelope.get("properties"), envelope.get("headers")
    if not isinstance(properties, dict) or not isinstance(headers, dict):
        return "the envelope lacks properties or headers"
    if not isinstance(properties.get("delivery_tag"), str) or not isinstance(properties.get("delivery_info"), dict):
        return "the envelope lacks its delivery tag or delivery info"
    if not isinstance(headers.get("id"), str):
        return "the headers lack the id"
    if headers.get("task") not in messages.TASKS:
        return f"unknown task {headers.get('task')!r}; there are {', '.join(messages.TASKS)}"
    if envelope.get("content-type") != "application/json":
        return f"content type {envelope.get('content-type')!r}; only application/json is taken"
    body = envelope.get("body")
    if not isinstance(body, str) or len(body) > 2 * messages.BYTES_MAX:
        return f"the body is no text of at most {2 * messages.BYTES_MAX:,} characters"
    if properties.get("body_encoding") == "base64":
        body = base64.b64decode(body, validate=True).decode("utf-8")
    try:
        opened = json.loads(body)
    except (ValueError, RecursionError) as error:
        return f"the body is not JSON: {error}"
    if not (isinstance(opened, list) and len(opened) == 3 and isinstance(opened[0], list) and len(opened[0]) == 1):
        return "the body is not [[message], {}, {}]"
    if opened[1]:
        return "the body has keyword arguments; a message is one argument"
    return ""


def _task_of(envelope: Any) -> str:
    headers = envelope.get("headers") if isinstance(envelope, dict) else None
    return str(headers.get("task", "?"))[:100] if isinstance(headers, dict) else "?"
