"""Forks of runs whose agents think: thoughts in flight, answers found again, other minds, other constants."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest

import replay
from chronopolis.forking import make_fork
from domain.configuration import Configuration
from domain.errors import InvalidConfiguration, MissingAnswer
from domain.events import THOUGHT_REQUESTED, THOUGHT_TAKEN
from domain.inputs import INTERVENTION, NOBODY, Input, InputKey
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore
from replay.fork import record_intervention
from tests.support.stores import chain_of
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import think
from workers.run_figures import Summary
from workers.runner import Runner
from workers.staff import InProcess, identity_of
from workers.thinking import Request, Thinking

pytestmark = pytest.mark.integration

THINKERS = Configuration(agents=24, width=10, height=10, mind="scripted", think_budget=500, think_delay=8)
TICKS = 70
SCRIPTED = identity_of("scripted", None)
OTHERS = SCRIPTED | {"key": "scripted:others"}


def made(store: PostgresStore, name: str = "parent") -> Run:
    return store.create(name, seed=7, configuration=THINKERS, target=TICKS, engines=SCRIPTED)


@contextmanager
def asking(store: PostgresStore, run: Run, answer: Any, **how: Any) -> Iterator[Thinking]:
    sender = None if answer is None else InProcess(answer, say=lambda sentence: None)
    yield Thinking(store, run, sender, engine=dict(run.engines), **how)
    if sender is not None:
        sender.close()


def scripted(store: PostgresStore, asked: list[Request] | None = None) -> Any:
    engine = ScriptedEngine()

    def answer(request: Request) -> object:
        if asked is not None:
            asked.append(request)
        return think(store, engine, None, request)

    return answer


def go(store: PostgresStore, run: Run, target: int, answer: Any = None, **how: Any) -> Summary:
    with asking(store, run, answer or scripted(store), **how) as thinking:
        return Runner(store, run, thinking=thinking).run(target)


def lived_on(store: PostgresStore, run: Run, **how: Any) -> list[bytes]:
    go(store, run, TICKS, **how)
    assert replay.verify(store, run, deep=True).ok and replay.reexecute(store, run).identical
    return chain_of(store, run)


def in_flight(store: PostgresStore) -> Run:
    """Return a run that has stopped with several thoughts in flight, none of them answered."""
    run = made(store)
    go(store, run, 8, lambda request: None)
    asked = sum(int((b.records["kind"] == THOUGHT_REQUESTED.number).sum()) for b in store.read(run, 0, 8))
    assert asked >= 3 and not store.inputs_after(run, -1)
    return run


def test_thoughts_in_flight_are_answered_once_for_a_fork_and_its_parent(postgres_store: PostgresStore) -> None:
    parent, asked = in_flight(postgres_store), []  # type: ignore[var-annotated]
    fork = replay.fork(postgres_store, parent, at=8, name="fork")
    grandchild = replay.fork(postgres_store, fork, at=8, name="grandchild")
    go(postgres_store, fork, TICKS, scripted(postgres_store, asked))
    owed = {r["asked_tick"]: r["run"] for r in asked}
    assert {run for tick, run in owed.items() if tick <= 8} == {parent.id}, "its parent asked, and takes the answer"
    assert {run for tick, run in owed.items() if tick > 8} == {fork.id}
    expected = chain_of(postgres_store, fork)
    assert lived_on(postgres_store, parent, answers="reuse") == expected
    assert lived_on(postgres_store, grandchild, answers="reuse") == expected
    assert replay.verify(postgres_store, fork).ok and replay.reexecute(postgres_store, fork).identical


def test_a_fork_finds_the_answers_of_its_parent_to_what_it_asks_again(postgres_store: PostgresStore) -> None:
    parent, asked = made(postgres_store), []  # type: ignore[var-annotated]
    go(postgres_store, parent, TICKS)
    for at in (0, 1, 33, TICKS - 1, TICKS):
        fork = replay.fork(postgres_store, parent, at=at, name=f"fork-{at}")
        summary = go(postgres_store, fork, TICKS, asked.append, answers="only")
        assert asked == [] and summary.thinking["asked"] == 0
        assert chain_of(postgres_store, fork) == chain_of(postgres_store, parent), at


def test_a_fork_that_changes_constants_thinks_for_itself_from_there(postgres_store: PostgresStore) -> None:
    parent = made(postgres_store)
    go(postgres_store, parent, TICKS)
    how: dict[str, Any] = {"settings": {"think_delay": 4, "hearing": 3}, "seed": 5}
    fork = replay.fork(postgres_store, parent, at=33, name="fork", **how)
    with pytest.raises(MissingAnswer):
        go(postgres_store, fork, TICKS, answers="only")
    twin = replay.fork(postgres_store, parent, at=33, name="twin", **how)
    chain = lived_on(postgres_store, fork, answers="record")
    assert chain[:34] == chain_of(postgres_store, parent)[:34] and chain[34] != chain_of(postgres_store, parent)[34]
    assert lived_on(postgres_store, twin, answers="only") == chain, "what one was told, the other finds"
    taken = [r for b in postgres_store.read(fork, 34, TICKS) for r in b.records if r["kind"] == THOUGHT_TAKEN.number]
    assert len(taken) >= 10


def test_who_is_made_to_rest_or_taken_away_says_nothing_in_that_tick(postgres_store: PostgresStore) -> None:
    parent = made(postgres_store)
    go(postgres_store, parent, TICKS)
    speaker = next(
        (int(e["tick"]), int(e["agent"]))
        for batch in postgres_store.read(parent, 20, TICKS)
        for e in batch.records
        if int(e["kind"]) == 25
    )
    tick, agent = speaker
    for what in ("rest", "remove"):
        given = [{"agent": agent, what: True}]
        fork = replay.fork(postgres_store, parent, at=tick - 1, name=f"fork-{what}", interventions=given)
        lived_on(postgres_store, fork)
        told = [e for b in postgres_store.read(fork, tick, tick) for e in b]
        own = [e for e in told if e.get("agent") == agent]
        assert "SpeechMade" not in {e["kind"] for e in own}
        assert {e["kind"] for e in own} & {"AgentRested", "AgentDied"}
        (thought,) = [e for e in own if e["kind"] == "ThoughtTaken"]
        assert thought["unsaid"] == "held from outside"


def test_another_mind_is_refused_while_thoughts_are_in_flight_and_answers_all_that_is_asked_later(
    postgres_store: PostgresStore,
) -> None:
    parent = in_flight(postgres_store)
    with pytest.raises(InvalidConfiguration, match="in flight"):
        replay.fork(postgres_store, parent, at=8, name="early", settings={"mind": "openai"}, engines=OTHERS)
    with pytest.raises(InvalidConfiguration, match="from the beginning"):
        make_fork(postgres_store, "parent", at=8, settings={"mind": "reflex"})
    go(postgres_store, parent, 30)
    fork = replay.fork(postgres_store, parent, at=8, name="fork", settings={"mind": "openai"}, engines=OTHERS)
    go(postgres_store, fork, 30)
    engines = {r["asked_tick"]: r["engine"] for r in postgres_store.deliberations(fork)}
    assert {name for tick, name in engines.items() if tick <= 8} == {SCRIPTED["key"]}
    assert {name for tick, name in engines.items() if tick > 8} == {"scripted:others"}
    assert replay.verify(postgres_store, fork).ok and replay.reexecute(postgres_store, fork).identical


def test_a_run_that_is_forked_and_changed_in_one_moment_leaves_no_two_inputs_of_one_key(
    postgres_store: PostgresStore,
) -> None:
    store, parent, both = postgres_store, made(postgres_store), Barrier(2)
    go(store, parent, 5)

    def fork(name: str) -> None:
        both.wait()
        replay.fork(store, parent, at=5, name=name, interventions=[{"add": {"agents": 1}, "at": 9}])

    def change() -> None:
        both.wait()
        given = Input(InputKey(5, NOBODY, INTERVENTION), 9, {"by": "a test", "why": "to see", "add": {"agents": 1}})
        record_intervention(store, parent, given)

    names = ["one", "two", "three"]
    for name in names:
        with ThreadPoolExecutor(2) as pool:
            for told in (pool.submit(fork, name), pool.submit(change)):
                told.result()
    for name in names:
        keys = [given.key for _, given in store.interventions(store.find(name))]
        assert len(keys) == len(set(keys)) >= 2, name
    go(store, store.find("one"), 12)
