"""What stands in the broker besides the queues: who works on what, what was set aside, which workers are there.

All of it is gone with the broker and none of it is missed: what is owed stands in the store.

======================= ======================================================= ==========================
key                     holds                                                   goes
======================= ======================================================= ==========================
polis:owed:KEY          a message of that key is queued, or being worked on     when done; else by itself
polis:doing:KEY         the worker that works on it, so that no second one does when done; else by itself
polis:begun:KEY         how often it was begun and not ended: killers of workers when ended; else by itself
polis:raised:KEY        how often it raised                                     by itself
polis:poison            the newest messages that were set aside                 with `polis worker --poison`
polis:worker:NAME       what a worker says of itself                            by itself, when it is silent
polis:pong:NONCE        the answer to a ping                                    by itself
======================= ======================================================= ==========================
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.errors import QueueUnavailable

SCHEMES = ("redis", "rediss", "redis+socket")
CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 1.0, 2.0
QUEUED_S = 60  # how long a message may wait in the queue before it is sent a second time
DOING_S = 10  # how long a killed worker's request waits before it is sent again
REFRESH_S = 3.0
TRIES_S = 600
RAISED_MAX = 3
BEGUN_MAX = 6  # more than raising: a worker is also killed for reasons that are not the message's
POISON_MAX = 100
POISON_TEXT_MAX = 2_000

BEGUN, BUSY, KILLER, POISONED = "begun", "busy", "killer", "poisoned"


class Broker:
    """A client of the broker for everything but the queues; threads may share it.

    Parameters
    ----------
    url : str
        redis://, rediss:// or redis+socket://, as Celery takes it.

    Raises
    ------
    QueueUnavailable
        From every method, within about two seconds, if the broker does not answer.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._redis = redis.Redis.from_url(
                client_url(url),
                socket_connect_timeout=CONNECT_TIMEOUT_S,
                socket_timeout=ANSWER_TIMEOUT_S,
                # Once more at once: the connection may be one from before the broker was started again.
                retry=Retry(NoBackoff(), 1),
                decode_responses=True,
            )
        except ValueError as error:
            raise QueueUnavailable(url, str(error)) from None

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def ping(self) -> float:
        """Return how long the broker took to answer, in milliseconds, once it is connected."""
        with self._errors():
            self._redis.ping()
            began = time.perf_counter()
            self._redis.ping()
            return (time.perf_counter() - began) * 1e3

    def require_access(self) -> None:
        """Refuse a broker that is there and lets us in under no circumstances; one that is away may come back.

        Raises
        ------
        QueueUnavailable
            If it wants another password, or has no database of that number.
        """
        try:
            self._redis.ping()
        except (redis.AuthenticationError, redis.ResponseError) as error:
            raise QueueUnavailable(self.url, str(error)) from None
        except (redis.RedisError, OSError):
            pass

    def about(self) -> dict[str, Any]:
        """Return what the broker says of itself: version, memory used and its bound, in bytes."""
        with self._errors():
            known = self._redis.info()
        name = "Valkey" if "valkey_version" in known else "Redis"
        return {
            "version": f"{name} {known.get('valkey_version') or known.get('redis_version')}",
            "used_bytes": int(known.get("used_memory", 0)),
            "max_bytes": int(known.get("maxmemory", 0)),
        }

    # -- the runner's side -------------------------------------------------------------------------

    def claim(self, keys: Sequence[str]) -> list[bool]:
        """Say of each key whether a message for it should be sent now; if so, keep that it is under way."""
        if not keys:
            return []
        with self._errors(), self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.set(f"polis:owed:{key}", "queued", nx=True, ex=QUEUED_S)
            return [bool(taken) for taken in pipe.execute()]

    def unclaim(self, keys: Sequence[str]) -> None:
        """Take back `claim`, for messages that were not sent."""
        if keys:
            with self._errors():
                self._redis.delete(*(f"polis:owed:{key}" for key in keys))

    def queued(self, queue: str, steps: Sequence[int]) -> int:
        """Return how many messages wait in a queue, over all priorities."""
        with self._errors(), self._redis.pipeline(transaction=False) as pipe:
            for step in steps:
                pipe.llen(f"{queue}\x06\x16{step}" if step else queue)
            return sum(int(n) for n in pipe.execute())

    # -- the worker's side -------------------------------------------------------------------------

    def begin(self, key: str, worker: str) -> str:
        """Take a request for oneself.

        Returns
        -------
        BEGUN, BUSY (another worker has it), KILLER (it was begun so often without an end that it seems to
        end its workers: set it aside) or POISONED (it was set aside already)
        """
        with self._errors():
            if not self._redis.set(f"polis:doing:{key}", worker, nx=True, ex=DOING_S):
                return BUSY
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.get(f"polis:raised:{key}")
                pipe.incr(f"polis:begun:{key}")
                pipe.expire(f"polis:begun:{key}", TRIES_S)
                pipe.set(f"polis:owed:{key}", worker, ex=DOING_S)
                raised, begun, *_ = pipe.execute()
            if int(raised or 0) < RAISED_MAX and begun <= BEGUN_MAX:
                return BEGUN
            self._redis.delete(f"polis:doing:{key}")
            return KILLER if begun == BEGUN_MAX + 1 else POISONED

    def refresh(self, keys: Sequence[str], worker: str, about: Mapping[str, Any]) -> None:
        """Say that these requests are still worked on, and that the worker is there."""
        with self._errors(), self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.set(f"polis:doing:{key}", worker, ex=DOING_S)
                pipe.set(f"polis:owed:{key}", worker, ex=DOING_S)
            pipe.set(f"polis:worker:{worker}", json.dumps(about), ex=DOING_S)
            pipe.execute()

    def end(self, key: str, *, raised: bool = False) -> int:
        """Give a request back, carried out or not; return how often it has raised."""
        with self._errors(), self._redis.pipeline(transaction=False) as pipe:
            pipe.delete(f"polis:owed:{key}", f"polis:doing:{key}", f"polis:begun:{key}")
            if not raised:
                pipe.execute()
                return 0
            pipe.incr(f"polis:raised:{key}")
            pipe.expire(f"polis:raised:{key}", TRIES_S)
            return int(pipe.execute()[1])

    def release(self, prefix: str) -> int:
        """Give back what workers had in hand that are known to have ended; return how many requests.

        Parameters
        ----------
        prefix : str, with which the names of those workers begin
        """
        with self._errors():
            doing = list(self._redis.scan_iter("polis:doing:*", count=1_000))
            holders = cast(list[Any], self._redis.mget(doing)) if doing else []
            keys = [
                k.removeprefix("polis:doing:")
                for k, h in zip(doing, holders, strict=True)
                if h and h.startswith(prefix)
            ]
            gone = list(self._redis.scan_iter(f"polis:worker:{prefix}*", count=1_000))
            gone += [f"polis:{what}:{key}" for key in keys for what in ("doing", "owed")]
            if gone:
                self._redis.delete(*gone)
            return len(keys)

    def forget_worker(self, worker: str) -> None:
        """Take a worker off the list, when it leaves in order."""
        with self._errors():
            self._redis.delete(f"polis:worker:{worker}")

    # -- what is looked at -------------------------------------------------------------------------

    def workers(self) -> list[dict[str, Any]]:
        """Return what each worker that is there says of itself."""
        with self._errors():
            names = sorted(self._redis.scan_iter("polis:worker:*", count=1_000))
            found = cast(list[Any], self._redis.mget(names)) if names else []
        return [json.loads(about) for about in found if about]

    def set_aside(self, queue: str, task: str, because: str, text: str) -> None:
        """Keep a message that no worker can carry out, the newest `POISON_MAX` of them, cut to a size."""
        entry = {
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "queue": queue,
            "task": task,
            "because": because[:500],
            "message": text[:POISON_TEXT_MAX],
        }
        with self._errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.lpush("polis:poison", json.dumps(entry))
            pipe.ltrim("polis:poison", 0, POISON_MAX - 1)
            pipe.incr("polis:poisoned")
            pipe.execute()

    def poison(self) -> list[dict[str, Any]]:
        """Return what was set aside, the newest first."""
        with self._errors():
            return [json.loads(entry) for entry in cast(list[Any], self._redis.lrange("polis:poison", 0, -1))]

    def clear_poison(self) -> int:
        """Forget what was set aside; return how many there were."""
        with self._errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.llen("polis:poison")
            pipe.delete("polis:poison", "polis:poisoned")
            return int(pipe.execute()[0])

    def pong(self, nonce: str, about: Mapping[str, Any]) -> None:
        """Answer a ping."""
        with self._errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(f"polis:pong:{nonce}", json.dumps(about))
            pipe.expire(f"polis:pong:{nonce}", 30)
            pipe.execute()

    def await_pong(self, nonce: str, *, timeout_s: float) -> dict[str, Any] | None:
        """Return the answer to a ping, None if there is none in time."""
        until = time.monotonic() + timeout_s
        with self._errors():
            while time.monotonic() < until:
                found = self._redis.lpop(f"polis:pong:{nonce}")
                if found:
                    answer: dict[str, Any] = json.loads(cast(str, found))
                    return answer
                time.sleep(0.002)
        return None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise QueueUnavailable(self.url, str(error) or type(error).__name__) from None


def client_url(url: str) -> str:
    """Return the URL as redis-py takes it: only a socket's differs from that of Celery.

    Raises
    ------
    ValueError
        If it names no Redis.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"it must begin with one of {', '.join(s + '://' for s in SCHEMES)}")
    if parts.scheme != "redis+socket":
        return url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0].lstrip("/") or "0"
    login = f"{parts.username or ''}:{parts.password}@" if parts.password else ""
    return f"unix://{login}{parts.path}?db={database}"
