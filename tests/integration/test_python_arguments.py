"""Arguments of the Python API that mean nothing: each is refused in words, and nothing is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chronopolis
from chronopolis.api import History
from domain.errors import PolisError
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore
from tests.support.histories import scenario
from tests.support.stores import keep

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

MADE = scenario("harsh")

NO_NUMBER = (True, 1.5, float("nan"), "x", "", b"x", [], {"a": 1}, (1, 2), object(), np.array([1, 2]))
NO_WHOLE = (*NO_NUMBER, float("inf"), np.float64(3))
NO_SECONDS = (True, float("nan"), float("inf"), 3_601, "x", "", b"x", [], {"a": 1}, object(), np.array([1, 2]))
NO_TEXT = (5, True, float("nan"), b"x", [], {"a": 1}, object(), np.array([1, 2]))
NO_TRUTH = (None, 1, "no", float("nan"), [], np.array([1, 2]))
NO_DICT = (5, True, "x", "", b"x", [], ["x"], (1,), object(), np.array([1, 2]), {1})
UNTELLABLE = ("x\0y", "\ud800", "y" * 3_000)


@pytest.fixture(scope="module")
def store(module_store: PostgresStore) -> PostgresStore:
    return module_store


@pytest.fixture(scope="module")
def run(store: PostgresStore) -> Run:
    return keep(store, MADE, "harsh")


@pytest.fixture(scope="module")
def history(store: PostgresStore, run: Run) -> Iterator[History]:
    with History(run.id, settings=store.database.settings) as found:
        yield found


Ask = Callable[[History, Any], Any]

LOOKING: dict[str, tuple[Ask, tuple[Any, ...]]] = {
    "at": (lambda run, wrong: run.at(wrong), (*NO_WHOLE, -1, 10**30)),
    "cursor cache_mib": (lambda run, wrong: run.cursor(cache_mib=wrong), (*NO_WHOLE, None, 0, -1)),
    "cursor at": (lambda run, wrong: run.cursor().at(wrong), (*NO_WHOLE, None, -1, 10**30)),
    "cursor step": (lambda run, wrong: run.cursor().step(wrong), (*NO_WHOLE, None, -1, 10**30)),
    "cursor events": (lambda run, wrong: run.cursor().events(wrong), (*NO_WHOLE, None, -1, 10**30)),
    "agent": (lambda run, wrong: run.at(3).agent(wrong), (*NO_WHOLE, None, -1, 10**30, *UNTELLABLE)),
    "events kind": (lambda run, wrong: run.events(wrong), (*NO_TEXT, "", *UNTELLABLE)),
    "events agent": (lambda run, wrong: run.events(agent=wrong), (*NO_WHOLE, -1, 10**30, *UNTELLABLE)),
    "measures": (lambda run, wrong: run.measures(wrong), (*NO_TEXT, None, "", *UNTELLABLE)),
    "diff other": (lambda run, wrong: run.diff(wrong, tick=3), (*NO_NUMBER, *UNTELLABLE, -1, 10**30)),
    "diff limit": (lambda run, wrong: run.diff(tick_a=3, tick_b=9).as_dict(limit=wrong), (*NO_WHOLE, -1)),
    "diff agents": (lambda run, wrong: run.diff(tick_a=3, tick_b=9).entries(agents=wrong), (*NO_WHOLE, -1)),
    "diff agent": (lambda run, wrong: run.diff(tick_a=3, tick_b=9).entries(agent=wrong), (*NO_WHOLE, -1, 10**30)),
    "sql": (lambda run, wrong: run.sql(wrong), (*NO_TEXT, None, "", *UNTELLABLE, "SELECT '\ud800'", "SELECT '\0'")),
    "sql timeout_s": (lambda run, wrong: run.sql("SELECT 1", timeout_s=wrong), (*NO_SECONDS, None, 0, -1)),
    "sql limit": (lambda run, wrong: run.sql("SELECT 1", limit=wrong), (*NO_WHOLE, 0, -1)),
    "why": (lambda run, wrong: run.why(wrong), (*NO_TEXT[:-1], None, (1, 2.0), (1, 2, 3), {1, 2}, *UNTELLABLE)),
    "why depth": (lambda run, wrong: run.why("3:0", depth=wrong), (*NO_WHOLE, None, 0, 10**30)),
    "why breadth": (lambda run, wrong: run.why("3:0", breadth=wrong), (*NO_WHOLE, None, 0, 10**30)),
    "why horizon": (lambda run, wrong: run.why("3:0", horizon=wrong), (*NO_WHOLE, None, 0, 10**30)),
    "why effects": (lambda run, wrong: run.why("3:0", effects=wrong), NO_TRUTH),
    "bisect": (lambda run, wrong: run.bisect(wrong), (*NO_TEXT, None, "", *UNTELLABLE)),
    "bisect method": (lambda run, wrong: run.bisect("deaths > 0", method=wrong), (*NO_TEXT, "", *UNTELLABLE)),
    "bisect limit": (lambda run, wrong: run.bisect("deaths > 0", limit=wrong), (*NO_WHOLE, None, -1)),
    "last_where": (lambda run, wrong: run.last_where(wrong), (*NO_TEXT, None, "", *UNTELLABLE)),
    "verify deep": (lambda run, wrong: run.verify(deep=wrong), NO_TRUTH),
    "export": (lambda run, wrong: run.export(wrong, last=2), (*NO_TEXT, None, "", "x\0y", "\ud800")),
    "export overwrite": (lambda run, wrong: run.export("never-written", last=2, overwrite=wrong), NO_TRUTH),
}  # fmt: skip


def with_one(intervention: Any) -> dict[str, Any]:
    return {"interventions": [intervention]}


GIVEN: dict[str, tuple[Callable[[Any], dict[str, Any]], tuple[Any, ...]]] = {
    "name": (lambda it: {"name": it}, (*NO_TEXT, "", *UNTELLABLE)),
    "settings": (lambda it: {"settings": it}, NO_DICT),
    "hunger": (lambda it: {"settings": {"hunger": it}}, (*NO_WHOLE, None, -1, 10**30, "y" * 3_000)),
    "no setting": (lambda it: {"settings": {it: 1}}, (5, None, "", "y" * 3_000)),
    "seed": (lambda it: {"seed": it}, (*NO_WHOLE, 10**30)),
    "ticks": (lambda it: {"ticks": it}, (*NO_WHOLE, -1, 10**30)),
    "interventions": (lambda it: {"interventions": it}, (5, True, "x", "", ["x"], (1,), None, {"rest": True}, {1})),
    "an intervention": (with_one, (*NO_DICT, None, {}, {5: 5}, [{"rest": True}])),
    "its agent": (lambda it: with_one({"rest": True, "agent": it}), (*NO_WHOLE, -7, 10**30)),
    "its goods": (lambda it: with_one({"agent": 1, "endow": it}), (*NO_DICT, None)),
    "its amount": (lambda it: with_one({"agent": 1, "endow": {"food": it}}), (*NO_WHOLE, None, 0, 10**30)),
    "its cells": (lambda it: with_one({"stock": {"good": "food", "cells": it, "amount": 4}}), ("x", [], 5)),
    "its tick": (lambda it: with_one({"add": {"agents": 1}, "at": it}), (*NO_WHOLE, None, 0, 10**30)),
    "its author": (lambda it: with_one({"add": {"agents": 1}, "by": it}), (*NO_TEXT, 0, None, "", "\ud800")),
    "its reason": (lambda it: with_one({"add": {"agents": 1}, "why": it}), (*NO_TEXT, 0, None, "\ud800")),
    "by": (lambda it: {"by": it, "interventions": [{"add": {"agents": 1}}]}, (*NO_TEXT, 0, "", *UNTELLABLE)),
    "why": (lambda it: {"why": it, "settings": {"hunger": 44}}, (*NO_TEXT, 0, None, *UNTELLABLE)),
}  # fmt: skip

DONE: dict[str, tuple[Callable[[Any], dict[str, Any]], tuple[Any, ...]]] = {
    "agent": (lambda wrong: {"rest": True, "agent": wrong}, (*NO_WHOLE, -7, 10**30, *UNTELLABLE)),
    "at": (lambda wrong: {"rest": True, "agent": 1, "at": wrong}, (*NO_WHOLE, 0, 10**30)),
    "by": (lambda wrong: {"rest": True, "agent": 1, "by": wrong}, (*NO_TEXT, 0, "", *UNTELLABLE)),
    "why": (lambda wrong: {"rest": True, "agent": 1, "why": wrong}, (*NO_TEXT, 0, None, *UNTELLABLE)),
    "news": (lambda wrong: {"news": wrong, "agent": 1}, (*NO_TEXT, None, "", *UNTELLABLE)),
    "rest": (lambda wrong: {"rest": wrong, "agent": 1}, (1, None, "x", np.array([1, 2]))),
    "add": (lambda wrong: {"add": wrong}, (*NO_DICT, None)),
    "stock": (lambda wrong: {"stock": wrong}, (*NO_DICT, None)),
}  # fmt: skip

RESUMED: dict[str, tuple[Any, ...]] = {
    "ticks": (*NO_WHOLE, 0, -1, 10**30),
    "durability": (*NO_TEXT, None, "", "x"),
    "answers": (*NO_TEXT, None, "", "x"),
}


def refused(ask: Callable[[], Any]) -> None:
    with pytest.raises(PolisError) as error:
        ask()
    said = str(error.value)
    assert said and len(said.splitlines()[0]) < 300, said


@pytest.mark.parametrize("what", LOOKING)
def test_a_look_with_nonsense_is_refused(
    history: History, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ask, nonsense = LOOKING[what]
    for wrong in nonsense:
        refused(lambda wrong=wrong: ask(history, wrong))  # type: ignore[misc]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", GIVEN)
def test_a_fork_with_nonsense_is_refused_and_nothing_made(history: History, store: PostgresStore, what: str) -> None:
    there = store.names()
    given, nonsense = GIVEN[what]
    for wrong in nonsense:
        refused(lambda wrong=wrong: history.fork(at=9, **given(wrong)))  # type: ignore[misc]
    assert store.names() == there


@pytest.mark.parametrize("what", DONE)
def test_an_intervention_with_nonsense_is_refused_and_not_recorded(
    history: History, store: PostgresStore, what: str
) -> None:
    given, nonsense = DONE[what]
    with history.fork(at=9) as child:
        for wrong in nonsense:
            refused(lambda wrong=wrong: child.intervene(**given(wrong)))  # type: ignore[misc]
        assert not list(store.interventions(store.find(child.name)))


@pytest.mark.parametrize("what", RESUMED)
def test_a_run_does_not_go_on_with_nonsense(history: History, what: str) -> None:
    with history.fork(at=9) as child:
        for wrong in RESUMED[what]:
            if what != "ticks" or wrong is not None:
                refused(lambda wrong=wrong: child.resume(**{"ticks": 1, what: wrong}))  # type: ignore[misc]
        assert child.head_tick == 9


def test_a_run_is_opened_by_name_or_number_alone(store: PostgresStore, history: History) -> None:
    for wrong in (*NO_NUMBER, None, -1, 10**30, *UNTELLABLE):
        refused(lambda wrong=wrong: History(wrong, settings=store.database.settings))  # type: ignore[misc]
        if wrong is not None:
            refused(lambda wrong=wrong: chronopolis.diff(history, wrong))  # type: ignore[misc]
    number = np.int64(history.id)
    with History(number, settings=store.database.settings) as found:  # type: ignore[arg-type]
        assert found.name == "harsh"


def test_what_is_compared_is_a_run() -> None:
    for wrong in (None, 1.5, True, [], b"x", object(), np.array([1, 2])):
        with pytest.raises(PolisError, match=r"is no run\nGive its name, its number, or the beginning"):
            chronopolis.diff(wrong)  # type: ignore[arg-type]


def test_what_numpy_counts_is_a_number_and_its_arrays_are_lists(history: History, store: PostgresStore) -> None:
    with history.cursor(cache_mib=np.int64(8)) as cursor:  # type: ignore[arg-type]
        assert cursor.at(np.int64(3)).tick == 3  # type: ignore[arg-type]
        assert cursor.step(np.int32(2)).tick == 5  # type: ignore[arg-type]
    changes = {
        "settings": {"hunger": np.int64(30)},
        "interventions": ({"agent": np.int64(1), "endow": {"food": np.int32(5)}, "at": np.int64(12)},),
    }
    with history.fork(at=9, **changes) as child:
        assert child.configuration.hunger == 30
        child.intervene(stock={"good": "food", "cells": np.array([3, 4]), "percent": np.int64(50)}, by="ana")
        given = {each.effect_tick: each.answer for _, each in store.interventions(store.find(child.name))}
    assert given[12]["endow"] == {"food": 5}
    assert (given[11]["stock"]["cells"], given[11]["by"]) == ([3, 4], "ana")


def test_a_refusal_names_the_argument_and_says_what_to_give(history: History) -> None:
    for ask, said in (
        (lambda: history.bisect(5), "expression=5: give a text"),
        (lambda: history.fork(name=5), "name=5: give a text"),
        (lambda: history.why("3:0", depth="x"), "depth='x': give a whole number"),
        (lambda: history.why("3:0", depth=51), "depth=51: give 1 to 50"),
        (lambda: history.sql(None), "query=None: give a text"),
        (lambda: history.cursor().at(1.5), "tick=1.5: give a whole number"),
        (lambda: history.cursor(cache_mib=-1), "cache_mib=-1: give 1 or more"),
        (lambda: history.export(""), "folder='': give the name of a folder"),
        (lambda: history.export("x", overwrite="no"), "overwrite='no': give True or False"),
        (lambda: history.resume(answers="x"), "answers='x': there are 'record', 'reuse' and 'only'"),
        (lambda: history.fork(by=""), "by '' names nobody\nLeave it out for whoever is logged in."),
        (
            lambda: history.fork(interventions={"agent": 1}),
            "interventions={'agent': 1}: give a list of dicts\nSuch as [{'agent': 17, 'endow': {'food': 5000}}].",
        ),
        (
            lambda: history.fork(interventions=[5]),
            "interventions[0]=5: give a dict\nSuch as {'agent': 17, 'endow': {'food': 5000}}.",
        ),
    ):
        with pytest.raises(PolisError) as error:
            ask()  # type: ignore[no-untyped-call]
        assert str(error.value) == said
