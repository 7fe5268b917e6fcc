"""Surveys: who is asked, what they said as a frame, how many said what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from chronopolis.agreement import krippendorff_alpha, share_interval
from chronopolis.errors import NobodyToAsk, WrongUsage
from chronopolis.people import find_agent, living
from chronopolis.state_frames import people_frame

if TYPE_CHECKING:
    from domain.state import World
    from workers.minds.survey import Question

DRAWS_MAX = 100
"""How many times an agent can be asked in one survey."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "run": pl.String, "tick": pl.Int64, "agent": pl.Int64, "name": pl.String, "occupation": pl.String,
    "draw": pl.Int64, "answer": pl.String, "place": pl.Int64, "because": pl.String,
    "problem": pl.String, "memories": pl.List(pl.String), "tokens_in": pl.Int64, "tokens_out": pl.Int64,
    "latency_ms": pl.Int64, "engine": pl.String, "adapter": pl.String, "prompt": pl.String,
}  # fmt: skip
"""Columns of a survey: null where there is none. `draw` says how many times the agent had been asked, from 1; `place`
as which choice, from 1, it read what it took, where each reads them in an order of its own; `problem` why there is no
answer."""


def require_minds(run: str, world: World) -> None:
    """Refuse to ask agents who have no words.

    Raises
    ------
    WrongUsage
    """
    if world.minds is None:
        raise WrongUsage(
            f"run {run} has no minds: its agents follow rules alone", "Run one with --mind llama, and ask there."
        )


def whom_to_ask(
    world: World, run: str, *, seed: int, agents: Iterable[str] = (), sample: int | None = None,
    occupation: str | None = None,
) -> list[int]:  # fmt: skip
    """Return the ids of the living agents that are meant, in order.

    Parameters
    ----------
    world : World that is asked about
    run : its name, for errors
    seed : of the run: which agents a sample holds is a function of it alone, so that two ticks, or a run
        and its fork, are asked of the same agents, but for those who died or were born meanwhile
    agents : ids or names; all who live if there are none
    sample : at most so many; a larger sample holds the smaller ones
    occupation : only theirs

    Raises
    ------
    UnknownAgent, NobodyToAsk, WrongUsage
    """
    found = sorted({find_agent(world, run, each) for each in agents}) or [agent for agent, _ in living(world)]
    if occupation is not None:
        works = dict(people_frame(world).select("agent", "occupation").iter_rows())
        if occupation not in set(works.values()):
            there = ", ".join(sorted(set(works.values())))
            raise NobodyToAsk(f"nobody is {occupation!r} at tick {world.tick:,}", f"There are: {there}.")
        found = [agent for agent in found if works[agent] == occupation]
    if not found:
        raise NobodyToAsk(f"run {run}: nobody who is meant lives at tick {world.tick:,}")
    if sample is not None:
        if sample < 1:
            raise WrongUsage(f"a sample of {sample} asks nobody", "Give 1 or more.")
        drawn = sorted(found, key=lambda agent: hashlib.sha256(f"{seed}:{agent}".encode()).digest())
        found = sorted(drawn[:sample])
    return found


def frame_of(replies: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Return what was said as a frame, one row an agent and draw: `SCHEMA`."""
    rows = [{**reply, "memories": [memory["id"] for memory in reply["memories"]]} for reply in replies]
    return pl.DataFrame([{name: row[name] for name in SCHEMA} for row in rows], schema=SCHEMA)


def require_draws(draws: int) -> int:
    """Return how many times each agent is asked.

    Raises
    ------
    WrongUsage
    """
    if not 1 <= draws <= DRAWS_MAX:
        raise WrongUsage(f"{draws:,} draws: each agent can be asked 1 to {DRAWS_MAX} times")
    return draws


def took_first(frame: pl.DataFrame) -> int | None:
    """Return how many took the choice that was listed to them first; None where all read the same list.

    By chance it would be one in so many as there are choices: what is above that is the model's leaning, not theirs.
    """
    places = frame["place"].drop_nulls()
    return int((places == 1).sum()) if len(places) else None


# -- how many said what ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """How many answers of a group took each choice.

    Attributes
    ----------
    tick : as of which they were asked
    group : what they have in common; "all" of everybody
    asked : how many answers they were asked for: their number, times the draws of each
    counts : by choice, in the order of the question
    intervals : by choice, its share with 95 % confidence, of 1, as `share_interval` says; none where nobody answered
    agreement : of those who answered more than once with themselves, as `krippendorff_alpha` says; else None
    median, mean, sd : of a scale, over those who answered; the last is the sample standard deviation; else None
    """

    tick: int
    group: str
    asked: int
    counts: dict[str, int]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    agreement: float | None = None
    median: float | None = None
    mean: float | None = None
    sd: float | None = None

    @property
    def answered(self) -> int:
        """How many took any."""
        return sum(self.counts.values())

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "tick": self.tick, "group": self.group, "asked": self.asked, "answered": self.answered,
            "counts": self.counts,
            "intervals": {choice: [round(end, 4) for end in ends] for choice, ends in self.intervals.items()},
            "agreement": self.agreement, "median": self.median, "mean": self.mean, "sd": self.sd,
        }  # fmt: skip


def tallies(frame: pl.DataFrame, question: Question, groups: pl.DataFrame | None = None) -> list[Tally]:
    """Return how many answers took each choice: of everybody, then of each group.

    Parameters
    ----------
    frame : of a survey as of one tick
    question : with choices
    groups : of `groups_of`, optional
    """
    tick = int(frame["tick"][0])
    found = [_tally(tick, "all", frame, question)]
    if groups is not None:
        joined = frame.join(groups, on="agent", how="left")
        for group in groups["group"].unique(maintain_order=True):
            found.append(_tally(tick, group, joined.filter(pl.col("group") == group), question))
    return found


def _tally(tick: int, group: str, frame: pl.DataFrame, question: Question) -> Tally:
    said = frame["answer"].drop_nulls().to_list()
    by_agent = frame.drop_nulls("answer").group_by("agent", maintain_order=True).agg("answer")["answer"].to_list()
    counts = {choice: said.count(choice) for choice in question.choices}
    each = [len(own) for own in by_agent]
    found = {choice: share_interval([own.count(choice) for own in by_agent], each) for choice in question.choices}
    number = {choice: float(choice) if question.is_scale else place for place, choice in enumerate(question.choices)}
    alpha = krippendorff_alpha([[number[one] for one in own] for own in by_agent], is_scale=question.is_scale)
    tally = Tally(
        tick, group, len(frame), counts, intervals={choice: ends for choice, ends in found.items() if ends is not None},
        agreement=None if alpha is None else round(alpha, 3),
    )  # fmt: skip
    if not question.is_scale or not said:
        return tally
    numbers = np.array([int(each) for each in said])
    sd = round(float(numbers.std(ddof=1)), 3) if len(numbers) > 1 else None
    return replace(tally, median=float(np.median(numbers)), mean=round(float(numbers.mean()), 3), sd=sd)


__all__ = [
    "SCHEMA", "Tally", "frame_of", "require_draws", "require_minds", "tallies", "took_first",
    "whom_to_ask",
]  # fmt: skip
