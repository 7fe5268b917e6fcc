"""The part of `polis doctor` that looks at the chain of minds: broker, workers, memory, engine.

A society needs none of it without minds, so what is not in use is no failure.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chronopolis.cli.check import Check

if TYPE_CHECKING:
    from workers.bootstrap import Settings

_TIMEOUT_S = 1.5
_NOT_IN_USE = "not in use; `polis run --mind llama` starts it"


def minds(settings: Settings) -> Iterator[Check]:
    """Yield the checks, each within two seconds or so."""
    from workers.bootstrap import LOOPBACK, api_url

    yield from _queue(settings)
    if settings.chroma_url is None:
        yield _embedded_memory(settings)
    else:
        url = settings.chroma_url.rstrip("/") + "/api/v2/heartbeat"
        yield _over_http("memory", "POLIS_CHROMA_URL", url, "Chroma")
    if settings.mind_url is None:
        yield from _own_engines(settings)
    else:
        url = api_url(settings.mind_url) + "/models"
        # By a proxy where the engine's own client would go by one.
        away = urlsplit(url).hostname not in LOOPBACK
        yield _over_http("engine", "POLIS_MIND_URL", url, "the engine", key=settings.mind_key, trust_env=away)


def _embedded_memory(settings: Settings) -> Check:
    """Look at the home's Chroma if a run has one; none is started."""
    import httpx

    from workers.bootstrap import embedded_chroma

    chroma = embedded_chroma(settings)
    url = chroma.found_url()
    if url is None:
        return Check("memory", "ok", _NOT_IN_USE)
    began = time.perf_counter()
    try:
        httpx.get(f"{url}/api/v2/heartbeat", timeout=_TIMEOUT_S, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        remedy = f"A run that uses it starts it again; its log is {chroma.log}."
        return Check("memory", "warn", f"Chroma, embedded, at {url} does not answer: {error}", remedy)
    return Check("memory", "ok", f"Chroma, embedded, answers in {(time.perf_counter() - began) * 1e3:.1f} ms")


def _own_engines(settings: Settings) -> Iterator[Check]:
    """Look at the home's model servers; none is started."""
    from chronopolis.cli.output import mebibytes
    from workers.bootstrap import engines_running

    found = list(engines_running(settings))
    if not found:
        yield Check("engine", "ok", _NOT_IN_USE)
    for server in found:
        who = f"{server['engine']}, embedded (pid {server['pid']}, {mebibytes(server['memory_bytes'])})"
        if server["answer_ms"] is None:
            remedy = f"A run that uses it starts it again; its log is {server['log']}."
            yield Check("engine", "warn", f"{who}, does not answer", remedy)
        else:
            yield Check("engine", "ok", f"{who}, answers in {server['answer_ms']:.1f} ms")


def _queue(settings: Settings) -> Iterator[Check]:
    from contextlib import ExitStack

    from chronopolis.cli.output import mebibytes
    from domain.errors import PolisError
    from workers.bootstrap import join_broker

    try:
        with ExitStack() as stack:
            url = join_broker(settings, stack)
            if url is None:
                yield Check("broker", "ok", _NOT_IN_USE)
                yield Check("workers", "ok", _NOT_IN_USE)
                return
            from workers.broker import POISON_MAX, Broker

            broker = Broker(url)
            stack.callback(broker.close)
            took, about = broker.ping(), broker.about()
            where = "embedded" if settings.broker_url is None else "by POLIS_BROKER_URL"
            share = about["used_bytes"] / about["max_bytes"] if about["max_bytes"] else 0.0
            found = f"{about['version']}, {where}, answers in {took:.2f} ms, {mebibytes(about['used_bytes'])} used"
            if share > 0.9:
                yield Check("broker", "warn", found, "Nearly full: are there workers? Requests wait in the database.")
            else:
                yield Check("broker", "ok", found)
            yield _workers(url, broker.workers(), broker.queued("minds", (0, 3, 6, 9)))
            poison = len(broker.poison())
            if poison:
                many = f"{poison} or more" if poison >= POISON_MAX else str(poison)
                yield Check("poison", "warn", f"{many} messages set aside", "`polis worker --poison` shows them.")
    except PolisError as error:
        first, *rest = str(error).splitlines()
        yield Check("broker", "fail", first, " ".join(line.strip() for line in rest))


def _workers(url: str, workers: list[dict], queued: int) -> Check:
    from workers.dispatch import round_trip_ms

    if not workers:
        remedy = "`polis worker` starts one; a run starts its own." if queued else ""
        found = f"none, {queued} requests wait" if queued else "none: no run with minds is under way"
        return Check("workers", "warn" if queued else "ok", found, remedy)
    served = sorted({queue for worker in workers for queue in worker["queues"]})
    hosts = len({worker["host"] for worker in workers})
    found = f"{len(workers)} on {hosts} host{'s' if hosts > 1 else ''}"
    parts, slow = [], []
    for queue in served:
        took = round_trip_ms(url, queue=queue, timeout_s=_TIMEOUT_S)
        parts.append(
            f"{queue} no answer within {_TIMEOUT_S} s" if took is None else f"{queue} round trip {took:.1f} ms"
        )
        if took is None:
            slow.append(queue)
    found = f"{found}, {', '.join(parts)}, {queued} waiting"
    if slow:
        remedy = "All are busy, or hang: more of them with `polis worker`, or see POLIS_HOME/log."
        return Check("workers", "warn", found, remedy)
    return Check("workers", "ok", found)


def _over_http(
    name: str, variable: str, url: str, what: str, *, key: str | None = None, trust_env: bool = False
) -> Check:
    import httpx

    shown = urlsplit(url)._replace(query="", fragment="")
    place = shown._replace(netloc=shown.netloc.rpartition("@")[2]).geturl()
    began = time.perf_counter()
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = httpx.get(url, headers=headers, timeout=_TIMEOUT_S, trust_env=trust_env)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        because = str(error) or type(error).__name__
        remedy = f"Start it, or see that {variable} is right; unset it for the embedded one."
        return Check(name, "fail", f"{what} at {place} can't be reached: {because}", remedy)
    took = (time.perf_counter() - began) * 1e3
    if answer.status_code >= 400:
        remedy = f"See that {variable} names {what}" + (" and POLIS_MIND_KEY its key." if name == "engine" else ".")
        return Check(name, "fail", f"{what} at {place} answers with status {answer.status_code}", remedy)
    return Check(name, "ok", f"{what} at {place} answers in {took:.1f} ms")
