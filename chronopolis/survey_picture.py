"""The picture of a survey: the shares that took each choice, a bar a group."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
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
    columns = max(1, min(len(choices), 7, _LEGEND_WIDTH // (max(map(len, choices)) + 6)))
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
        # Named by hand: a label of a bar that begins with "_" would be left out.
        named = [_literal(choice) for choice in choices]
        figure.legend(bars, named, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
        figure.set_layout_engine("constrained")
        with warnings.catch_warnings():
            # No font has every script: what it lacks is a box in the picture, and stands in words beside it.
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
            save_figure(figure, path)
    finally:
        plt.close(figure)


def _literal(text: str) -> str:
    """Return what matplotlib draws as the text: it would take what stands between two "$" for mathematics."""
    return text.replace("$", r"\$")


__all__ = ["draw_tallies"]
