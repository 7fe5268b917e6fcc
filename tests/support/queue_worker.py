"""A worker process whose engine is a placeholder: `python tests/support/queue_worker.py …`, as the crew starts one.

All but `workers.minds.think` and the parts is the real thing. What it is to do stands in the percept of a
request; what it did is appended to the file POLIS_TEST_DONE, a line a request.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from domain.errors import StoreUnavailable
from workers import worker_process


class Parts:
    """Nothing to open."""

    memory = None

    @property
    def store(self):
        return self

    def find(self, name: str) -> types.SimpleNamespace:
        return types.SimpleNamespace(id=int(name), name="some-otter")

    def engine(self, identity) -> None:
        return None

    def mend(self, name: str) -> None:
        _note(f"mend {name}")

    def close(self) -> None:
        _note("close")


def think(store, engine, memory, request, *, reach):
    percept = request["percept"]
    _note(f"begin {request['agent']}")
    if percept.get("raise"):
        raise ValueError("no way")
    if percept.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    marker = percept.get("away_until")
    if marker and not Path(marker).exists():
        raise StoreUnavailable("it is away")
    time.sleep(percept.get("seconds", 0))
    _note(f"end {request['agent']}")
    return "recorded"


def project(store, index, run, through):
    _note(f"project {run.id} {through}")


def _note(line: str) -> None:
    with open(os.environ["POLIS_TEST_DONE"], "a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    for name, function in (("workers.minds.think", think), ("workers.memories", project)):
        module = types.ModuleType(name)
        setattr(module, function.__name__, function)
        sys.modules[name] = module
    sys.exit(worker_process.main(parts=Parts()))
