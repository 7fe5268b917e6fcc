"""The bars of DESIGN.md section 9 that need no minds, each beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

FLAT = 1.1
"""A cost counts as flat if it rises by less than a tenth: two measurements of one thing differ by as much."""


@dataclass(frozen=True)
class Bar:
    """One line of the table.

    Attributes
    ----------
    what, bar, measured : for people
    met : None if it was not measured
    """

    what: str
    bar: str
    measured: str
    met: bool | None


Results = dict[str, dict[str, Any]]


def bars(results: Results) -> list[Bar]:
    """Return every bar; one whose benchmark is missing is there as not measured."""
    return [bar for of in _ALL for bar in of(results)]


def _from(
    name: str, *missing: tuple[str, str]
) -> Callable[[Callable[[Any], Iterator[Bar]]], Callable[[Results], list[Bar]]]:
    """Make a function of one benchmark's result into one of all results, which knows what it leaves out."""

    def decorate(function: Callable[[Any], Iterator[Bar]]) -> Callable[[Results], list[Bar]]:
        def of(results: Results) -> list[Bar]:
            if name not in results:
                return [Bar(what, bar, f"not measured (`--only {name}`)", None) for what, bar in missing]
            return list(function(results[name]["result"]))

        return of

    return decorate


_500, _2500 = (
    ("500 agents, a tick with its durable append", "p99 ≤ 3 ms"),
    ("2,500 agents at 100 ticks/s", "p99 ≤ 6 ms"),
)


@_from("ticks", _500, _2500)
def _ticks(result: Any) -> Iterator[Bar]:
    for row in result["windows"]:
        if row["durability"] != "tick":
            continue
        ms, paced = row["tick_ms"], row["pace_ms"] is not None
        how = f"paced {row['pace_ms']:g} ms" if paced else "flat out"
        measured = f"p99 {ms['p99']:.2f} ms (p50 {ms['p50']:.2f}, max {ms['max']:.1f}) {how}"
        floor = next((f["commit_ms"]["p99"] for f in result.get("floors", []) if f["agents"] == row["agents"]), None)
        if paced and floor is not None:
            measured += f"; bare COPY p99 {floor:.2f}"
        # The bar speaks of a window that held all of this; another says nothing about it.
        whole = row["snapshots"] >= 3 and "seconds" in row["checkpoint"] and result["autovacuum"]["setting"] == "on"
        measured += "" if whole else " (the window held too few snapshots, or no checkpoint)"
        if row["agents"] == 500:
            yield Bar(f"{_500[0]}, {how}", _500[1], measured, ms["p99"] <= 3 if whole else None)
        elif row["agents"] == 2_500 and paced:
            kept_up = row["ticks_per_s"] >= 99
            yield Bar(
                f"{_2500[0]}, synced each tick", _2500[1], f"{measured}, {row['ticks_per_s']:.0f} ticks/s",
                (ms["p99"] <= 6 and kept_up) if whole else None,
            )  # fmt: skip


_DRIFT = ("500 agents paced 10 ms for 30 minutes", "no drift")


