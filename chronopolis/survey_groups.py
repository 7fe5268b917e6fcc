"""Groups by which the answers of a survey are compared: the values of a column, or quarters of many numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from chronopolis.errors import WrongUsage
from chronopolis.state_frames import people_frame

if TYPE_CHECKING:
    from domain.state import World

GROUPS_MAX = 8
"""Values of a column by which answers are grouped one by one; a number with more is cut into quarters."""

_NO_GROUP = (
    "agent", "name", "born", "cell", "household", "parent", "goal", "last_birth", "thought_due", "_tick", "_ordinal",
)  # fmt: skip
"""Columns, or ends of them, of which nearly everybody has another value."""
_QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
_ALIKE = "all alike"


def values_by(world: World, column: str, agents: Sequence[int]) -> pl.DataFrame:
    """Return what agents have in a column: "agent" and "value", null where there is none.

    Raises
    ------
    WrongUsage
        If there is no such column.
    """
    everybody = people_frame(world).with_columns(age=world.tick - pl.col("born"))
    people = everybody.filter(pl.col("agent").is_in(list(agents)))
    known = [name for name in people.columns if not name.endswith(_NO_GROUP) and not name.startswith("tie_")]
    if column not in known:
        raise WrongUsage(f"--by {column}: agents have no such column", f"There are: {', '.join(known)}.")
    return people.select("agent", pl.col(column).alias("value"))


def groups_of(waves: Sequence[pl.DataFrame], column: str) -> list[pl.DataFrame]:
    """Return who belongs to which group in each wave of a survey.

    Parameters
    ----------
    waves : of `values_by`, each of one tick
    column : its name, for errors

    Returns
    -------
    list of polars.DataFrame of "agent" and "group", a text; by group in order. Quarters are named by the least and the
    most in them, and in several waves, where those differ, by which they are; of a wave where all have the same there
    is one group

    Raises
    ------
    WrongUsage
        If there are too many values.
    """
    everything = pl.concat(list(waves))["value"]
    if everything.n_unique() <= GROUPS_MAX:
        return [_one_by_one(wave) for wave in waves]
    if not everything.dtype.is_numeric():
        raise WrongUsage(f"--by {column}: {everything.n_unique():,} values make too many groups")
    return [_quarters(wave, by_rank=len(waves) > 1) for wave in waves]


def _one_by_one(values: pl.DataFrame) -> pl.DataFrame:
    named = values.with_columns(group=pl.col("value").cast(pl.String).fill_null("none"))
    return named.sort("value", "agent", nulls_last=True).select("agent", "group")


def _quarters(values: pl.DataFrame, *, by_rank: bool = False) -> pl.DataFrame:
    """Return groups of about a quarter each, equal values together: some may have nobody."""
    known = values.filter(pl.col("value").is_not_null()).sort("value", "agent")
    rank = pl.col("value").rank("min") - 1
    cut = known.with_columns(quarter=(rank * 4 // max(1, known.height)).cast(pl.Int64))
    ends = cut.group_by("quarter").agg(low=pl.col("value").min(), high=pl.col("value").max())
    extent = (
        pl.when(pl.col("low") == pl.col("high"))
        .then(pl.format("{}", "low"))
        .otherwise(pl.format("{} to {}", "low", "high"))
    )
    ordinal = pl.col("quarter").replace_strict(dict(enumerate(_QUARTERS)), return_dtype=pl.String)
    if known["value"].n_unique() == 1:
        ordinal = pl.lit(_ALIKE)  # or everybody would be in the lowest quarter
    told = ends.with_columns(group=ordinal if by_rank else extent)
    named = cut.join(told, on="quarter").sort("quarter", "agent").select("agent", "group")
    lacking = values.filter(pl.col("value").is_null()).select("agent", group=pl.lit("none"))
    return pl.concat([named, lacking])


__all__ = ["GROUPS_MAX", "groups_of", "values_by"]
