"""The report: one page with the bars and every table, and plots, from whatever results lie in a folder."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

from benchmarks.bars import Bar, bars
from benchmarks.catalogue import BENCHMARKS
from benchmarks.plots import write_plots
from benchmarks.tables import TABLES, table

RECORD = Path(__file__).parent.parent / "docs" / "decisions" / "0002-physical-layout.md"
_BEGIN, _END = "<!-- figures: written by python -m benchmarks --only layout -->", "<!-- end of figures -->"
_TITLES = {
    "ticks": "Ticks", "throughput": "Throughput", "scaling": "Scaling", "replaying": "Replaying",
    "recovery": "Recovery", "memory": "Memory", "endurance": "Endurance", "copying": "Copying",
    "closing": "Closing", "layout": "Layout",
}  # fmt: skip


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the results in a folder, by benchmark."""
    found = {name: folder / f"{name}.json" for name in TABLES}
    return {name: json.loads(path.read_text()) for name, path in found.items() if path.exists()}


def write_report(folder: Path) -> str:
    """Write README.md and the plots of a folder, the record of the layout too; return the table of bars."""
    results = read_results(folder)
    plots = write_plots(results, folder)
    (folder / "README.md").write_text(page(results, plots, folder))
    layout = results.get("layout")
    if layout and layout["scale"] == "full" and RECORD.exists() and folder == RECORD.parent.parent / "benchmarks":
        _fill_record(layout)
    return bars_table(bars(results))


def bars_table(found: list[Bar]) -> str:
    """Return the table of bars."""
    verdict = {True: "met", False: "**not met**", None: "–"}
    return table(["what", "bar", "measured", ""], [[b.what, b.bar, b.measured, verdict[b.met]] for b in found])


def page(results: dict[str, dict[str, Any]], plots: dict[str, str], folder: Path) -> str:
    """Return the page."""
    parts = [
        "# Benchmarks\n",
        "Written by `make bench`; `python -m benchmarks --only NAME` measures one again. "
        "Raw samples lie beside this page as JSON. The bars are those of the design.\n",
    ]
    if any(r["scale"] != "full" for r in results.values()):
        parts.append("**Some of this is of a quick run, which is too short to say anything about a bar.**\n")
    parts.append(bars_table(bars(results)))
    if (folder / "chaos.md").exists():
        parts.append("What survives `kill -9`: [chaos](chaos.md).\n")
    for name, result in results.items():
        parts += [f"## {_TITLES[name]}\n", f"{result.get('about') or about(name)}\n"]
        parts.append(TABLES[name](result["result"]))
        if name in plots:
            parts.append(f"![{_TITLES[name]}]({plots[name]})\n")
        parts.append(_measured_on(result))
    if results:
        newest = max(results.values(), key=lambda r: str(r["machine"]["when"]))
        settings = "\n".join(f"{key} = {value}" for key, value in newest["server"]["settings"].items())
        parts += ["## Settings of the server\n", f"```\n{settings}\n```\n"]
    return "\n".join(parts)


def about(name: str) -> str:
    """Return what the module that measures says of itself; a result keeps it, as it was when it was measured."""
    text = importlib.import_module(f"benchmarks.{BENCHMARKS[name][0]}").__doc__ or ""
    text = text.partition(":")[2].strip()
    return text[:1].upper() + text[1:]


def _measured_on(result: dict[str, Any]) -> str:
    m = result["machine"]
    commit = (m["commit"] or "unknown")[:12] + ("+" if str(m["commit"]).endswith("+") else "")
    return (
        f"<sub>{result['scale']}, {m['when']}, commit {commit}, seed {result['seed']}, {result['seconds']:.0f} s; "
        f"{m['cores']} cores of {m['model']}, {m['memory_gb']} GB, load {m['load_1min']} before; Python {m['python']}, "
        f"Postgres {result['server']['version']}</sub>\n"
    )


def _fill_record(layout: dict[str, Any]) -> None:
    """Put the figures of the layout into its decision record, between their marks."""
    text = RECORD.read_text()
    figures = f"{_BEGIN}\n\n{TABLES['layout'](layout['result'])}\n{_measured_on(layout)}\n{_END}"
    pattern = re.escape(_BEGIN) + r".*?" + re.escape(_END)
    RECORD.write_text(re.sub(pattern, lambda _: figures, text, flags=re.DOTALL))
