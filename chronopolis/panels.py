"""Pictures with a panel a measure, ticks along all of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chronopolis.errors import WrongUsage
from domain.measures import ALIASES, MEASURES, measure_named

_PANELS_MAX = 24


def require_picture(path: Path, panels: int = 1) -> None:
    """Refuse a file of a kind that no picture is written as, a folder that is not there, and too many panels to read.

    Raises
    ------
    WrongUsage
    """
    if path.suffix not in (".png", ".svg"):
        raise WrongUsage(f"--plot {path}: pictures are written as .png or .svg")
    if panels > _PANELS_MAX:
        raise WrongUsage(f"{panels} measures make too small a picture", f"Name at most {_PANELS_MAX} of them.")
    there = path if path.exists() else path.parent
    if path.is_dir() or not os.access(there, os.W_OK):
        because = "it is a folder" if path.is_dir() else os.strerror(errno.EACCES if there.exists() else errno.ENOENT)
        raise WrongUsage(f"--plot {path}: it can't be written there ({because})")


@contextmanager
def panels(names: Sequence[str], path: Path, *, title: str, height: float) -> Iterator[list[Any]]:
    """Lend an axis of matplotlib for each measure, and write the picture afterwards; equal series, equal bytes.

    Parameters
    ----------
    names : of measures; each axis says its unit
    path : of the picture
    title : above all
    height : of a row of panels, in inches

    Raises
    ------
    WrongUsage
        If it can't be written there, or is none that `require_picture` takes.
    OSError
        If the disk is full.
    """
    require_picture(path, len(names))
    plt = pyplot()

    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5.5 * columns, height * rows), squeeze=False, sharex=True)
    try:
        for axis in axes.flat[len(names) :]:
            axis.set_visible(False)
        for axis, name in zip(axes.flat, names, strict=False):
            measure, so_far = measure_named(name, MEASURES, ALIASES)
            axis.set_title(name, fontsize=10)
            axis.set_ylabel(measure.unit + (" a tick" if measure.is_summed and not so_far else ""), fontsize=8)
            axis.grid(alpha=0.3)
        for axis in axes.flat[max(0, len(names) - columns) : len(names)]:  # the lowest of each column
            axis.set_xlabel("tick")
            axis.tick_params(labelbottom=True)
        yield list(axes.flat[: len(names)])
        figure.suptitle(title, fontsize=11)
        figure.tight_layout()
        save_figure(figure, path)
    finally:
        plt.close(figure)


def pyplot() -> Any:
    """Return matplotlib's pyplot, which draws without a window and gives equal names to equal parts of an SVG."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "chronopolis"
    import matplotlib.pyplot as plt

    return plt


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure of matplotlib; equal figures give equal bytes.

    Raises
    ------
    WrongUsage
        If it can't be written there.
    OSError
        If the disk is full.
    """
    keep = {"Software": None} if path.suffix == ".png" else {"Date": None}
    try:
        # What stands beside the panels is part of the picture as well.
        figure.savefig(path, dpi=110, metadata=keep, bbox_inches="tight" if figure.legends else None)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):  # not for want of a better name
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise WrongUsage(f"--plot {path}: it can't be written there ({error.strerror or error})") from None


__all__ = ["panels", "pyplot", "require_picture", "save_figure"]
