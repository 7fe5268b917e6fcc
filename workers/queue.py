"""The Celery application: queues and how messages are treated. Importing this opens no connection."""

from __future__ import annotations

from typing import Any

from celery import Celery  # type: ignore[import-untyped]
from kombu.entity import Queue
from kombu.transport import TRANSPORT_ALIASES

from workers.broker import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, Broker
from workers.messages import PING, PRIORITY_STEPS, PROJECT, QUEUES, THINK

DEADLINE_S = 30.0  # of an engine call, unless the request has another
_MARGIN_S = 30.0
_ASK_S = 0.2  # a worker that is to end finishes asking for messages first; fractions from Redis 6 on

QUEUE_OF = {THINK: "minds", PROJECT: "memory", PING: "minds"}


def celery_app(broker_url: str, *, deadline_s: float = DEADLINE_S, visibility_timeout_s: float | None = None) -> Celery:
    """Return a Celery application over a broker, without tasks: `workers.tasks.register` adds them.

    Parameters
    ----------
    broker_url : str
        redis://, rediss:// or redis+socket://.
    deadline_s : float
        Within which a task ends, as engine calls have this for a deadline. A message that is not
        acknowledged by then, and some, is delivered again. (A killed worker's requests come back sooner:
        the runner sends them again.)
    visibility_timeout_s : float, optional
        That time itself, for tests.

    Raises
    ------
    QueueUnavailable
        If the URL names no Redis.
    """
    Broker(broker_url).close()  # checks the URL, connects to nothing
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "workers.transport:Transport"
    app = Celery("polis", broker=broker_url, backend=None, set_as_current=False, fixups=[])
    app.conf.update(_settings(broker_url, visibility_timeout_s or deadline_s + _MARGIN_S))
    return app


def _settings(broker_url: str, visibility_timeout_s: float) -> dict[str, Any]:
    return {
        # What may be in a message, and what comes back: nothing.
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        # The exchange without a name brings a message to the queue of the routing key by itself. One with a name
        # has its bindings in the broker, where they die with it: what is sent then goes nowhere, silently.
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],
        "task_default_queue": "minds",
        "task_default_exchange": "",
        "task_create_missing_queues": False,
        "task_routes": {task: {"queue": queue} for task, queue in QUEUE_OF.items()},
        "task_acks_late": True,
        "task_acks_on_failure_or_timeout": True,  # what raises is rung for again by the runner, and counted
        "task_reject_on_worker_lost": True,
        "task_publish_retry": False,  # the dispatcher says when
        "task_send_sent_event": False,
        # Threads: a thought waits for the engine nearly all the time. Time limits do not reach threads, so the
        # deadline is that of the engine call.
        "worker_pool": "threads",
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Threads go on through a reconnection, and what they hold is not delivered twice (see `Broker.begin`).
        "worker_enable_prefetch_count_reduction": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_disable_rate_limits": True,
        "worker_detect_quorum_queues": False,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": CONNECT_TIMEOUT_S,
        "broker_channel_error_retry": True,
        "broker_heartbeat": None,
        "broker_transport_options": {
            "polis_url": broker_url,  # for our transport; what kombu makes of it lacks the TLS options
            "visibility_timeout": visibility_timeout_s,
            "polling_interval": _ASK_S,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            "queue_order_strategy": "priority",
            "priority_steps": list(PRIORITY_STEPS),
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "socket_timeout": 5 * ANSWER_TIMEOUT_S,
            "health_check_interval": 10,
        },
        "enable_utc": True,
    }
