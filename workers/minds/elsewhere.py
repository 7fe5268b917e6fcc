"""Thoughts in a past that was not recorded: asked and answered on the spot, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.inputs import Input, InputKey
from domain.minds.percepts import percept_of
from domain.ports import Engine, HistoryReader, Run
from domain.state import World
from replay.scenario import scenarios_of
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import think


class _Catching:
    """What `think` needs of a store, which catches the answer instead of recording it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.caught: dict[str, Any] = {}

    def find(self, name: str) -> Run:
        return self.run

    def has_input(self, run: Run, key: InputKey) -> bool:
        return False

    def record_input(self, run: Run, given: Input, *, asked_chain: bytes | None = None) -> bool:
        self.caught = given.answer
        return True


def answers_of(
    reader: HistoryReader, run: Run, engine: Engine | None = None
) -> Callable[[World, InputKey], dict[str, Any]]:
    """Return a function that answers a mind of a run as its workers would, without memories.

    Parameters
    ----------
    reader, run : which run, and where its lineage is read
    engine : who answers; by default the scripted planner, which takes no time and looks nothing up
    """
    engine = engine or ScriptedEngine()
    catching, scenarios = _Catching(run), scenarios_of(reader, run)

    def answer(world: World, key: InputKey) -> dict[str, Any]:
        configuration = scenarios.at(world.tick).configuration
        percept = percept_of(world, key.agent, seed=scenarios.root.seed, configuration=configuration)
        request = {
            "run": run.id, "asked_tick": key.asked_tick, "agent": key.agent, "purpose": key.purpose, "call": key.call,
            "effect_tick": key.asked_tick + configuration.think_delay, "asked_chain": "", "percept": percept,
        }  # fmt: skip
        think(catching, engine, None, request)  # type: ignore[arg-type]
        return dict(catching.caught)

    return answer
