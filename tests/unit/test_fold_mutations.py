"""Altering any single fold handler is noticed: here each of them is altered, statement by statement."""

from __future__ import annotations

import ast
import copy
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import pytest

import domain.fold
import domain.minds.fold
from domain import events as ev
from domain.advance import new_world
from domain.columns import MAX_AMOUNT, MAX_ELEVATION
from domain.configuration import Configuration
from domain.errors import CorruptHistory
from domain.events import KINDS, EventBatch
from domain.founding import found_world
from domain.minds.columns import MEMORY_SLOTS
from domain.state import World
from tests.support.histories import NEEDS, History, batch_of, event, every_kind, persona

pytestmark = pytest.mark.unit

_SOURCES = [Path(str(m.__file__)).read_text() for m in (domain.fold, domain.minds.fold)]
_BODIES, _MINDS = map(ast.parse, _SOURCES)
_BESIDE = {"_minds", "_row", "_address", "packed_terms"}  # what handlers of minds share under other names


def _writers(tree: ast.Module) -> list[ast.FunctionDef]:
    """Return what writes state: a handler for each kind, and what several of them share."""
    functions = [f for f in tree.body if isinstance(f, ast.FunctionDef)]
    return [
        f
        for f in functions
        if f.name != "fold_records" and (f.name.startswith(("fold_", "_fold_")) or f.name in _BESIDE)
    ]


_WRITERS = [(tree, f) for tree in (_BODIES, _MINDS) for f in _writers(tree)]
# Alterations that no history can notice, and why.
_HARMLESS = {
    "_fold_newcomer: a[:, row] = 0": "a fresh row is zero already; the line is a precaution",
    "fold_lives: if row < 0:": "who has just come has no row yet: what is written lies in a spare one",
    "fold_lives: continue": "the same; and of the dead nothing is hashed or kept",
    "fold_lives: if kind == ev.AGENT_DIED.number or world.agents[ALIVE, row] == 0:": "nothing is kept of the dead",
}


def statements(function: ast.FunctionDef) -> list[ast.stmt]:
    """Return the statements of a function, those within branches too, that are not mere structure."""
    found = [s for s in ast.walk(function) if isinstance(s, ast.stmt) and s is not function]
    text = function.body[0] if ast.get_docstring(function) else None
    return [s for s in found if s is not text and not isinstance(s, ast.Return | ast.Pass | ast.Assert)]


def name_of(function: ast.FunctionDef, statement: ast.stmt) -> str:
    return f"{function.name}: {ast.unparse(statement).splitlines()[0]}"


def a_copy(tree: ast.Module) -> ast.Module:
    """Return another tree of the same source: read again, which takes a tenth of the time of a deep copy."""
    return ast.parse(_SOURCES[0 if tree is _BODIES else 1])


def targets(assign: ast.Assign) -> list[int]:
    """Return the positions of the separate assignments within `a, b = x, y`."""
    target = assign.targets[0]
    return list(range(len(target.elts))) if isinstance(target, ast.Tuple) else []


class _Without(ast.NodeTransformer):
    """Leaves out one statement, or one target of a tuple assignment."""

    def __init__(self, line: int, part: int | None) -> None:
        self.line, self.part = line, part

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.stmt) and node.lineno == self.line and not isinstance(node, ast.FunctionDef):
            if self.part is None:
                return ast.copy_location(ast.Pass(), node)
            assert isinstance(node, ast.Assign)
            altered = copy.deepcopy(node)
            target = altered.targets[0]
            assert isinstance(target, ast.Tuple)
            target.elts[self.part] = ast.Name("_left_out", ast.Store())
            return ast.fix_missing_locations(altered)
        return self.generic_visit(node)


def as_module(tree: ast.Module, altered: ast.Module) -> ModuleType:
    """Run the sources of the fold without compiling its kernels, `altered` in the place of `tree`."""
    bodies = _plain_module(altered if tree is _BODIES else _BODIES)
    if tree is _MINDS:
        minds = ModuleType("altered_minds")
        exec(compile(altered, "altered_minds", "exec"), minds.__dict__)
        bodies._IN_PYTHON.update(minds.IN_MIND)
        bodies.fold_lives = minds.fold_lives
    return bodies


