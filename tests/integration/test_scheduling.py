"""Who goes first on a busy machine, as the kernel has it."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from infrastructure.scheduling import NICENESS, SLICE_US, ask_for_short_slices, yield_to_ticks

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the number of sched_getattr is that of x86_64"),
]


T = TypeVar("T")


def in_a_thread(ask: Callable[[], T]) -> T:
    """Return what a thread of its own says, whose priority goes with it."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(ask()))
    thread.start()
    thread.join()
    return found[0]


def slice_ns() -> int:
    attributes = (ctypes.c_uint64 * 7)()
    assert ctypes.CDLL(None).syscall(315, 0, attributes, ctypes.sizeof(attributes), 0) == 0
    return int(attributes[3])


def test_a_thread_that_runs_ticks_has_short_slices() -> None:
    before, asked, after = in_a_thread(lambda: (slice_ns(), ask_for_short_slices(0), slice_ns()))
    assert asked
    # Kernels before 6.12 have no slices of one's own, and say nothing of any.
    assert after == (SLICE_US * 1_000 if before else before)


def test_what_may_wait_is_nicer_and_a_slice_does_not_change_that() -> None:
    def ask() -> tuple[bool, int]:
        yield_to_ticks(threading.get_native_id())
        return ask_for_short_slices(0), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert in_a_thread(ask) == (True, NICENESS)


def test_a_policy_that_somebody_chose_is_left_alone() -> None:
    def ask() -> tuple[bool, int]:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        return ask_for_short_slices(0), os.sched_getscheduler(0)

    assert in_a_thread(ask) == (False, os.SCHED_BATCH)


def test_a_process_that_is_not_there_is_no_error() -> None:
    assert not ask_for_short_slices(2**22 + 1)
    yield_to_ticks(2**22 + 1)
