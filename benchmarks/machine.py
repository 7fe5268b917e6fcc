"""What a figure was measured on: the machine, the server and its settings, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg

from domain.configuration import RELEASE
from infrastructure.postgres_tuning import TUNED

_ROOT = Path(__file__).parent.parent


def commit() -> str | None:
    """Return the commit that is checked out, with a + if files of the program differ from it; None without git."""
    try:
        git = ("git", "-C", str(_ROOT))
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        paths = ("domain", "infrastructure", "workers", "replay", "migrations", "benchmarks")
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", *paths], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def machine() -> dict[str, Any]:
    """Return what the machine is, and how busy it is with other things just now."""
    return {
        "cores": os.cpu_count(),
        "model": _cpu_model(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "release": RELEASE,
        "commit": commit(),
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    """Return the processor's name, and its family where that says more than the name does."""
    fields: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    except OSError:
        return platform.processor()
    model = fields.get("model name", platform.processor())
    return f"{model} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"


def server(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return the server's version and those of its settings that we tune, as they are in force."""
    rows = connection.execute(
        "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s) ORDER BY name", (list(TUNED),)
    ).fetchall()
    version = connection.execute("SHOW server_version").fetchone()
    return {"version": version[0] if version else None, "settings": dict(rows)}
