"""A moment: the state of a world at a tick, as notebooks look at it, and in short."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from chronopolis import people
from chronopolis.naming import living_agent, name_the_dead
from chronopolis.sentences import counted
from chronopolis.state_frames import cells_frame, people_frame
from domain.measures import society_figures
from domain.ports import Run
from domain.state import World

if TYPE_CHECKING:
    from chronopolis.api import History


def state_values(run: Run, world: World) -> dict[str, Any]:
    """Return a state in short, as JSON has it: its hashes, how many live and ever came, its figures."""
    return {
        "run": run.id,
        "name": run.name,
        "tick": world.tick,
        "state_hash": world.state_hash.hex(),
        "areas": {name: f"{value:016x}" for name, value in world.areas.items()},
        "population": world.population,
        "born_and_arrived": world.next_agent,
        "figures": society_figures(world),
    }


@dataclass(frozen=True)
class Moment:
    """The state of the world at a tick.

    Attributes
    ----------
    run : name of the run
    world : domain.state.World, the columns themselves; a copy of its own, so it may be read at leisure
    history : History, asked for the names of those who live no more, and what became of them
    """

    run: str
    world: World
    history: History = field(repr=False, compare=False)

    @property
    def tick(self) -> int:
        """The tick whose state this is."""
        return self.world.tick

    @property
    def agents(self) -> pl.DataFrame:
        """One row a living agent, by id; what nobody or nothing stands in is null.

        agent, name, occupation, intention : its id, and codes in words
        born, lifespan, last_birth, thought_due : ticks; founders were born before tick 0
        parent, household, tie_0 … tie_7 : ids of agents, with `tie_0_strength` and so on in thousandths
        cell, goal : numbers of `cells`
        energy, satiety, company, traits, skills, goods : integers in thousandths, coin and tool in pieces
        intended_tick, intended_ordinal : the event that formed the intention, as `why` and `events` have it
        acted_tick, acted_ordinal, asked_tick, asked_ordinal : its newest event, and the request it awaits an answer to
        """
        return people_frame(self.world)

    @property
    def cells(self) -> pl.DataFrame:
        """One row a cell, by number; `row` and `column` are those of the map and of SQL.

        A stock is as of its `since`: it has regrown from then on.
        """
        return cells_frame(self.world)

    @property
    def state_hash(self) -> str:
        """The hash of the whole state, as hex digits."""
        return self.world.state_hash.hex()

    @property
    def areas(self) -> dict[str, str]:
        """The hash of each area of the state, as hex digits."""
        return {name: f"{value:016x}" for name, value in self.world.areas.items()}

    @property
    def population(self) -> int:
        """How many live."""
        return self.world.population

    @property
    def figures(self) -> dict[str, float | int | None]:
        """Base figures of the society: means in units, None where nobody lives, and sums over the living."""
        return society_figures(self.world)

    def agent(self, wanted: int | str) -> dict[str, Any]:
        """Return one living agent in full, by id or name, as `polis state --agent --json` does.

        The names of the dead whom it knows are looked up in the history, which must not be closed for that.

        Raises
        ------
        UnknownAgent, RunClosed
        """
        store, run = self.history._store, self.history._run
        told = people.describe(self.world, living_agent(store, run, self.world, str(wanted)))
        name_the_dead(told, store, run)
        return told

    def __repr__(self) -> str:
        return f"<{self.run} at tick {self.tick}: {counted(self.population, 'agent')}, state {self.state_hash[:12]}>"
