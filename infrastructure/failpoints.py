"""Failpoints: named places where a crash test may have the process killed, as by the kernel.

``POLIS_FAILPOINT=before_copy@120`` kills this process with SIGKILL when it reaches `before_copy` in
tick 120 (or later); without ``@`` the first time it gets there. Unset, a failpoint is one comparison.
"""

from __future__ import annotations

import os
import signal

NAMES = ("before_copy", "between_copy_and_header", "after_commit", "in_snapshot", "in_migration",
         "answered_not_durable", "durable_not_acknowledged")  # fmt: skip

_name, _, _tick = os.environ.get("POLIS_FAILPOINT", "").partition("@")
if _name and _name not in NAMES:
    raise SystemExit(f"POLIS_FAILPOINT: there is no failpoint {_name!r}; there are {', '.join(NAMES)}")
_from_tick = int(_tick) if _tick.isdigit() else -1


def reach(name: str, tick: int = 0) -> None:
    """Die here if this failpoint is set for this tick or an earlier one."""
    if name == _name and tick >= _from_tick:
        os.kill(os.getpid(), signal.SIGKILL)
