"""Who goes first on a machine that is busy: ticks, then what may wait. All of it is best effort, and Linux's.

A thread that wakes up takes the core at once from one that asked for longer slices, where the kernel knows them
(EEVDF, Linux 6.12 and later); else it may wait until the other's slice of some milliseconds is over, whatever their
niceness. So the thread that runs ticks and the server process that makes them durable ask for short slices.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct

SLICE_US = 100  # the shortest that the kernel grants
NICENESS = 10
_NUMBER_OF = {"x86_64": 314, "aarch64": 274}  # of the system call sched_setattr
_ATTRIBUTES = struct.Struct("<IIQiIQQQ")  # size, policy, flags, nice, priority, slice in ns, deadline, period


def ask_for_short_slices(number: int) -> bool:
    """Have a thread (0: this one) or a server process of this machine run soon after it wakes up.

    Returns
    -------
    bool, whether it was asked for; kernels before 6.12 take it and do nothing
    """
    call = _NUMBER_OF.get(platform.machine())
    with contextlib.suppress(OSError, AttributeError):
        if call is not None and os.sched_getscheduler(number) == os.SCHED_OTHER:
            nice = os.getpriority(os.PRIO_PROCESS, number)
            attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_US * 1_000, 0, 0)
            return bool(ctypes.CDLL(None).syscall(call, number, attributes, 0) == 0)
    return False


def yield_to_ticks(number: int) -> None:
    """Let a thread, or a server process of this machine, run when the ticks need no core."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, number, NICENESS)
