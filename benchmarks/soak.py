"""Soak: a run as `polis run` makes it, recorded by a process of its own and watched from outside, minute by minute.

Tick percentiles come from the run's own `--figures`; memory is what the system says of its processes: the runner's
resident set, and the proportional share (PSS) of all that it started, the database included.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import machine
from benchmarks.plan import Plan
from benchmarks.processes import server_tree
from benchmarks.samples import slope
from benchmarks.soak_drift import SETTLED
from workers.memory import _pss_kb

_ROOT = Path(__file__).parent.parent
_GRACE_S = 600.0


def record(
    home: Path, plan: Plan, *, name: str, agents: int, ticks: int, pace_ms: float | None, out: Path | None
) -> dict[str, Any]:
    """Make a run and return what was seen of it; `out` is written each minute, so that a soak cut short has a record.

    Raises
    ------
    RuntimeError
        If the run fails, or takes far longer than it should.
    """
    how = "flat out" if pace_ms is None else f"paced {pace_ms:g} ms"
    plan.say(f"recording {name}: {agents:,} agents, {ticks:,} ticks, {how}")
    home.mkdir(parents=True, exist_ok=True)
    figures = home / f"{name}.figures.jsonl"
    figures.unlink(missing_ok=True)
    command = [sys.executable, "-m", "chronopolis.cli.main", "run", "--agents", str(agents), "--ticks", str(ticks)]
    command += ["--seed", str(plan.seed), "--name", name, "--json", "--quiet", "--figures", str(figures)]
    command += ["--durability", "group"] if pace_ms is None else ["--pace", f"{pace_ms:g}"]
    result: dict[str, Any] = {
        "machine": machine(), "agents": agents, "ticks": ticks, "seed": plan.seed, "pace_ms": pace_ms, "run": name,
        "durability": "group" if pace_ms is None else "tick", "memory": [],
    }  # fmt: skip
    allowed_s = _GRACE_S + ticks * (pace_ms or 10.0) / 1e3 * 1.5
    environment = {**os.environ, "POLIS_HOME": str(home)}
    with subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            _watch(process, home, result, figures, out, allowed_s)
        finally:
            _end(process)
        said = process.stdout.read() if process.stdout is not None else ""
    if process.returncode != 0:
        raise RuntimeError(f"the run ended with code {process.returncode}: {said.strip()[-400:] or 'it said nothing'}")
    result["summary"] = json.loads(said.strip().splitlines()[-1])
    result["minutes"] = _lines(figures)
    result |= _slopes(result)
    _write(out, result)
    return result


def _watch(
    process: subprocess.Popen[str],
    home: Path,
    result: dict[str, Any],
    figures: Path,
    out: Path | None,
    allowed_s: float,
) -> None:
    began, due = time.monotonic(), 0.0
    while process.poll() is None:
        now = time.monotonic() - began
        if now > allowed_s:
            raise RuntimeError(f"the run has not ended after {now:,.0f} s; it was to take {allowed_s - _GRACE_S:,.0f}")
        if now >= due:
            due += 60.0 if due else 15.0  # the first sample once it is under way
            result["memory"].append({"second": round(now, 1), **_memory(process.pid, home), **_load()})
            result["minutes"] = _lines(figures)
            _write(out, result)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)


def _memory(pid: int, home: Path) -> dict[str, float]:
    try:
        runner = psutil.Process(pid)
        rss = runner.memory_info().rss / 2**20
        pids = {pid, *(p.pid for p in runner.children(recursive=True)), *(p.pid for p in server_tree(home))}
    except psutil.NoSuchProcess:
        return {"runner_rss_mb": 0.0, "pss_all_mb": 0.0}
    return {"runner_rss_mb": round(rss, 1), "pss_all_mb": round(sum(_pss_kb(p) for p in pids) / 1024, 1)}


def _load() -> dict[str, float]:
    """Return the load of the machine, this run included: what else it does slows ticks, and has to be known."""
    return {"load_1min": round(os.getloadavg()[0], 2)}


def _end(process: subprocess.Popen[str]) -> None:
    """End a run that is not to go on: first as Ctrl-C would, so that it can be resumed."""
    for number, seconds in ((signal.SIGINT, 30.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)


def _slopes(result: dict[str, Any]) -> dict[str, float]:
    """Return how memory and ticks move, a minute, once they have settled."""
    memory, minutes = ([r for r in rows if r["second"] >= rows[-1]["second"] * SETTLED]
                       for rows in (result["memory"], result["minutes"]))  # fmt: skip
    at = [row["second"] for row in memory]
    return {
        "runner_rss_mb_a_minute": round(slope(at, [row["runner_rss_mb"] for row in memory]), 3),
        "pss_all_mb_a_minute": round(slope(at, [row["pss_all_mb"] for row in memory]), 3),
        "tick_p99_ms_a_minute": round(slope([m["second"] for m in minutes], [m["tick_ms"]["p99"] for m in minutes]), 4),
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _write(out: Path | None, result: dict[str, Any]) -> None:
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n")
