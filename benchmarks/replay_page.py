"""The page and plots of `benchmarks.replay`, from whatever results lie in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.samples import unpack
from benchmarks.soak_drift import drift_rows, drift_words
from benchmarks.tables import table

_ROWS = (
    # key of the result, of the figure, in words, bar
    ("seek", "again", "seek to a random tick, `run.at(t)`", 100.0),
    ("seek", "first", "the same, the first time (pages may come from disk)", None),
    ("seek", "cursor", "the same, by `run.cursor().at(t)`", 100.0),
    ("step", "forward", "step forward", None),
    ("step", "back", "step back", None),
    ("fork_and_diff", "fork", "fork at a random tick", None),
    ("fork_and_diff", "resume", "run the fork on", None),
    ("fork_and_diff", "diff", "diff with a fork that differs", None),
    ("fork_and_diff", "diff_same", "diff with a fork that does not", None),
    ("fork_and_diff", "diff_ticks", "diff of two random ticks", None),
    ("bisect", "seek", "bisect by seeking (`gone > N`)", None),
    ("bisect", "scan_first", "bisect by scan, the measures not made yet", None),
    ("bisect", "scan", "bisect by scan, the measures made", None),
    ("why", None, "why of a random event", None),
)


def write_page(folder: Path) -> str:
    """Write replay.md and the plots; return the page."""
    parts = ["# Replay of a long run\n"]
    result = _read(folder / "replay.json")
    if result is not None:
        parts += _questions(result, folder)
    soak = _read(folder / "soak.json")
    if soak is not None and soak.get("minutes"):
        parts += _soak(soak, folder)
    page = "\n".join(parts)
    (folder / "replay.md").write_text(page)
    return page


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.exists() else None


def _questions(result: dict[str, Any], folder: Path) -> list[str]:
    m, run = result["machine"], result["run"]
    head = ["what", "n", "p50 ms", "p95 ms", "p99 ms", "max ms", "bar"]
    rows = []
    for name, figure, words, bar in _ROWS:
        found = result.get(name, {})
        found = found if figure is None else found.get(figure, {})
        if not found.get("n"):
            continue
        verdict = "" if bar is None else f"p95 ≤ {bar:g}: {'met' if found['p95'] <= bar else '**not met**'}"
        rows.append([words, found["n"], *(f"{found[p]:,.1f}" for p in ("p50", "p95", "p99", "max")), verdict])
    missing = result.get("missing", {})
    return [
        f"Run `{run['name']}`: {run['agents']:,} agents, {run['ticks']:,} ticks, {run['events']:,} events, "
        f"{run['bytes'] / 2**30:.1f} GiB, {run['snapshots']:,} snapshots. Written by `make bench-replay`: random "
        "questions through the Python API, each answer checked (states by `state_hash`); raw samples in `replay.json`. "
        f"A fork was run on for {result.get('fork_and_diff', {}).get('resumed_ticks', 0)} ticks.\n",
        table(head, rows),
        *(f"Not measured: {name} ({why}).\n" for name, why in missing.items()),
        "![Seeking and stepping](replay.png)\n" if _plot(result, folder) else "",
        f"<sub>{result['scale']}, {m['when']}, commit {str(m['commit'])[:12]}, seed {result['seed']}; {m['cores']} "
        f"cores of {m['model']}, {m['memory_gb']} GB, load {m['load_1min']} before; Python {m['python']}</sub>\n",
    ]


def _soak(soak: dict[str, Any], folder: Path) -> list[str]:
    m, minutes, memory = soak["machine"], soak["minutes"], soak["memory"]
    p50, p99 = (sorted(minute["tick_ms"][name] for minute in minutes) for name in ("p50", "p99"))
    how = "flat out" if soak["pace_ms"] is None else f"paced at {soak['pace_ms']:g} ms"
    rows: list[list[Any]] = [
        ["ticks seen", f"{sum(minute['ticks'] for minute in minutes):,}"],
        [
            "p50 of a minute's ticks, median (ms)",
            f"{p50[len(p50) // 2]:.2f}",
        ],
        ["p99 of a minute's ticks, median and worst (ms)", f"{p99[len(p99) // 2]:.2f}, {p99[-1]:.2f}"],
        ["slowest tick (ms)", f"{max(minute['tick_ms']['max'] for minute in minutes):.1f}"],
        ["runner, resident (MB), most", f"{max(row['runner_rss_mb'] for row in memory):,.0f}"],
        ["everything, proportional share (MB), most", f"{max(row['pss_all_mb'] for row in memory):,.0f}"],
    ]
    if "summary" in soak:
        rows += [
            ["p99 of all ticks (ms)", f"{soak['summary']['tick_ms']['p99']:.2f}"],
            ["runner, resident, a minute (MB)", f"{soak['runner_rss_mb_a_minute']:+.2f}"],
        ]
    rows += drift_rows(soak)
    return [
        "## Soak\n",
        f"The run as `polis run` recorded it: {soak['agents']:,} agents, {soak['ticks']:,} ticks, {how}, durability "
        f"`{soak['durability']}`, watched from outside each minute; `soak.json` has them all.\n",
        table(["what", "figure"], rows),
        drift_words(soak),
        "![Ticks and memory by the minute](soak.png)\n" if _plot_soak(soak, folder) else "",
        f"<sub>{m['when']}, commit {str(m['commit'])[:12]}; {m['cores']} cores of {m['model']}, {m['memory_gb']} GB, "
        f"load {m['load_1min']} before</sub>\n",
    ]


def _plot(result: dict[str, Any], folder: Path) -> bool:
    drawn = [(name, key) for name, key in (("seek", "again"), ("seek", "cursor"), ("step", "forward"), ("step", "back"))
             if result.get(name, {}).get(key, {}).get("samples")]  # fmt: skip
    if not drawn:
        return False
    figure, axes = _axes(1)
    for name, key in drawn:
        ms = sorted(unpack(result[name][key]["samples"]))
        axes[0].plot(ms, [(i + 1) / len(ms) for i in range(len(ms))], label=f"{name}, {key}", drawstyle="steps-post")
    axes[0].axvline(100, color="grey", linestyle="--", label="bar of seeking, at p95")
    axes[0].set(xscale="log", xlabel="time (ms)", ylabel="part that takes no longer (–)", title="Seeking and stepping")
    axes[0].legend(fontsize=8)
    _save(figure, folder / "replay.png")
    return True


def _plot_soak(soak: dict[str, Any], folder: Path) -> bool:
    figure, axes = _axes(2)
    minutes = [minute["second"] / 60 for minute in soak["minutes"]]
    for name in ("p50", "p99", "max"):
        axes[0].plot(minutes, [minute["tick_ms"][name] for minute in soak["minutes"]], ".-", label=name)
    axes[0].set(yscale="log", xlabel="time (minutes)", ylabel="tick, durable append included (ms)", title="Ticks")
    at = [row["second"] / 60 for row in soak["memory"]]
    axes[1].plot(at, [row["pss_all_mb"] for row in soak["memory"]], ".-", label="PSS of everything")
    axes[1].plot(at, [row["runner_rss_mb"] for row in soak["memory"]], ".-", label="RSS of the runner")
    axes[1].set(xlabel="time (minutes)", ylabel="memory (MB)", ylim=(0, None), title="Memory")
    for axis in axes:
        axis.legend(fontsize=8)
    _save(figure, folder / "soak.png")
    return True


def _axes(columns: int) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, columns, figsize=(5.5 * columns, 4.2), squeeze=False)
    for axis in axes[0]:
        axis.grid(alpha=0.3)
    return figure, axes[0]


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
