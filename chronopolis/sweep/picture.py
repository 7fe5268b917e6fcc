"""A picture of a sweep: a panel a measure, a line a setting, the seeds about it as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chronopolis.panels import panels
from chronopolis.sweep.figures import Course
from chronopolis.sweep.plan import Setting
from domain.measures import ALIASES, MEASURES, measure_named

_COLORS = 10
"""Of matplotlib's own, which then begin again."""
_LEGEND_WITHIN, _LEGEND_ROWS = 6, 40


def plot_sweep(
    found: Mapping[str, Mapping[tuple[Setting, ...], Course]], varied: Sequence[str], path: Path, *, title: str
) -> None:
    """Write it: the mean of the seeds of each setting, and one standard deviation about it.

    Raises
    ------
    WrongUsage
        As `chronopolis.panels` does.
    """
    colors = _colors(max(map(len, found.values())))
    with panels(list(found), path, title=title, height=2.5) as axes:
        for axis, (name, courses) in zip(axes, found.items(), strict=True):
            # A price stands where something was bought: dots, since lines would tell of times between, and of one
            # alone nothing at all.
            is_scattered = bool(measure_named(name, MEASURES, ALIASES)[0].paid_for)
            style: dict[str, Any] = {"marker": ".", "linestyle": "none", "markersize": 4} if is_scattered else {}
            for color, (values, course) in zip(colors, courses.items(), strict=False):
                label = ", ".join(f"{key} {value}" for key, value in zip(varied, values, strict=True)) or "all seeds"
                label = f"{label} ({course.runs})"
                axis.plot(course.ticks, course.mean, linewidth=1.2, color=color, label=label, **style)
                band = (course.ticks, course.mean - course.sd, course.mean + course.sd)
                if is_scattered:
                    axis.vlines(*band, alpha=0.3, color=color, linewidth=1)
                else:
                    axis.fill_between(*band, alpha=0.2, color=color, linewidth=0)
        _explain(axes[0])


def _explain(axis: Any) -> None:
    """Say which line is which: within the first panel, or beside all of them if so many would hide it."""
    handles, labels = axis.get_legend_handles_labels()
    if len(labels) <= _LEGEND_WITHIN:
        axis.legend(fontsize=7, frameon=False)
        return
    columns = -(-len(labels) // _LEGEND_ROWS)
    axis.figure.legend(
        handles, labels, fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 0.95), ncols=columns
    )


def _colors(n: int) -> list[Any]:
    """Return colours for so many settings: no two alike, and for many a scale, in the order of the plan."""
    import matplotlib

    if n <= _COLORS:
        return [f"C{k}" for k in range(n)]
    return list(matplotlib.colormaps["viridis"]([k / (n - 1) for k in range(n)]))


__all__ = ["plot_sweep"]
