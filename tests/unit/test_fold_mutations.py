"""Altering any single fold handler is noticed: here each of them is altered, statement by statement."""

from __future__ import annotations

import ast
import copy
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import domain.fold
from domain import events as ev
from domain.advance import new_world
from domain.errors import CorruptHistory
from domain.events import KINDS, EventBatch
from domain.state import World
from tests.support.histories import NEEDS, History, batch_of, event, every_kind, persona

pytestmark = pytest.mark.unit

_SOURCE = Path(domain.fold.__file__).read_text()
_TREE = ast.parse(_SOURCE)
# What writes state: a handler for each kind, and what several of them share.
_WRITERS = [
    f
    for f in _TREE.body
    if isinstance(f, ast.FunctionDef) and f.name.startswith(("fold_", "_fold_")) and f.name != "fold_records"
]
# Alterations that no history can notice, and why.
_HARMLESS = {
    "_fold_newcomer: a[:, row] = 0": "a fresh row is zero already; the line is a precaution",
}


def statements(function: ast.FunctionDef) -> list[ast.stmt]:
    """Return the statements of a function, those within branches too, that are not mere structure."""
    found = [s for s in ast.walk(function) if isinstance(s, ast.stmt) and s is not function]
    text = function.body[0] if ast.get_docstring(function) else None
    return [s for s in found if s is not text and not isinstance(s, ast.Return | ast.Pass)]


def name_of(function: ast.FunctionDef, statement: ast.stmt) -> str:
    return f"{function.name}: {ast.unparse(statement).splitlines()[0]}"


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


def as_module(tree: ast.Module) -> ModuleType:
    """Run the source of the fold without compiling its kernels."""
    tree = copy.deepcopy(tree)
    for i, node in enumerate(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module == "domain._jit":
            tree.body[i] = ast.parse("inline = kernel = lambda function: function").body[0]
    module = ModuleType("altered_fold")
    exec(compile(ast.fix_missing_locations(tree), "altered_fold", "exec"), module.__dict__)
    return module


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
    return world.state_hash, world.tick, rows, world.to_bytes()


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
    return any(not is_refused(module, history, told) for told in senseless())


def senseless() -> list[tuple[Any, bytes]]:
    """Return events that can't have happened: letting one pass is an alteration too."""
    land = {"biome": "hills", "capacity": [1] * 4, "regrowth": [1] * 4, "stock": [1] * 4}
    return [
        event(ev.WORLD_FOUNDED, payload={"width": 5, "height": 4}),
        event(ev.CELL_FORMED, cell=-1, elevation=3, payload=land),
        event(ev.AGENT_JOINED, agent=3, cell=16, household=3, **NEEDS, payload=persona()),
        event(ev.AGENT_JOINED, agent=9, cell=3, household=3, **NEEDS, payload=persona()),
    ]


def is_refused(module: ModuleType, history: History, told: tuple[Any, bytes]) -> bool:
    world = domain.fold.fold(new_world(history.configuration), history.batches[0])
    try:
        module.fold(world, batch_of(1, told))
    except CorruptHistory:
        return True
    return False


def test_there_is_one_handler_a_kind_and_each_is_named_for_it():
    def snake(name: str) -> str:
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")

    handlers = {f.name for f in _WRITERS if f.name.startswith("fold_")}
    # An intervention changes nothing by itself: what it does are events of their own.
    assert handlers == {f"fold_{snake(k.name)}" for k in KINDS} - {"fold_intervention_made"}


def test_the_fold_in_plain_python_equals_the_compiled_one():
    assert not is_noticed(as_module(_TREE))


@pytest.mark.parametrize("name", [f.name for f in _WRITERS])
def test_a_handler_that_does_nothing_is_noticed(name):
    tree = copy.deepcopy(_TREE)
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name == name:
            function.body = [ast.Return(ast.Constant(0)) if name == "_fold_newcomer" else ast.Pass()]
    assert is_noticed(as_module(tree))


@pytest.mark.parametrize("name", [f.name for f in _WRITERS])
def test_no_statement_of_a_handler_can_be_left_out_unnoticed(name):
    (function,) = (f for f in _WRITERS if f.name == name)
    unnoticed = []
    for statement in statements(function):
        for part in (targets(statement) if isinstance(statement, ast.Assign) else []) or [None]:
            what = name_of(function, statement) + ("" if part is None else f" [{part}]")
            if what not in _HARMLESS:
                altered = _Without(statement.lineno, part).visit(copy.deepcopy(_TREE))
                try:
                    if not is_noticed(as_module(altered)):
                        unnoticed.append(what)
                except (NameError, UnboundLocalError):
                    pass  # without this line nothing works: that is noticed by everybody
    assert not unnoticed
