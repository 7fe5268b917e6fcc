"""The process of one model server: ``python -m infrastructure.engines.child FOLDER``.

It reads FOLDER/wanted.json, serves on loopback at a lower priority than whatever ticks, and writes
FOLDER/server.json once it listens. Whoever started it may be killed: so it looks from time to time whether any
polis still holds a share, and leaves by itself where none has for a while.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from infrastructure.engines.health import is_healthy
from infrastructure.files import write_file
from infrastructure.postgres_locks import Hold, start_lock
from infrastructure.postgres_process import Birth

LOOK_S = 5.0
ABANDONED_S = 60.0
_STOP_S = 10.0
_PR_SET_PDEATHSIG = 1


class Served(Protocol):
    """What serves: in this process, or in one of ours."""

    url: str

    def is_alive(self) -> bool:
        """Return whether it goes on."""

    def stop(self) -> None:
        """End it."""


class Llama:
    """llama.cpp's own HTTP server, in this process.

    Parameters
    ----------
    plan : mapping
        Of `infrastructure.engines.llama.plan`.
    key : str
        What a request has to show.
    """

    def __init__(self, plan: Mapping[str, Any], key: str) -> None:
        import xllamacpp  # type: ignore[import-untyped]  # here alone: a crash in it must not take a polis down

        params = xllamacpp.CommonParams()
        params.model.path = plan["model"]
        params.model_alias = {plan["alias"]}
        params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]
        params.n_parallel, params.n_ctx = plan["slots"], plan["slots"] * plan["context"]
        params.fit_params = False  # it would lower the context instead of saying that memory is short
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = plan["threads"]
        # Threads that wait by spinning would take the cores from ticks, whatever their priority.
        params.cpuparams.poll = params.cpuparams_batch.poll = 0
        params.cache_ram_mib = plan["cache_mib"]  # 8 GiB by default: the whole budget of a run
        params.cors_origins, params.cors_credentials, params.ui = "", False, False
        params.verbosity = plan["verbosity"]
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 1.0) for path in plan["lora"]]
        params.lora_init_without_apply = True  # each request says which adapter is to answer
        self._server = xllamacpp.Server(params)
        self.url = str(self._server.listening_address)

    def is_alive(self) -> bool:
        """Return True: it lives as long as this process."""
        return True

    def stop(self) -> None:
        """Let the server end its threads."""
        del self._server


class Command:
    """A server that is another program, told its port by ``{port}`` in its arguments."""

    def __init__(self, plan: Mapping[str, Any], key: str, stopped: threading.Event) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | plan["environ"]
        environ[plan["key_variable"]] = key
        parent = os.getpid()
        self._process = subprocess.Popen(
            [str(word).replace("{port}", str(port)) for word in plan["command"]],
            env=environ,
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 no thread of ours runs yet
        )
        while self.is_alive() and not stopped.is_set() and not self._is_healthy():
            time.sleep(0.2)

    def _is_healthy(self) -> bool:
        return is_healthy(self.url, within_s=2)

    def is_alive(self) -> bool:
        """Return whether the program runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask it to end, then end it."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(folder: Path) -> int:
    """Serve until told to stop, or until nobody is left; return the exit code."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    wanted = json.loads((folder / "wanted.json").read_text("utf-8"))
    plan, key = wanted["plan"], wanted["key"]
    os.nice(plan["nice"])
    try:
        served: Served = Llama(plan, key) if plan["kind"] == "llama" else Command(plan, key, stopped)
    except (OSError, RuntimeError) as error:  # what the server itself printed says why, and stands just above
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if served.is_alive() and not stopped.is_set():
        about = {"pid": os.getpid(), "born": asdict(Birth.of(os.getpid())), "url": served.url}
        write_file(folder / "server.json", json.dumps(about | wanted), None)
    abandoned_at = None
    while served.is_alive() and not stopped.wait(LOOK_S):
        if not _is_abandoned(folder):
            abandoned_at = None
            continue
        abandoned_at = abandoned_at or time.monotonic()
        if time.monotonic() - abandoned_at >= ABANDONED_S and _leave(folder):
            print("nobody uses this server any more: it stops", file=sys.stderr)
            break
    failed = not served.is_alive()
    served.stop()
    return int(failed)


def _is_abandoned(folder: Path) -> bool:
    """Return whether no polis holds a share; False if we can't tell now."""
    try:
        with start_lock(folder / "start.lock", timeout_s=0):
            hold = Hold(folder / "users.lock")
            try:
                return hold.is_last()
            finally:
                hold.let_go()
    except (OSError, TimeoutError):
        return not folder.exists()


def _leave(folder: Path) -> bool:
    """Take the note away, in a moment in which nobody joins; return whether we may go."""
    try:
        with start_lock(folder / "start.lock", timeout_s=0):
            hold = Hold(folder / "users.lock")
            try:
                if hold.is_last():
                    (folder / "server.json").unlink(missing_ok=True)
                    return True
            finally:
                hold.let_go()
    except (OSError, TimeoutError):
        pass
    return not folder.exists()


def _die_with(parent: int) -> None:
    """Have the kernel end this process when the one that watches over it dies (Linux).

    At once: told to end by SIGTERM, vLLM waits for the requests that it has, and takes more, with its engine gone
    already, so that whoever asks waits until the end of their patience. What it leaves behind is cleared up with its
    session when the server is started again.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
