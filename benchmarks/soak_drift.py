"""Drift: whether the ticks of a soak grow slower by the minute, in figures and in a sentence that they allow."""

from __future__ import annotations

from typing import Any

from benchmarks.samples import median, trend

SETTLED = 1 / 3
"""Part of a run before its slopes are taken: caches and shared buffers fill first."""
_STRETCH, _ENOUGH = 10, 20


def drift_rows(soak: dict[str, Any]) -> list[list[str]]:
    """Return rows of a table: p50 and p99 of a minute at the beginning, in the middle, at the end, and their drift."""
    rows: list[list[str]] = []
    if len(soak["minutes"]) < _ENOUGH:
        return rows
    for name in ("p50", "p99"):
        first, middle, last = _medians(soak["minutes"], name)
        rows += [
            [
                f"{name} of a minute: median of the first, middle and last ten (ms)",
                f"{first:.2f}, {middle:.2f}, {last:.2f}",
            ],
            [f"{name}, drift a minute over the whole run (ms, 95 %)", _told(_drift(soak["minutes"], name))],
            ["the same, the first third left out", _told(_drift(_settled(soak["minutes"]), name))],
        ]
    return rows


def drift_words(soak: dict[str, Any]) -> str:
    """Return what the minutes say of a drift of p99, and what they can't say."""
    minutes, p99 = soak["minutes"], "p99"
    if len(minutes) < _ENOUGH:
        return f"{len(minutes)} minutes are too few to tell a drift from noise.\n"
    whole, settled = _drift(minutes, p99), _drift(_settled(minutes), p99)
    first, _, last = _medians(minutes, p99)
    said = [
        "Drift is the Theil–Sen slope, the median of the slopes between all pairs of minutes, with its 95 % interval.",
        f"Over all {len(minutes)} minutes p99 {_finding(whole)}.",
    ]
    if _is_none(whole) != _is_none(settled):
        quietest = min(_settled(minutes), key=lambda minute: float(minute["tick_ms"][p99]))
        said.append(
            f"Without the first third it {_finding(settled)}; that stretch holds the quietest minute of all, the "
            f"{round(quietest['second'] / 60)}th with {quietest['tick_ms'][p99]:.2f} ms."
            if quietest == min(minutes, key=lambda minute: float(minute["tick_ms"][p99]))
            else f"Without the first third it {_finding(settled)}."
        )
    said.append(f"The last ten minutes have a median of {last:.2f} ms, the first ten {first:.2f} ms.")
    said.append(_of_the_machine(soak))
    return " ".join(said) + "\n"


def _of_the_machine(soak: dict[str, Any]) -> str:
    m = soak["machine"]
    before = f"a load of {m['load_1min']} on {m['cores']} cores before it began"
    loads = [row["load_1min"] for row in soak["memory"] if "load_1min" in row]
    if loads:
        return (
            f"The machine had {before}, and {min(loads):.1f} to {max(loads):.1f} while it ran, the run itself included."
        )
    shared = "so the machine did other work as well; " if m["load_1min"] > 1 else ""
    return (
        f"There was {before}, {shared}load by the minute was not recorded, and what of this is the run's own and what "
        "its neighbours' can't be told from these figures. Nor do they say how ticks fare after half an hour."
    )


def _settled(minutes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [minute for minute in minutes if minute["second"] >= minutes[-1]["second"] * SETTLED]


def _drift(minutes: list[dict[str, Any]], name: str) -> tuple[float, float, float]:
    return trend([minute["second"] for minute in minutes], [minute["tick_ms"][name] for minute in minutes])


def _medians(minutes: list[dict[str, Any]], name: str) -> tuple[float, float, float]:
    values = [minute["tick_ms"][name] for minute in minutes]
    middle = max(0, (len(values) - _STRETCH) // 2)
    return median(values[:_STRETCH]), median(values[middle : middle + _STRETCH]), median(values[-_STRETCH:])


def _is_none(drift: tuple[float, float, float]) -> bool:
    return drift[1] <= 0 <= drift[2]


def _told(drift: tuple[float, float, float]) -> str:
    return f"{drift[0]:+.3f} ({drift[1]:+.3f} … {drift[2]:+.3f})"


def _finding(drift: tuple[float, float, float]) -> str:
    if _is_none(drift):
        return "shows no drift that could be told from noise"
    return f"{'rises' if drift[0] > 0 else 'falls'} by {abs(drift[0]):.2f} ms a minute"
