"""What engines there are on this machine, and which of their servers run: looked at, never started."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import psutil

from domain.errors import PolisError
from infrastructure.engines import ENGINES, engine_identity
from infrastructure.engines.server import ModelServer
from infrastructure.settings import Settings


def engines_status(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield for each engine: engine, ready, identity or problem, and the servers of it that run.

    Looks at files and asks POLIS_MIND_URL, if set, for its models.
    """
    for name in ENGINES:
        row: dict[str, Any] = {"engine": name, "ready": False, "identity": None, "problem": None}
        try:
            row["identity"] = engine_identity(name, settings)
            row["ready"] = True
        except PolisError as error:
            row["problem"] = str(error)
        yield row | {"servers": list(_servers(name, settings))}


def engines_running(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield each model server of the home that runs: engine, pid, url, answers, answer_ms, memory_bytes, log."""
    for name in ENGINES:
        yield from ({"engine": name, **server} for server in _servers(name, settings))


def _servers(engine: str, settings: Settings) -> Iterator[dict[str, Any]]:
    for folder in sorted((settings.home / "engines").glob(f"{engine}-*")):
        server = ModelServer(settings.home, engine, folder.name.partition("-")[2], {})
        running = server.found()
        if running is not None:
            began = time.perf_counter()
            answers = running.answers()
            yield {
                "pid": running.process.pid,
                "url": running.url,
                "answers": answers,
                "answer_ms": round((time.perf_counter() - began) * 1e3, 2) if answers else None,
                "memory_bytes": _memory(running.process),
                "log": str(server.log),
            }


def _memory(process: Any) -> int:
    """Return what a server and its children hold in memory; of one that has just gone, nothing."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += int(one.memory_info().rss)
    return total