def _plain_module(tree: ast.Module) -> ModuleType:
    module = ModuleType("altered_fold")
    exec(_shipped() if tree is _BODIES else _without_compiler(tree), module.__dict__)
    return module


def _without_compiler(tree: ast.Module) -> CodeType:
    plain = ast.parse("inline = kernel = lambda function: function").body
    theirs = [isinstance(node, ast.ImportFrom) and node.module == "domain._jit" for node in tree.body]
    body = [node for there, its in zip(tree.body, theirs, strict=True) for node in (plain if its else [there])]
    return compile(ast.Module(body, []), "altered_fold", "exec")


@lru_cache(maxsize=1)
def _shipped() -> CodeType:
    return _without_compiler(_BODIES)


@lru_cache(maxsize=1)
def recorded() -> tuple[History, tuple[tuple[Any, ...], ...]]:
    """Return the history in which every kind occurs, and what the fold that is shipped makes of it."""
    history, seen, world = every_kind(), [], None
    for batch, header in zip(history.batches, history.headers, strict=True):
        world = domain.fold.fold(world or new_world(history.configuration), batch)
        assert world.state_hash == header.state_hash
        seen.append(observed(world))
    return history, tuple(seen)


def observed(world: World) -> tuple[Any, ...]:
    """Return what rules could see of a world, its hash included."""
    rows = tuple(world.row(who) for who in range(world.next_agent))
    return world.state_hash, world.tick, rows, world.to_bytes(), world.ground.tobytes(), world.prospects.tobytes()


def is_noticed(module: ModuleType) -> bool:
    """Return whether the fold of this module differs from what is recorded, in any tick."""
    history, seen = recorded()
    world = new_world(history.configuration)
    world.touched_cells[:] = 0  # scratch is not cleared, and an altered fold may let the hash read too far
    for batch, expected in zip(history.batches, seen, strict=True):
        # Python reads `e.kind` of a record only where numba would: in a recarray.
        plain = EventBatch(batch.records.view(np.recarray), batch.payload_ends, batch.payload_bytes)
        try:
            module.fold(world, plain)
        except (CorruptHistory, IndexError):
            return True
        if observed(world) != expected:
            return True
    everything = [(told, "scripted") for told in senseless()] + [(told, "reflex") for told in _WITHOUT_MINDS]
    return not all(is_refused(module, told, mind) for told, mind in everything)


def senseless() -> list[list[tuple[Any, bytes]]]:
    """Return events that can't have happened: letting the last of them pass is an alteration too."""
    land = {"biome": "hills", "capacity": [1] * 4, "regrowth": [1] * 4, "stock": [1] * 4}
    tie = {"tie_slot": 0, "tie_strength": 1}
    words = {"act": "greet", "text": "Hello.", "conversation": "1:0"}
    memory = event(
        ev.MEMORY_FORMED, agent=0, memory_kind="plan", importance=1, payload={"text": "To think of.", "cites": []}
    )
    forgotten = event(ev.MEMORY_FORGOTTEN, agent=0, payload={"memory": "1:0"})
    return [
        [event(ev.WORLD_FOUNDED, payload={"width": 5, "height": 4})],
        [event(ev.CELL_FORMED, cell=-1, elevation=3, payload=land)],
        [event(ev.CELL_FORMED, cell=3, elevation=-1, payload=land)],
        [event(ev.CELL_FORMED, cell=3, elevation=MAX_ELEVATION + 1, payload=land)],
        [event(ev.CELL_FORMED, cell=3, elevation=3, payload=land | {"capacity": [1, 1, 1, MAX_AMOUNT + 1]})],
        [event(ev.CELL_FORMED, cell=3, elevation=3, payload=land | {"stock": [1, -1, 1, 1]})],
        [event(ev.AGENT_JOINED, agent=3, cell=16, household=3, **NEEDS, payload=persona())],
        [event(ev.AGENT_JOINED, agent=9, cell=3, household=3, **NEEDS, payload=persona())],
        [
            event(
                ev.AGENT_BORN,
                agent=3,
                target=1,
                cell=3,
                household=3,
                good=6,
                quantity=1,
                holding=1,
                **NEEDS,
                payload=persona(),
            )
        ],
        [event(ev.SPEECH_MADE, agent=0, target=7, **tie, **NEEDS, payload=words)],
        [event(ev.SPEECH_MADE, agent=0, target=1, tie_slot=8, tie_strength=1, **NEEDS, payload=words)],
        [memory] * (MEMORY_SLOTS + 1),
        [event(ev.STOCK_CHANGED, cell=16, good="food", stock=1)],
        [event(ev.STOCK_CHANGED, cell=-1, good="food", stock=1)],
        [event(ev.STOCK_CHANGED, cell=3, good="coin", stock=1)],
        [event(ev.STOCK_CHANGED, cell=3, good="food", stock=-1)],
        [event(ev.STOCK_CHANGED, cell=3, good="food", stock=1, regrowth=MAX_AMOUNT + 1)],
        [memory, forgotten, forgotten],
    ]


