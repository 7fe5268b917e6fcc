"""One worker process: `python -m workers.worker_process`, which a crew starts, and what `polis worker` runs.

Started by a crew it is killed when the crew's process ends, however that ends: half a thought costs nothing,
since its request is in the database.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import secrets
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

_PR_SET_PDEATHSIG = 1
NICENESS = 10


def main(arguments: Sequence[str] | None = None, *, parts: Any = None) -> int:
    """Run a worker until SIGTERM; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers.worker_process", description=__doc__)
    parser.add_argument("--queues", required=True, help="comma-separated")
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--parent", type=int, help="die with this process, which must be our parent")
    parser.add_argument("--visibility", type=float, help="seconds after which an unacknowledged message comes again")
    given = parser.parse_args(arguments)
    if given.parent is not None and not die_with(given.parent):
        return 0
    logging.basicConfig(
        level=logging.INFO if os.environ.get("POLIS_DEBUG") else logging.WARNING,
        format="%(asctime)s %(process)d %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    url = os.environ.get("POLIS_BROKER_URL")
    if not url:
        print("POLIS_BROKER_URL is not set: a worker process is started by `polis run` or `polis worker`", flush=True)
        return 2
    return serve(url, given.queues.split(","), given.concurrency, parts=parts, visibility_timeout_s=given.visibility)


def die_with(parent: int) -> bool:
    """Have the kernel kill this process when the thread that started it ends; False if it has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent


def worker_names(pid: int) -> str:
    """Return how the name of a worker begins that is a process of this host."""
    return f"{socket.gethostname()}-{pid}-"


def serve(
    url: str,
    queues: Sequence[str],
    concurrency: int,
    *,
    parts: Any = None,
    visibility_timeout_s: float | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> int:
    """Work until SIGTERM or SIGINT: what is in hand is finished, and a second signal does not wait for it.

    Parameters
    ----------
    url : str, the broker's
    queues : which queues to serve
    concurrency : how many requests at a time
    parts : Parts, optional, what to work with
    visibility_timeout_s : float, optional
    on_ready : callable, told the worker's name when it takes requests

    Returns
    -------
    int, the exit code

    Raises
    ------
    QueueUnavailable
        If the URL names no Redis, or one that does not let us in. A broker that does not answer is waited for.
    """
    from celery import signals  # type: ignore[import-untyped]
    from celery.platforms import SecurityWarning  # type: ignore[import-untyped]

    from workers.broker import Broker
    from workers.queue import celery_app
    from workers.tasks import Desk, Parts, register

    # It warns of root because pickles could be sent to it; nothing but JSON is taken.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app = celery_app(url, visibility_timeout_s=visibility_timeout_s)
    parts = parts or Parts()
    name = worker_names(os.getpid()) + secrets.token_hex(3)
    broker = Broker(url)
    broker.require_access()
    desk = Desk(broker, name, queues=tuple(queues), concurrency=concurrency)
    register(app, parts, desk)

    @signals.worker_ready.connect(weak=False)
    def ready(**_: Any) -> None:
        if on_ready is not None:
            on_ready(name)

    @signals.worker_shutting_down.connect(weak=False)
    def shutting_down(**_: Any) -> None:
        desk.stopping.set()

    desk.start()
    worker = app.Worker(
        hostname=name, queues=list(queues), concurrency=concurrency, pool="threads", loglevel="WARNING", quiet=True,
        without_gossip=True, without_mingle=True, without_heartbeat=True,
    )  # fmt: skip
    try:
        worker.start()
        return int(worker.exitcode or 0)
    finally:
        desk.stop()
        parts.close()


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # all is closed: taking the modules apart would take half a second
