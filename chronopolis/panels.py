"""Pictures with a panel a measure, ticks along all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chronopolis.errors import WrongUsage
from domain.measures import ALIASES, MEASURES, measure_named

_PANELS_MAX = 24


def require_picture(path: Path, panels: int) -> None:
    """Refuse a file of a kind that no picture is written as, and more panels than can be read.

    Raises
    ------
    WrongUsage
    """
    if path.suffix not in (".png", ".svg"):
        raise WrongUsage(f"--plot {path}: pictures are written as .png or .svg")
    if panels > _PANELS_MAX:
        raise WrongUsage(f"{panels} measures make too small a picture", f"Name at most {_PANELS_MAX} of them.")


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
    """
    require_picture(path, len(names))
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "chronopolis"
    import matplotlib.pyplot as plt

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
        for axis in axes[-1]:
            axis.set_xlabel("tick")
        yield list(axes.flat[: len(names)])
        figure.suptitle(title, fontsize=11)
        figure.tight_layout()
        keep = {"Software": None} if path.suffix == ".png" else {"Date": None}
        try:
            figure.savefig(path, dpi=110, metadata=keep)
        except OSError as error:
            raise WrongUsage(f"--plot {path}: it can't be written there ({error.strerror or error})") from None
    finally:
        plt.close(figure)


__all__ = ["panels", "require_picture"]
