"""Plots of the results; every axis says its unit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.samples import unpack

Drawn = Callable[[Any, Any], None]


def write_plots(results: dict[str, dict[str, Any]], folder: Path) -> dict[str, str]:
    """Write a PNG for each result that has one to show; return file names by benchmark."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    written = {}
    for name, (columns, draw) in _PLOTS.items():
        if name not in results:
            continue
        figure, axes = plt.subplots(1, columns, figsize=(5.5 * columns, 4.2), squeeze=False)
        draw(axes[0], results[name]["result"])
        for axis in axes[0]:
            axis.grid(alpha=0.3)
        figure.tight_layout()
        # No date in the file: equal results, equal bytes.
        figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
        plt.close(figure)
        written[name] = f"{name}.png"
    return written


def _ticks(axes: Any, result: Any) -> None:
    for axis, agents in zip(axes, sorted({w["agents"] for w in result["windows"]}), strict=False):
        for w in (w for w in result["windows"] if w["agents"] == agents):
            ms = np.sort(unpack(w["samples"]))
            slower = 1 - np.arange(len(ms)) / len(ms)
            pace = "flat out" if w["pace_ms"] is None else f"paced {w['pace_ms']:g} ms"
            axis.plot(ms, slower, label=f"{w['durability']}, {pace}", drawstyle="steps-post")
        axis.set(xscale="log", yscale="log", xlabel="tick, durable append included (ms)", title=f"{agents:,} agents",
                 ylabel="part of ticks that take longer (–)")  # fmt: skip
        axis.legend(fontsize=8)


def _throughput(axes: Any, result: Any) -> None:
    sizes = result["sizes"]
    x = np.arange(len(sizes))
    for shift, key, label in (
        (-0.27, "bare_copy_events_per_s", "raw COPY without indexes"),
        (0, "raw_copy_events_per_s", "raw COPY"),
        (0.27, "events_per_s", "durable run"),
    ):
        values = np.array([row[key]["median"] for row in sizes]) / 1e6
        spread = np.array([[row[key]["median"] - min(row[key]["all"]), max(row[key]["all"]) - row[key]["median"]]
                           for row in sizes]).T / 1e6  # fmt: skip
        axes[0].bar(x + shift, values, 0.26, yerr=spread, label=label, capsize=3)
    for k, row in enumerate(sizes):
        axes[0].annotate(f"{row['ratio']['median']:.2f}", (k + 0.27, row["events_per_s"]["median"] / 1e6), ha="center",
                         va="bottom", fontsize=9)  # fmt: skip
    axes[0].set_xticks(x, [f"{row['agents']:,}" for row in sizes])
    axes[0].set(xlabel="agents (number)", ylabel="events a second (millions)", title="Durable run over raw COPY")
    axes[0].legend(fontsize=8)


def _scaling(axes: Any, result: Any) -> None:
    sizes = result["sizes"]
    x = [row["agents"] for row in sizes]
    bottom = np.zeros(len(x))
    for stage in ("decide", "fold", "hash", "encode"):
        values = np.array([row["ns"][stage] for row in sizes])
        axes[0].fill_between(x, bottom, bottom + values, label=stage, alpha=0.7)
        bottom += values
    axes[0].plot(x, [row["durable_ns"]["median"] for row in sizes], "k.-", label="durable run, mode group")
    axes[0].set(xscale="log", xlabel="agents (number)", ylabel="cost of an agent-tick (ns)", ylim=(0, None),
                title=f"{result['cells_an_agent']} cells an agent")  # fmt: skip
    axes[0].legend(fontsize=8)


def _replaying(axes: Any, result: Any) -> None:
    names = ("read_libpq", "read_adbc", "fold", "verify", "reexecute")
    values = [result[f"{name}_events_per_s"]["median"] / 1e6 for name in names]
    axes[0].barh([n.replace("_", ", ") for n in names], values)
    axes[0].set(xlabel="events a second (millions)", ylabel="what", title=f"{result['events']:,} events")
    axes[0].invert_yaxis()
    axes[1].hist(unpack(result["seek_samples"]), bins=30)
    axes[1].set(xlabel="seek to a random tick (ms)", ylabel="seeks (number)", title=f"{result['ticks']:,} ticks")


def _recovery(axes: Any, result: Any) -> None:
    kills = result["kills"]
    wal = [kill["wal_to_replay_mb"] or 0 for kill in kills]
    axes[0].plot(wal, [kill["first_durable_tick_s"] for kill in kills], "o", label="first new durable tick")
    axes[0].plot(wal, [kill["server_back_s"] for kill in kills], "x", label="server back")
    axes[0].axhline(15, color="grey", linestyle="--", label="bar")
    axes[0].set(
        xlabel="WAL to replay (MB)", ylabel="since resume was started (s)", ylim=(0, None), title="kill -9 of all"
    )
    axes[0].legend(fontsize=8)


def _memory(axes: Any, result: Any) -> None:
    for run in result["runs"]:
        s, how = run["samples"], "flat out" if run["pace_ms"] is None else f"paced {run['pace_ms']:g} ms"
        axes[0].plot(s["second"], s["pss_all_mb"], label=f"PSS of everything, {how}")
        axes[0].plot(s["second"], s["runner_rss_mb"], label=f"RSS of the runner, {how}")
    axes[0].set(xlabel="time (s)", ylabel="memory (MB)", ylim=(0, None), title="500 agents")
    axes[0].legend(fontsize=8)


def _copying(axes: Any, result: Any) -> None:
    rows = [r["rows"] for r in result["sizes"]]
    for way in ("gathered", "one_by_one", "marked"):
        axes[0].plot(rows, [r[way]["ms"]["p50"] for r in result["sizes"]], ".-", label=way.replace("_", " "))
    axes[0].axvline(1_000, color="grey", linestyle="--", label="rows that the server gathers at most")
    axes[0].set(xlabel="rows (number)", ylabel="COPY, p50 (ms)", xlim=(0, None), ylim=(0, None), title="A COPY")
    axes[0].legend(fontsize=8)


def _layout(axes: Any, result: Any) -> None:
    rows = result["candidates"]
    y = np.arange(len(rows))
    for shift, key, label in (
        (-0.2, "copy_commit_a_tick", "commit a tick"),
        (0.2, "copy_commit_50000", "commit a 50,000"),
    ):
        axes[0].barh(y + shift, [row[key]["median"] / 1e6 for row in rows], 0.38, label=label)
    axes[0].set_yticks(y, [row["name"].replace(" (run", "\n(run") for row in rows], fontsize=8)
    axes[0].set(xlabel="durable events a second (millions)", ylabel="layout", title="COPY")
    axes[0].invert_yaxis()
    axes[0].legend(fontsize=8)
    history = result["history"]["server_ms"]
    axes[1].barh([name.replace(", ", "\n") for name in history], [ms["median"] for ms in history.values()])
    axes[1].tick_params(axis="y", labelsize=8)
    axes[1].set(xlabel="server time (ms)", ylabel="question", xscale="log", title="One agent's history")
    axes[1].invert_yaxis()


_PLOTS: dict[str, tuple[int, Drawn]] = {
    "ticks": (2, _ticks),
    "throughput": (1, _throughput),
    "scaling": (1, _scaling),
    "replaying": (2, _replaying),
    "recovery": (1, _recovery),
    "memory": (1, _memory),
    "endurance": (1, _memory),
    "copying": (1, _copying),
    "layout": (2, _layout),
}
