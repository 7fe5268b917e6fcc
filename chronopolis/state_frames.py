"""A state as frames: one row a living agent, one row a cell, codes in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from domain.codes import Biome, Intention, Occupation
from domain.columns import N_TIES
from domain.names import full_name
from domain.state import World


def people_frame(world: World) -> pl.DataFrame:
    """Return the living agents as a frame: names and codes in words beside every column of the state.

    What nobody or nothing stands in is null. The event that formed an intention, the newest of the agent's own and the
    request whose answer is awaited are each told by tick and ordinal, as in frames of events.
    """
    frame = world.agents_frame().rename({"unique_id": "agent"})
    frame = frame.select(part for name in frame.columns for part in _readable(name))
    names = pl.Series(
        "name", [full_name(g, f) for g, f in frame.select("given_name", "family_name").iter_rows()], pl.String
    )
    return frame.select(
        "agent",
        names,
        _in_words("occupation", Occupation),
        _in_words("intention", Intention),
        pl.exclude("agent", "name", "occupation", "intention", "given_name", "family_name"),
    )


_ADDRESSES = ("intended", "acted", "asked")
_MAY_LACK = ("parent", "goal", "last_birth", "thought_due", *(f"tie_{k}" for k in range(N_TIES)))


def _readable(name: str) -> list[pl.Expr]:
    """Return a column of the state as people read it: addresses in two parts, and -1 as null where it says nothing."""
    told = pl.col(name)
    if name in _ADDRESSES:
        there = pl.when(told >= 0)
        return [there.then(told // 2**32).alias(f"{name}_tick"), there.then(told % 2**32).alias(f"{name}_ordinal")]
    if name in _MAY_LACK:
        return [pl.when(told >= 0).then(told).alias(name)]
    if name.endswith("_strength"):
        return [pl.when(pl.col(name.removesuffix("_strength")) >= 0).then(told).alias(name)]
    return [told]


def cells_frame(world: World) -> pl.DataFrame:
    """Return the cells as a frame: number, row, column, biome in words, elevation, stocks and their growth."""
    frame = world.society.space._cells.clone()
    index = pl.int_range(frame.height, dtype=pl.Int64, eager=True).alias("cell")
    # In 64 bits, since polars adds up and multiplies columns of 32 bits in 32.
    copied = pl.DataFrame({name: frame[name].to_numpy().astype(np.int64) for name in frame.columns})
    # The grid's own dim_0 lies on an axis at 60 degrees: the map, `place` and SQL count columns along a row.
    row, column = (index // world.width).alias("row"), (index % world.width).alias("column")
    return copied.select(index, row, column, _in_words("biome", Biome), pl.exclude("dim_0", "dim_1", "biome"))


def _in_words(column: str, codes: Any) -> pl.Expr:
    words = {int(code): code.name.lower() for code in codes}
    return pl.col(column).replace_strict(words, default=None, return_dtype=pl.String)


__all__ = ["cells_frame", "people_frame"]
