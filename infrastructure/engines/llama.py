"""The default mind: llama.cpp's own server on loopback, with a model that comes with `make install`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from infrastructure.engines.adapters import Adapter
from infrastructure.engines.client import ChatEngine, Dialect
from infrastructure.engines.server import ModelServer, Running
from infrastructure.engines.supervised import SupervisedEngine
from infrastructure.models import find_gguf, weights_hash

SLOTS = 4
CONTEXT_TOKENS = 2_048
CACHE_MIB = 256
START_TIMEOUT_S = 180.0  # a model of 7B on a slow disk
WARNINGS = 2
REPEATING = {"repeat_penalty": 1.1, "repeat_last_n": 160}
"""A small model else gives back what it was told, word for word: of 45 answers 16 did, and with this 2."""
NICE = 15  # ticks first, then workers, then answers


def identity(model: str | None, home: Path, adapters: Mapping[str, Adapter]) -> dict[str, Any]:
    """Return what a run records of this engine, without starting it.

    Raises
    ------
    ModelNotFound
    """
    path = find_gguf(model)
    return {
        "name": "llama",
        "version": f"xllamacpp {importlib.metadata.version('xllamacpp')}",
        "model": path.stem,
        "model_hash": weights_hash(path, home),
        "adapters": {name: adapter.hash for name, adapter in adapters.items()},
        "sampling": "temperature and seed by request, "
        + "repeat penalty {repeat_penalty} over {repeat_last_n} tokens".format(**REPEATING),
    }


def plan(
    path: Path, adapters: Mapping[str, Adapter], *, slots: int, context: int, threads: int | None = None
) -> dict[str, Any]:
    """Return what the child process is to serve; `threads` by default leave a core to ticks.

    They wait for each other at every layer, by spinning. On two cores that others kept busy, two threads took 9 s
    of processor time for an answer and one took 1.5 s, so that the one was four times as fast. Beside a process
    that was busy for 3 of every 10 ms, two gave 0.81 answers/s and one 0.67, but two made its p99 6.3 ms, not 3.0.
    """
    return {
        "kind": "llama",
        "model": str(path),
        "alias": path.stem,
        "slots": slots,
        "context": context,
        "threads": threads or max(1, _cores() - 1),
        "cache_mib": CACHE_MIB,
        "lora": [str(adapter.gguf) for adapter in adapters.values()],
        "nice": NICE,
        "verbosity": WARNINGS,
    }


def shared_server(
    model: str | None,
    home: Path,
    adapters: Mapping[str, Adapter],
    *,
    slots: int = SLOTS,
    context: int = CONTEXT_TOKENS,
    threads: int | None = None,
    say: Callable[[str], None] | None = None,
) -> ModelServer:
    """Return the server of a model and its adapters under `home`; nothing is started yet."""
    who = identity(model, home, adapters)
    key = hashlib.sha256(json.dumps([who["model_hash"], sorted(who["adapters"].items())]).encode()).hexdigest()
    wanted = plan(find_gguf(model), adapters, slots=slots, context=context, threads=threads)
    return ModelServer(home, "llama", key, wanted, progress=say, start_timeout_s=START_TIMEOUT_S)


def open_llama(
    model: str | None,
    home: Path,
    adapters: Mapping[str, Adapter],
    *,
    slots: int = SLOTS,
    threads: int | None = None,
    reasoning_tokens: int = 0,
    say: Callable[[str], None] | None = None,
) -> SupervisedEngine:
    """Start or join the server, and return the engine.

    Parameters
    ----------
    model : str or None
        As in `infrastructure.models.find_gguf`.
    home : Path
    adapters : mapping of name to Adapter, in GGUF
    slots : int
        How many answers are made at once; one found running keeps its own.
    threads : int, optional
        See `plan`.
    reasoning_tokens : int
        See `Dialect`.
    say : callable, optional

    Raises
    ------
    ModelNotFound, EngineServerFailed, DataFolderUnusable
    """
    who = identity(model, home, adapters)
    order = {name: number for number, name in enumerate(adapters)}

    def client(running: Running) -> ChatEngine:
        dialect = Dialect(
            who["model"], order, guided=True, checks_model=True, reasoning_tokens=reasoning_tokens, sampling=REPEATING
        )
        return ChatEngine(running.url, dialect, who, key=running.key)

    server = shared_server(model, home, adapters, slots=slots, threads=threads, say=say)
    return SupervisedEngine(server, who, client)


def _cores() -> int:
    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else os.cpu_count() or 1