_WITHOUT_MINDS = [
    [event(ev.PLEDGE_KEPT, agent=0, target=1, payload={"pledge": "1:0"})],
    [event(ev.NEWS_HEARD, agent=0, payload={"news": "1:0", "text": "Gold!"})],
]


def is_refused(module: ModuleType, told: list[tuple[Any, bytes]], mind: str) -> bool:
    """Return whether a fold refuses the last of these events, and for the reason that the shipped one gives."""
    reasons = []
    for fold in (domain.fold.fold, module.fold):
        world = founded(mind)
        try:
            fold(world, batch_of(1, *told))
        except CorruptHistory as error:
            reasons.append((error.ordinal, error.because))
    return len(reasons) == 2 and reasons[0] == reasons[1] and reasons[0][0] == len(told) - 1


def founded(mind: str) -> World:
    configuration = Configuration(agents=3, width=4, height=4, mind=mind)
    return domain.fold.fold(new_world(configuration), _founding(configuration))


_founding = lru_cache(lambda configuration: found_world(configuration, seed=5))


def test_there_is_one_handler_a_kind_and_each_is_named_for_it():
    def snake(name: str) -> str:
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")

    handlers = [f.name for _, f in _WRITERS if f.name.startswith("fold_")]
    assert len(handlers) == len(set(handlers)), "a kind is folded in one place"
    # Interventions and forks change nothing by themselves: what they do are events of their own.
    # What happens to bodies also stays in minds.
    assert set(handlers) - {"fold_lives"} == {f"fold_{snake(k.name)}" for k in KINDS} - {
        "fold_intervention_made",
        "fold_scenario_changed",
    }


def in_plain_python() -> ModuleType:
    """Return the sources of the fold as Python runs them: an index outside of an array is an error there."""
    return as_module(_BODIES, _BODIES)


def test_the_fold_in_plain_python_equals_the_compiled_one():
    assert not is_noticed(in_plain_python())
    assert not is_noticed(as_module(_MINDS, _MINDS))


every_writer = pytest.mark.parametrize(("tree", "function"), _WRITERS, ids=[f.name for _, f in _WRITERS])
_NOTHING = {
    "_fold_newcomer": "0",
    "_minds": "world.minds",
    "_row": "0",
    "_address": "0",
    "packed_terms": "(-1, -1, -1)",
}


@every_writer
def test_a_handler_that_does_nothing_is_noticed(tree, function):
    altered = a_copy(tree)
    for there in altered.body:
        if isinstance(there, ast.FunctionDef) and there.name == function.name:
            there.body = ast.parse(_NOTHING.get(function.name, "None")).body
            there.body = [ast.Return(there.body[0].value)]
    assert is_noticed(as_module(tree, ast.fix_missing_locations(altered)))


@every_writer
def test_no_statement_of_a_handler_can_be_left_out_unnoticed(tree, function):
    unnoticed = []
    for statement in statements(function):
        for part in (targets(statement) if isinstance(statement, ast.Assign) else []) or [None]:
            what = name_of(function, statement) + ("" if part is None else f" [{part}]")
            if what not in _HARMLESS:
                module = as_module(tree, _Without(statement.lineno, part).visit(a_copy(tree)))
                try:
                    if not is_noticed(module):
                        unnoticed.append(what)
                except (AssertionError, NameError, TypeError, UnboundLocalError):
                    pass  # without this line nothing works: that is noticed by everybody
    assert not unnoticed
