"""The society as mesa-frames sees it: a `ModelDF` with an `AgentSetPolars` and a hexagonal `GridPolars`.

The polars columns share memory with the arrays that kernels take (polars maps a contiguous numpy
array without copying it), so rules read, the fold writes and the hash covers these very columns.
A test holds that together. Frames must not be kept across ticks: copy what you want to keep
(`frame.clone()` copies references only; `domain.state.World.agents_frame` returns a real copy).
"""

from __future__ import annotations

import warnings
from typing import Any

import polars as pl
from mesa_frames import AgentSetPolars, GridPolars, ModelDF

from domain import columns as col
from domain.codes import N_RESOURCES, TRAITS, Good, Skill
from domain.columns import Agents, Cells
from domain.errors import RandomnessForbidden

_PLAIN = (
    "ID", "ALIVE", "BORN", "LIFESPAN", "GIVEN_NAME", "FAMILY_NAME", "OCCUPATION", "PARENT", "HOUSEHOLD", "CELL",
    "ENERGY", "SATIETY", "COMPANY", "INTENTION", "GOAL", "INTENDED", "ACTED", "LAST_BIRTH", "ASKED", "THOUGHT_DUE",
)  # fmt: skip
RESOURCES = tuple(g.name.lower() for g in list(Good)[:N_RESOURCES])

AGENT_FRAME = {
    **{("unique_id" if name == "ID" else name.lower()): getattr(col, name) for name in _PLAIN},
    **{name: col.TRAITS + i for i, name in enumerate(TRAITS)},
    **{s.name.lower(): col.SKILLS + s for s in Skill},
    **{g.name.lower(): col.GOODS + g for g in Good},
    **{f"tie_{k}": col.TIE_OTHER + k for k in range(col.N_TIES)},
    **{f"tie_{k}_strength": col.TIE_STRENGTH + k for k in range(col.N_TIES)},
}
"""Name of a column of the frame → row of the matrix of agents."""

CELL_FRAME = {
    "elevation": col.ELEVATION,
    "biome": col.BIOME,
    **{
        f"{name.lower()}_{r}": getattr(col, name) + i
        for name in ("CAPACITY", "REGROWTH", "STOCK", "SINCE")
        for i, r in enumerate(RESOURCES)
    },
}
"""Name of a cell property → row of the matrix of cells."""


class _NoGenerator:
    """Stands where mesa keeps its generator; whoever touches it learns where draws come from."""

    def __getattr__(self, name: str) -> Any:
        raise RandomnessForbidden


class Citizens(AgentSetPolars):
    """The agents: one polars column per attribute, over the kernels' memory."""

    def __init__(self, model: ModelDF) -> None:
        self._columns: Agents | None = None
        self._n, self._stale = 0, False
        super().__init__(model)

    def bind(self, agents: Agents, n: int) -> None:
        """Make the frame a view of the first `n` rows of the columns."""
        self._columns, self._n, self._stale = agents, n, True

    @property
    def agents(self) -> pl.DataFrame:
        """The frame, made when first asked for after the columns moved."""
        if self._stale and self._columns is not None:
            self._agents = pl.DataFrame([pl.Series(k, self._columns[v, : self._n]) for k, v in AGENT_FRAME.items()])
            self._mask = pl.repeat(True, self._n, dtype=pl.Boolean, eager=True)
            self._stale = False
        return self._agents

    def step(self) -> None:
        """Agents are moved by `domain.advance`, never by mesa's own loop."""
        raise RandomnessForbidden


class Society(ModelDF):
    """The model: citizens on a hexagonal grid, without a generator of its own."""

    def __init__(self, width: int, height: int) -> None:
        # A seed must be given, or mesa-frames takes one from the system's entropy.
        super().__init__(seed=0)
        self.random = _NoGenerator()
        self.width, self.height = width, height
        self.citizens = Citizens(self)
        self.agents += self.citizens
        # The grid counts along axes at 60 degrees, so rows start further and further to its left: shifted
        # by half the height they all fit, beside positions that hold no cell.
        self._shift = (height - 1) // 2
        with warnings.catch_warnings():
            # mesa-frames builds its grid from rows without saying so, of which polars warns.
            warnings.simplefilter("ignore", pl.exceptions.DataOrientationWarning)
            self.space = GridPolars(self, [width + self._shift, height], neighborhood_type="hexagonal")

    def reset_randomizer(self, seed: Any) -> None:
        """Install the object that raises; mesa calls this when it is made."""
        self._seed = seed
        self.random = _NoGenerator()

    def bind_cells(self, cells: Cells) -> None:
        """Make the grid's cell properties views of the columns, in its axial coordinates.

        ``dim_0`` is column - row // 2 + (height - 1) // 2 and ``dim_1`` the row. Join a neighbourhood that
        the grid names with its cells: positions without one lie beyond the edge of the world. Cast the columns, which
        have 32 bits, before adding them up or multiplying them: polars does that in 32 bits, too.
        """
        index = pl.int_range(cells.shape[1], dtype=pl.Int64, eager=True)
        row = index // self.width
        series = [(index % self.width - row // 2 + self._shift).alias("dim_0"), row.alias("dim_1")]
        series += [pl.Series(name, cells[row]) for name, row in CELL_FRAME.items()]
        # The grid's own column `capacity` (agents a cell) is left out: cells hold any number.
        self.space._cells = pl.DataFrame(series)
