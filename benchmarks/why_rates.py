"""Figures of `benchmarks.why`: shares with their confidence intervals, and the page that shows them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.tables import table
from replay.removal import AFTERMATH, GONE, OTHER, SAME

_Z = 1.959964  # 95 %
_WHAT = {
    "causes": "the nearest named cause",
    "one_tick": "the same, an intention for one tick only",
    "further": "a named cause two or three steps away",
    "own": "something that its agent did, not named",
    "others": "something that another did in that tick, not named",
}


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the bounds of the 95 % confidence interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, z = successes / n, _Z
    middle = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (middle - reach) / (1 + z * z / n)), min(1.0, (middle + reach) / (1 + z * z / n))


def rates(outcomes: Iterable[str]) -> dict[str, Any]:
    """Return how often the event was otherwise, and how often what was done was."""
    counted = Counter(outcomes)
    n = counted.total()
    changed = n - counted[SAME]
    deeds = changed - counted[AFTERMATH]
    return {
        "n": n, **_share("changed", changed, n), **_share("deed_changed", deeds, n), "outcomes": dict(counted),
    }  # fmt: skip


def _share(name: str, successes: int, n: int) -> dict[str, Any]:
    low, high = wilson(successes, n)
    return {name: round(successes / n, 4) if n else None, f"{name}_95": [round(low, 4), round(high, 4)]}


def write_page(folder: Path) -> Path:
    """Write why.md beside why.json and return its path."""
    found = json.loads((folder / "why.json").read_text())
    result = found["result"]
    parts = [
        "# Are named causes causes?\n",
        "<!-- Made by `python -m benchmarks.why`: change the code, not this page. -->\n",
        f"{result['agents']:,} agents with scripted minds, {result['ticks']:,} ticks, seed {result['seed']}, on "
        f"{found['machine'].get('cpu', 'this machine')}. [../why.md](../why.md) says how it is asked.\n",
    ]
    for name, title in (
        ("drawn_evenly", "Events drawn evenly"),
        ("drawn_by_kind", "Events drawn from every kind alike"),
    ):
        if (drawn := result.get(name)) is None:
            continue
        parts.append(f"## {title}: {drawn['events']}\n")
        parts.append(_table("taken out", {what: drawn[key] for key, what in _WHAT.items()}))
        for key, head in (("by_steps", "steps away"), ("by_link", "link"), ("by_kind", "kind of the event")):
            parts.append(_table(head, drawn[key]))
    forks = Counter(case["imagined"] == case["forked"] for case in result["by_stored_forks"])
    parts.append(f"{forks.total()} of these pasts were also made by forks that are stored: {forks[True]} alike.\n")
    path = folder / "why.md"
    path.write_text("\n".join(parts))
    return path


def _table(head: str, rows: dict[str, Any]) -> str:
    columns = [head, "n", "changed", "95 %", "deed changed", "95 %", "gone", OTHER, AFTERMATH, SAME]
    return table(columns, [[name, *_cells(row)] for name, row in rows.items() if row["n"]])


def _cells(row: dict[str, Any]) -> list[str]:
    def share(name: str) -> list[str]:
        low, high = row[f"{name}_95"]
        return [f"{100 * row[name]:.1f} %", f"{100 * low:.0f}–{100 * high:.0f} %"]

    counts = [str(row["outcomes"].get(name, 0)) for name in (GONE, OTHER, AFTERMATH, SAME)]
    return [str(row["n"]), *share("changed"), *share("deed_changed"), *counts]