@_from("endurance", _DRIFT)
def _endurance(result: Any) -> Iterator[Bar]:
    run = result["runs"][0]
    p99 = [w["p99"] for w in run["tick_ms_windows"]]
    first, last = (sorted(part)[len(part) // 2] for part in (p99[: len(p99) // 3], p99[-(len(p99) // 3) :]))
    measured = (
        f"p99 by minute: {first:.2f} ms in the first third, {last:.2f} in the last, worst {max(p99):.2f}; "
        f"runner {run['runner_rss_mb_a_minute']:+.2f} MB/min"
    )
    yield Bar(f"{_DRIFT[0]} ({run['seconds'] / 60:g} measured)", _DRIFT[1], measured, last <= max(3.0, FLAT * first))


_RATIO = ("flat out, durable events/s over raw COPY", "≥ 0.8")


@_from("throughput", _RATIO)
def _throughput(result: Any) -> Iterator[Bar]:
    for row in result["sizes"]:
        ratio = row["ratio"]["median"]
        ours, raw = (row[name]["median"] for name in ("events_per_s", "raw_copy_events_per_s"))
        measured = f"{ratio:.2f} ({ours:,.0f} of {raw:,.0f} events/s)"
        yield Bar(f"{_RATIO[0]}, {row['agents']:,} agents", _RATIO[1], measured, ratio >= 0.8)


_COST = ("cost per agent-tick from 500 to 250,000 agents", "flat or falling")


@_from("scaling", _COST)
def _scaling(result: Any) -> Iterator[Bar]:
    sizes = result["sizes"]
    for name, costs in (
        ("without a database", [row["all_ns"]["median"] for row in sizes]),
        ("durable", [row["durable_ns"]["median"] for row in sizes]),
    ):
        measured = " → ".join(f"{cost:,.0f}" for cost in costs) + " ns"
        what = f"cost per agent-tick from {sizes[0]['agents']:,} to {sizes[-1]['agents']:,} agents, {name}"
        yield Bar(what, _COST[1], measured, costs[-1] <= FLAT * costs[0])


_VERIFY, _SEEK = ("verify", "≥ 2M events/s"), ("seek to any tick, warm", "p95 ≤ 100 ms")


@_from("replaying", _VERIFY, _SEEK)
def _replaying(result: Any) -> Iterator[Bar]:
    rate = result["verify_events_per_s"]["median"]
    yield Bar(_VERIFY[0], _VERIFY[1], f"{rate / 1e6:.2f}M events/s", rate >= 2e6)
    ms = result["seek_ms"]
    measured = f"p95 {ms['p95']:.1f} ms (p50 {ms['p50']:.1f}) in {result['ticks']:,} ticks"
    yield Bar(_SEEK[0], _SEEK[1], measured, ms["p95"] <= 100)


_RESUME = ("resume after `kill -9` of everything", "≤ 15 s")


@_from("recovery", _RESUME)
def _recovery(result: Any) -> Iterator[Bar]:
    times = [kill["first_durable_tick_s"] for kill in result["kills"]]
    whole = all(kill["lost_nothing"] for kill in result["kills"])
    measured = f"worst {max(times):.1f} s of {len(times)} kills" + ("" if whole else "; TICKS WERE LOST")
    yield Bar(_RESUME[0], _RESUME[1], measured, max(times) <= 15 and whole)


_PSS, _RSS = ("memory of all that a run started", "PSS ≤ 8 GB"), ("memory of the runner", "RSS ≤ 1 GB, flat")


@_from("memory", _PSS, _RSS)
def _memory(result: Any) -> Iterator[Bar]:
    runs = result["runs"]
    pss, rss = (max(run[name] for run in runs) for name in ("pss_all_mb_max", "runner_peak_rss_mb"))
    rise = max(run["runner_rss_mb_a_minute"] for run in runs)
    yield Bar(_PSS[0] + ", without minds", _PSS[1], f"{pss:,.0f} MB", pss <= 8192)
    # Half an hour at this slope must leave the runner within its bar.
    yield Bar(_RSS[0], _RSS[1], f"{rss:,.0f} MB, {rise:+.1f} MB a minute", rss + 30 * max(0.0, rise) <= 1024)


_HISTORY = ("one agent's history of about ten million events, closed", "≤ 100 ms")


@_from("closing", _HISTORY)
def _closing(result: Any) -> Iterator[Bar]:
    sizes = result["sizes"]
    found = [row["ways"][row["chosen"]]["history_ms"]["median"] for row in sizes]
    measured = ", ".join(f"{ms:.1f}" for ms in found) + " ms of server time"
    what = f"{_HISTORY[0]}, {' / '.join(f'{agents:,}' for agents in (row['agents'] for row in sizes))} agents"
    yield Bar(what, _HISTORY[1], measured, max(found) <= 100)


_ALL = (_ticks, _endurance, _throughput, _scaling, _replaying, _recovery, _memory, _closing)
