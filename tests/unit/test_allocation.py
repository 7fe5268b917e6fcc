"""Freed memory that is kept: what a tick of a large society had is had again by the next, without being cleared."""

from __future__ import annotations

import subprocess
import sys

import pytest

from infrastructure.allocation import keep_freed_memory

pytestmark = pytest.mark.unit

_FAULTS = """
import resource, sys
import numpy as np
from infrastructure.allocation import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(3):
    np.empty(48 << 20, np.uint8).fill(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.empty(48 << 20, np.uint8).fill(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_buffers_of_tens_of_megabytes_are_not_cleared_anew_in_every_tick():
    assert faults("kept") * 10 < faults("given back")


def test_where_there_is_no_such_thing_nothing_happens(monkeypatch):
    monkeypatch.setattr("infrastructure.allocation.ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False
