"""`polis resume` as a process of its own: how it is called, where it finds code and database, what its last words mean.

The debugger and sweeps start such processes, each in a session of its own, so that Ctrl-C is for whoever started them.
If that one is killed they go on to their target, as any `polis resume` would.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_TOLD_MAX = 1_000


def command_to_resume(name: str, *options: str) -> list[str]:
    """Return the command that goes on with a run, its summary the last line of standard output."""
    return [sys.executable, "-m", "chronopolis.cli.main", "resume", name, *options, "--json", "--quiet"]


def environment_for(settings: Any) -> dict[str, str]:
    """Return the environment of a process that finds this very code and the database of `settings`."""
    given = {name: value for name, value in os.environ.items() if name != "POLIS_DATABASE_URL"}
    path = [str(_ROOT), *filter(None, [given.get("PYTHONPATH")])]
    given |= {"POLIS_HOME": str(settings.home), "PYTHONPATH": os.pathsep.join(path)}
    if settings.database_url is not None:
        given["POLIS_DATABASE_URL"] = settings.database_url
    return given


def was_stopped(code: int) -> bool:
    """Return whether a process with this exit code ended because it was asked to; its run can be resumed."""
    return code in (130, -signal.SIGTERM, -signal.SIGINT)


def environment_failed(code: int) -> bool:
    """Return whether a process with this exit code ended because of a database, a disk or a schema."""
    return code == 3


def pause_told(said: bytes) -> dict[str, Any] | None:
    """Return at which tick a run paused and why, {"at", "because"}, if its summary tells a reason."""
    for line in reversed(said.decode(errors="replace").splitlines()):
        if line.startswith("{"):
            try:
                summary = json.loads(line)
            except ValueError:
                return None
            because = summary.get("paused_because")
            return None if because is None else {"at": summary["head_tick"], "because": because}
    return None


def error_type_told(said: bytes) -> str | None:
    """Return the name of the error that the last line tells of; None if it tells of none."""
    try:
        return str(json.loads(said.decode(errors="replace").strip().splitlines()[-1])["error"]["type"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def problem_told(said: bytes) -> str | None:
    """Return the problem that the last line tells of, which is JSON unless the process was ended in the middle."""
    lines = said.decode(errors="replace").strip().splitlines()
    if not lines:
        return None
    try:
        last = json.loads(lines[-1])
        return str(last["error"]["message"] if "error" in last else last["problem"] or last["status"])[:_TOLD_MAX]
    except (ValueError, KeyError, TypeError):
        return lines[-1][:_TOLD_MAX]


__all__ = [
    "command_to_resume", "environment_failed", "environment_for", "error_type_told", "pause_told", "problem_told",
    "was_stopped",
]  # fmt: skip
