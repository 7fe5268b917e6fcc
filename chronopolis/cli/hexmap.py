"""The world as a picture in the terminal: biomes as colours, agents as marks on them."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from domain.codes import Biome
from domain.columns import ALIVE, BIOME, CELL, ELEVATION
from domain.state import World

_COLOURS: dict[Biome, tuple[int, int, int]] = {
    Biome.WATER: (38, 92, 150),
    Biome.GRASSLAND: (112, 158, 72),
    Biome.FOREST: (38, 102, 58),
    Biome.MARSH: (96, 124, 104),
    Biome.HILLS: (160, 132, 84),
    Biome.MOUNTAIN: (138, 138, 144),
}
_LETTERS = {
    Biome.WATER: "~", Biome.GRASSLAND: ".", Biome.FOREST: "f", Biome.MARSH: ",", Biome.HILLS: "n", Biome.MOUNTAIN: "^",
}  # fmt: skip


def hex_map(world: World, *, columns: int, colour: bool) -> Text:
    """Draw the grid, odd rows half a cell to the right, so that each cell touches its six neighbours.

    Parameters
    ----------
    world : World
    columns : int, characters that a line may have; a grid that is wider is drawn in blocks of cells
    colour : whether colours will be seen; letters stand for biomes if not

    Returns
    -------
    rich Text: two characters a cell, a dot for one agent, a number for several (+ from ten on)
    """
    step = step_for(world, columns)
    people = _people(world)
    picture = Text(no_wrap=True)
    for line, row in enumerate(range(0, world.height, step)):
        picture.append(" " if line % 2 else "")
        for column in range(0, world.width, step):
            picture.append(*_cell(world, people, row, column, step, colour=colour))
        picture.append("\n")
    return picture


def _people(world: World) -> np.ndarray:
    rows = np.flatnonzero(world.agents[ALIVE, : world.n])
    return np.bincount(world.agents[CELL, rows], minlength=world.width * world.height)


def _cell(world: World, people: np.ndarray, row: int, column: int, step: int, *, colour: bool) -> tuple[str, str]:
    rows = np.arange(row, min(row + step, world.height))
    columns = np.arange(column, min(column + step, world.width))
    block = (rows[:, None] * world.width + columns).ravel()
    count = int(people[block].sum())
    biome = Biome(int(np.bincount(world.cells[BIOME, block], minlength=len(Biome)).argmax()))
    mark = "" if count == 0 else "●" if count == 1 else str(count) if count < 10 else "+"
    if not colour:
        return f"{mark or _LETTERS[biome]} ", ""
    # A little lighter the higher it lies, so that slopes can be seen.
    lift = int(world.cells[ELEVATION, block].mean() / max(1, int(world.cells[ELEVATION].max())) * 36) - 12
    red, green, blue = (max(0, min(255, c + lift)) for c in _COLOURS[biome])
    return f"{mark:<2}", f"bold rgb(255,240,180) on rgb({red},{green},{blue})"


def legend(*, step: int, colour: bool) -> Text:
    """Return what the marks mean."""
    text = Text(no_wrap=False)
    for biome, (red, green, blue) in _COLOURS.items():
        if colour:
            text.append("  ", f"on rgb({red},{green},{blue})")
        else:
            text.append(_LETTERS[biome])
        text.append(f" {biome.name.lower()}  ", "dim")
    text.append("● agent  2-9 several  + more", "dim")
    if step > 1:
        text.append(f"  (mark: {step}×{step} cells)", "dim")
    return text


def step_for(world: World, columns: int) -> int:
    """Return how many cells a side make one mark."""
    return max(1, -(-(2 * world.width + 1) // max(8, columns)))
