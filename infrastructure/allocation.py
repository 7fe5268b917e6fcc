"""What becomes of memory that is given back: the next tick has use for it. Best effort, and of glibc alone."""

from __future__ import annotations

import contextlib
import ctypes

BUFFERS_OF_TENS_OF_MB = 100_000
"""Founders from which on a tick's events and rows take more than the 32 MB that glibc keeps by itself."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT = 1 << 30


def keep_freed_memory() -> bool:
    """Have freed memory kept by the process, up to a gigabyte, for buffers of any size.

    What glibc maps apart it gives back to the kernel, which clears every page of it when it is next asked for: a
    quarter of what a tick of 250,000 agents took.

    Returns
    -------
    bool, whether it was asked for; other C libraries have no such thing
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_MMAP_THRESHOLD, _KEPT) and mallopt(_TRIM_THRESHOLD, _KEPT))
    return False
