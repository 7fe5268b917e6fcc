"""A picture of a sweep: a panel a measure, a line a setting, the seeds about it as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from chronopolis.panels import panels
from chronopolis.sweep.figures import Course
from chronopolis.sweep.plan import Setting


def plot_sweep(
    found: Mapping[str, Mapping[tuple[Setting, ...], Course]], varied: Sequence[str], path: Path, *, title: str
) -> None:
    """Write it: the mean of the seeds of each setting, and one standard deviation about it.

    Raises
    ------
    WrongUsage
        As `chronopolis.panels` does.
    """
    with panels(list(found), path, title=title, height=2.5) as axes:
        for axis, courses in zip(axes, found.values(), strict=True):
            for values, course in courses.items():
                label = ", ".join(f"{key} {value}" for key, value in zip(varied, values, strict=True)) or "all seeds"
                (line,) = axis.plot(course.ticks, course.mean, linewidth=1.2, label=f"{label} ({course.runs})")
                low, high = course.mean - course.sd, course.mean + course.sd
                axis.fill_between(course.ticks, low, high, alpha=0.2, color=line.get_color(), linewidth=0)
        axes[0].legend(fontsize=7, frameon=False)


__all__ = ["plot_sweep"]
