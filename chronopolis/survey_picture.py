"""Pictures of surveys: of one tick the shares that took each choice, a bar a group; of several, how they change."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chronopolis.panels import pyplot, require_picture, save_figure
from chronopolis.survey import Tally

_LEGEND_WIDTH = 110
"""Characters that fit beside each other below a picture."""


def draw_tallies(found: Sequence[Tally], path: Path, *, title: str) -> None:
    """Write a picture of the shares that took each choice, a bar a group; equal answers, equal bytes.

    Raises
    ------
    WrongUsage
        If it can't be written there.
    OSError
        If the disk is full.
    """
    require_picture(path)
    import matplotlib

    plt = pyplot()

    shown = [tally for tally in found if tally.answered]
    choices = list(found[0].counts)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.1, 0.95, len(choices)))
    columns = _legend_columns(choices)
    figure, axis = plt.subplots(figsize=(8, 1.6 + 0.45 * len(shown) + 0.18 * ((len(choices) - 1) // columns)))
    try:
        bars, left = list[Any](), np.zeros(len(shown))
        rows = np.arange(len(shown))[::-1]
        for choice, colour in zip(choices, colours, strict=True):
            share = np.array([100 * tally.counts[choice] / tally.answered for tally in shown])
            bars.append(axis.barh(rows, share, left=left, color=colour, height=0.75))
            for row, start, width in zip(rows, left, share, strict=True):
                if width >= 8:
                    light = colour[:3] @ np.array([0.299, 0.587, 0.114]) > 0.55
                    axis.text(start + width / 2, row, f"{width:.0f}", ha="center", va="center", fontsize=8,
                              color="black" if light else "white")  # fmt: skip
            left += share
        axis.set_yticks(rows, [f"{tally.group} ({tally.answered:,})" for tally in shown], fontsize=9)
        axis.set_xlim(0, 100)
        axis.set_xlabel("% of those who answered")
        axis.set_title(_literal(title), fontsize=10, loc="left", wrap=True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        _legend(figure, bars, choices)
        figure.set_layout_engine("constrained")
        _save(figure, path)
    finally:
        plt.close(figure)


def draw_waves(found: Sequence[Tally], path: Path, *, title: str) -> None:
    """Write a picture of how answers change from tick to tick, a panel a group; equal answers, equal bytes.

    Of a scale it shows means with one standard deviation, of choices their shares with 95 % intervals.

    Raises
    ------
    WrongUsage
        If it can't be written there, or there are too many groups.
    OSError
        If the disk is full.
    """
    groups = list(dict.fromkeys(tally.group for tally in found if tally.answered))
    require_picture(path, len(groups))
    import matplotlib

    plt = pyplot()

    columns = min(3, len(groups))
    size = (max(8.0, 3.6 * columns), 1.2 + 2.6 * -(-len(groups) // columns))
    figure, axes = plt.subplots(
        -(-len(groups) // columns), columns, figsize=size, squeeze=False, sharex=True, sharey=True
    )
    try:
        lines = list[Any]()
        is_scale = any(tally.mean is not None for tally in found)
        choices, ticks = list(found[0].counts), sorted({tally.tick for tally in found})
        colours = matplotlib.colormaps["viridis"](np.linspace(0.1, 0.85, 1 if is_scale else len(choices)))
        for axis in axes.flat[len(groups) :]:
            axis.set_visible(False)
        for axis, group in zip(axes.flat, groups, strict=False):
            own = {tally.tick: tally for tally in found if tally.group == group and tally.answered}
            courses = [_means(own, ticks)] if is_scale else [_shares(own, ticks, choice) for choice in choices]
            lines = [_draw_course(axis, ticks, each, colour) for each, colour in zip(courses, colours, strict=True)]
            axis.set_title(_literal(f"{group} ({_from_to([tally.answered for tally in own.values()])})"), fontsize=9)
            axis.grid(alpha=0.3)
            axis.set_ylim(*((float(choices[0]), float(choices[-1])) if is_scale else (0, 100)))
        for axis in axes[:, 0]:
            axis.set_ylabel("mean, ± one s. d." if is_scale else "% of those who answered", fontsize=8)
        for axis in axes.flat[max(0, len(groups) - columns) : len(groups)]:
            axis.set_xlabel("tick", fontsize=8)
            axis.tick_params(labelbottom=True)
        figure.suptitle(_literal(title), fontsize=10, wrap=True)
        if not is_scale:
            _legend(figure, lines, choices)
        figure.set_layout_engine("constrained")
        _save(figure, path)
    finally:
        plt.close(figure)


def _legend(figure: Any, drawn: Sequence[Any], choices: Sequence[str]) -> None:
    # Named by hand: a label of what is drawn that begins with "_" would be left out.
    named, columns = [_literal(choice) for choice in choices], _legend_columns(choices)
    figure.legend(drawn, named, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)


def _legend_columns(choices: Sequence[str]) -> int:
    """Return how many choices fit beside each other below a picture."""
    return max(1, min(len(choices), 7, _LEGEND_WIDTH // (max(map(len, choices)) + 6)))


def _draw_course(axis: Any, ticks: Sequence[int], course: np.ndarray, colour: Any) -> Any:
    """Draw a line with a band; it is broken where there is nothing. Return the line.

    Parameters
    ----------
    course : ndarray of float64, shape (n_ticks, 3), the middle and the ends of the band, NaN where there is none
    """
    middle, low, high = course.T
    (line,) = axis.plot(ticks, middle, color=colour, marker="o", markersize=3)
    axis.fill_between(ticks, low, high, color=colour, alpha=0.15, linewidth=0)
    known = np.concatenate([[False], ~np.isnan(low), [False]])
    alone = known[1:-1] & ~known[:-2] & ~known[2:]  # where a band would have no width
    axis.vlines(np.array(ticks)[alone], low[alone], high[alone], color=colour, alpha=0.3, linewidth=3)
    return line


def _means(own: Mapping[int, Tally], ticks: Sequence[int]) -> np.ndarray:
    """Return float64 of shape (n_ticks, 3): mean, one standard deviation about it; NaN where there is none."""
    found = np.full((len(ticks), 3), np.nan)
    for row, tick in enumerate(ticks):
        if (tally := own.get(tick)) is not None and tally.mean is not None:
            sd = np.nan if tally.sd is None else tally.sd
            found[row] = tally.mean, tally.mean - sd, tally.mean + sd
    return found


def _shares(own: Mapping[int, Tally], ticks: Sequence[int], choice: str) -> np.ndarray:
    """Return float64 of shape (n_ticks, 3): a share and its interval, in percent; NaN where there is none."""
    found = np.full((len(ticks), 3), np.nan)
    for row, tick in enumerate(ticks):
        if (tally := own.get(tick)) is not None:
            found[row] = tally.counts[choice] / tally.answered, *tally.intervals[choice]
    return 100 * found


def _from_to(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _save(figure: Any, path: Path) -> None:
    with warnings.catch_warnings():
        # No font has every script: what it lacks is a box in the picture, and stands in words beside it.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        save_figure(figure, path)


def _literal(text: str) -> str:
    """Return what matplotlib draws as the text: it would take what stands between two "$" for mathematics."""
    return text.replace("$", r"\$")


__all__ = ["draw_tallies", "draw_waves"]
