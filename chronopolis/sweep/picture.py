"""A picture of a sweep: a panel a measure, a line a setting, the seeds about it as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from chronopolis.measured import save_figure, unit_label
from chronopolis.sweep.figures import Course
from chronopolis.sweep.plan import Setting


def plot_sweep(
    found: Mapping[str, Mapping[tuple[Setting, ...], Course]], varied: Sequence[str], path: Path, *, title: str
) -> None:
    """Write it: the mean of the seeds of each setting, and one standard deviation about it.

    Raises
    ------
    WrongUsage
        If it can't be written there.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "chronopolis"  # equal series, equal bytes
    import matplotlib.pyplot as plt

    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5.5 * columns, 2.5 * rows), squeeze=False, sharex=True)
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    for axis, (name, courses) in zip(axes.flat, found.items(), strict=False):
        for values, course in courses.items():
            label = ", ".join(f"{key} {value}" for key, value in zip(varied, values, strict=True)) or "all seeds"
            (line,) = axis.plot(course.ticks, course.mean, linewidth=1.2, label=f"{label} ({course.runs})")
            axis.fill_between(
                course.ticks, course.mean - course.sd, course.mean + course.sd, alpha=0.2, color=line.get_color(),
                linewidth=0,
            )  # fmt: skip
        axis.set_title(name, fontsize=10)
        axis.set_ylabel(unit_label(name), fontsize=8)
        axis.grid(alpha=0.3)
    for axis in axes[-1]:
        axis.set_xlabel("tick")
    axes[0, 0].legend(fontsize=7, frameon=False)
    figure.suptitle(title, fontsize=11)
    figure.tight_layout()
    save_figure(figure, path)


__all__ = ["plot_sweep"]
