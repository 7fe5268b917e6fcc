"""Runs whose agents think, on a real store: answered, remade, killed, forked, never the same thought twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

import replay
from domain.configuration import Configuration
from domain.errors import InvalidConfiguration, MissingAnswer, TickHasBegun
from domain.events import (
    INTERVENTION_MADE,
    PLEDGE_KEPT,
    REFLECTION_MADE,
    SPEECH_MADE,
    THOUGHT_REFUSED,
    THOUGHT_REQUESTED,
    THOUGHT_TAKEN,
)
from domain.inputs import INTERVENTION, Input, InputKey, Inputs
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore
from replay import inputs_in_parts
from tests.support.postgres import TestServer
from tests.support.stores import chain_of, migrated_with, with_runs
from workers import thinking as thinking_of_runs
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import think
from workers.run_figures import Summary
from workers.runner import Runner
from workers.staff import InProcess, identity_of
from workers.thinking import Request, Thinking, key_of

pytestmark = pytest.mark.integration

THINKERS = Configuration(
    agents=30, width=10, height=10, mind="scripted", think_budget=400, think_delay=8, reflect_at=1_500
)
TICKS = 150
SCRIPTED = identity_of("scripted", None)
Answer = Callable[[Request], object]


def made(store: PostgresStore, name: str, *, configuration: Configuration = THINKERS, **how: Any) -> Run:
    return store.create(name, seed=7, configuration=configuration, target=TICKS, engines=SCRIPTED, **how)


def scripted(store: PostgresStore) -> Answer:
    engine = ScriptedEngine()
    return lambda request: think(store, engine, None, request)


@contextmanager
def asking(store: PostgresStore, run: Run, answer: Answer | None, **how: Any) -> Iterator[Thinking]:
    """Lend what a runner asks; `answer` None means that nobody is there to be asked."""
    said: list[str] = []
    sender = None if answer is None else InProcess(answer, say=said.append)
    yield Thinking(store, run, sender, engine=SCRIPTED, **how)
    if sender is not None:
        sender.close()


def go(store: PostgresStore, run: Run, target: int, answer: Answer | None = None, **how: Any) -> Summary:
    durability = how.pop("durability", "tick")
    with asking(store, run, answer or scripted(store), **how) as thinking:
        return Runner(store, run, durability=durability, thinking=thinking).run(target)


def kinds_of(store: PostgresStore, run: Run) -> dict[int, int]:
    counted: dict[int, int] = {}
    for batch in store.read(run, 0, TICKS):
        for kind in batch.records["kind"].tolist():
            counted[kind] = counted.get(kind, 0) + 1
    return counted


@pytest.fixture(scope="module")
def with_lived(postgres_server: TestServer, migrated_template: str) -> Iterator[str]:
    def live(store: PostgresStore) -> None:
        summary = go(store, made(store, "lived"), TICKS)
        assert (summary.status, summary.head_tick) == ("complete", TICKS)

    with with_runs(postgres_server, migrated_template, live) as name:
        yield name


migrated = migrated_with("with_lived", where="lived")  # others would find its answers again


@pytest.fixture
def lived(postgres_store: PostgresStore) -> Run:
    """A run with minds to its end."""
    return postgres_store.find("lived")


def test_a_run_with_minds_verifies_and_reexecutes_with_nobody_to_ask(postgres_store: PostgresStore, lived: Run) -> None:
    counted = kinds_of(postgres_store, lived)
    assert counted[THOUGHT_REQUESTED.number] >= 50 and counted[THOUGHT_TAKEN.number] >= 40
    assert counted[SPEECH_MADE.number] >= 20 and counted[PLEDGE_KEPT.number] >= 1
    found = replay.verify(postgres_store, lived, deep=True)
    assert found.ok, found
    again = replay.reexecute(postgres_store, lived)
    assert again.identical, again


def test_whoever_goes_through_a_long_run_reads_its_inputs_in_parts(
    postgres_store: PostgresStore, lived: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs_in_parts, "_TICKS_AT_ONCE", 16)
    after, most = postgres_store.inputs_after, []

    def read(run: Run, tick: int, **how: Any) -> dict[int, Inputs]:
        found = after(run, tick, **how)
        most.append(max(found, default=0) - min(found, default=0))
        return found

    monkeypatch.setattr(postgres_store, "inputs_after", read)
    assert replay.verify(postgres_store, lived).ok and replay.reexecute(postgres_store, lived).identical
    assert 0 < max(most) < 16 and len(most) > 2 * TICKS / 16


@pytest.mark.parametrize("durability", ["tick", "group"])
def test_the_same_answers_give_the_same_chain_in_either_durability(
    postgres_store: PostgresStore, lived: Run, durability: str
) -> None:
    other = made(postgres_store, f"other-{durability}")
    summary = go(postgres_store, other, TICKS, durability=durability, answers="record")
    assert chain_of(postgres_store, other) == chain_of(postgres_store, lived)
    assert summary.thinking["asked"] > 0 and summary.thinking["reused"] == 0


def test_an_equal_past_finds_its_answers_again_without_asking(postgres_store: PostgresStore, lived: Run) -> None:
    asked: list[Request] = []
    again = made(postgres_store, "again")
    summary = go(postgres_store, again, TICKS, asked.append)
    assert asked == [] and summary.thinking["asked"] == 0
    assert summary.thinking["reused"] >= summary.thinking["thoughts"] > 0
    _took_nothing_here(postgres_store, again, lived, summary)
    assert chain_of(postgres_store, again) == chain_of(postgres_store, lived)


def test_a_rerun_takes_the_inputs_of_the_run_and_asks_nobody(postgres_store: PostgresStore, lived: Run) -> None:
    again = made(postgres_store, "rerun")
    assert postgres_store.copy_inputs(lived, again, last=TICKS) > 0
    with asking(postgres_store, again, None, answers="only") as thinking:
        summary = Runner(postgres_store, again, thinking=thinking).run(TICKS)
    assert (summary.head_hash, summary.thinking["asked"]) == (chain_of(postgres_store, lived)[-1].hex(), 0)
    _took_nothing_here(postgres_store, again, lived, summary)


def _took_nothing_here(store: PostgresStore, run: Run, lived: Run, summary: Summary) -> None:
    used = [given.about["reused_from"] for tick in range(TICKS + 1) for given in store.inputs(run, tick).rows]
    assert set(used) == {lived.id}
    assert summary.thinking["tokens"] == {"in": 0, "out": 0}
    assert summary.thinking["latency_ms"] == {"mean": 0.0, "p95": 0.0}


@pytest.mark.parametrize("answers", ["only", "record"])
def test_inputs_are_read_some_way_ahead_and_not_kept_once_they_are_used(
    postgres_store: PostgresStore, lived: Run, monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    """A run that repeats another has all inputs at once, a long one has a hundred thousand: that is no reason to."""
    monkeypatch.setattr(thinking_of_runs, "_READ_AHEAD", 20)
    monkeypatch.setattr(thinking_of_runs, "_READ_AGAIN", 4)
    again = made(postgres_store, "rerun")
    inputs = postgres_store.copy_inputs(lived, again, last=TICKS) if answers == "only" else 0
    key = InputKey(0, 3, INTERVENTION)
    gift = Input(key, TICKS, {"by": "a test", "why": "to see", "endow": {"coin": 1}})  # beyond what is read at first
    assert postgres_store.record_input(again, gift)
    after, ahead = postgres_store.inputs_after, []

    def read(run: Run, tick: int, **how: Any) -> dict[int, Inputs]:
        ahead.append(how["last"] - tick)
        return after(run, tick, **how)

    monkeypatch.setattr(postgres_store, "inputs_after", read)
    answer = None if answers == "only" else scripted(postgres_store)
    with asking(postgres_store, again, answer, answers=answers) as thinking:
        summary = Runner(postgres_store, again, durability="group", thinking=thinking).run(TICKS)
        kept = [len(each) for each in (thinking._asked, thinking._sent_at, thinking._lacking, thinking._owed)]
        ticks_kept = [tick for tick in thinking._inputs if tick <= TICKS]
    assert summary.head_tick == TICKS and max(ahead) <= 20
    assert ticks_kept == [] and max(kept) <= THINKERS.agents
    assert inputs == 0 or summary.thinking["thoughts"] > 40
    assert kinds_of(postgres_store, again)[INTERVENTION_MADE.number] == 1
    monkeypatch.undo()
    assert replay.verify(postgres_store, again).ok and replay.reexecute(postgres_store, again).identical


def test_only_recorded_answers_stop_a_run_where_one_is_missing(postgres_store: PostgresStore) -> None:
    run = made(postgres_store, "alone")
    with pytest.raises(MissingAnswer), asking(postgres_store, run, None, answers="only") as thinking:
        Runner(postgres_store, run, thinking=thinking).run(TICKS)
    assert postgres_store.lease(run).status == "failed"
    assert replay.verify(postgres_store, run).ok, "what happened before it is whole"


def test_a_runner_is_refused_that_has_nobody_to_ask(postgres_store: PostgresStore) -> None:
    with pytest.raises(InvalidConfiguration, match="nobody to ask"):
        Runner(postgres_store, made(postgres_store, "mute"))


def test_a_resumed_run_takes_up_what_was_owed(postgres_store: PostgresStore, lived: Run) -> None:
    run = made(postgres_store, "resumed")
    for target in (41, 42, 60, TICKS):
        go(postgres_store, run, target, answers="record")
    assert chain_of(postgres_store, run) == chain_of(postgres_store, lived)


def test_minds_that_never_answer_are_refusals_and_the_run_is_degraded(postgres_store: PostgresStore) -> None:
    run = made(postgres_store, "deaf")
    summary = go(postgres_store, run, 20, lambda request: None, patience_s=0.05)
    assert summary.status == "degraded" and summary.head_tick == 20
    assert summary.thinking["refused"] > 0 and summary.thinking["thoughts"] == 0
    assert "none of" in (summary.problem or "")
    assert replay.reexecute(postgres_store, run).identical


def test_a_resumed_run_does_not_forget_its_refusals(postgres_store: PostgresStore) -> None:
    run = made(postgres_store, "forgetful")
    deaf = go(postgres_store, run, 60, lambda request: None, patience_s=0.05)
    assert deaf.thinking["refused"] >= 10
    again = go(postgres_store, run, 64)
    assert again.thinking["refused"] <= 4 and again.status == "degraded"
    assert (again.problem or "").startswith(f"{again.thinking['in_all']['refused']} of ")
    assert again.thinking["in_all"]["refused"] >= deaf.thinking["refused"]


def test_a_run_in_pieces_counts_its_thoughts_as_its_events_do_and_not_what_was_answered_to_the_dead(
    postgres_store: PostgresStore,
) -> None:
    short = replace(THINKERS, lifespan=100)  # so that all die, some of them while they are thinking
    run, answer = made(postgres_store, "pieces", configuration=short), scripted(postgres_store)

    def sometimes(request: Request) -> object:
        return answer(request) if request["agent"] % 3 else None

    for target in (100, TICKS - 1, TICKS):
        # Long enough for an answer on a busy machine: of those that come too late none is told to the dead.
        summary = go(postgres_store, run, target, sometimes, patience_s=0.2)
    kinds = kinds_of(postgres_store, run)
    thoughts = kinds[THOUGHT_TAKEN.number] + kinds.get(REFLECTION_MADE.number, 0)
    refused = kinds[THOUGHT_REFUSED.number]
    assert summary.thinking["in_all"] == {"thoughts": thoughts, "refused": refused}
    assert len([r for r in postgres_store.deliberations(run) if r["effect_tick"] <= TICKS]) > thoughts + refused


def test_what_is_decided_again_is_counted_once(postgres_store: PostgresStore) -> None:
    """In mode `group` ticks run ahead; an input that comes for one of them makes them be decided anew."""
    run = made(postgres_store, "twice")
    answer, given = scripted(postgres_store), []

    def meddle(request: Request) -> object:
        if len(given) < 6:
            head = postgres_store.head(run)
            assert head is not None
            key = InputKey(head.tick, 1, INTERVENTION, len(given))
            with suppress(TickHasBegun):
                given.append(postgres_store.record_input(run, Input(key, head.tick + 1, {"endow": {"coin": 1}})))
        return answer(request)

    summary = go(postgres_store, run, TICKS, meddle, durability="group", answers="record")
    kinds, told = kinds_of(postgres_store, run), summary.thinking
    took_effect = sum(kinds.get(k.number, 0) for k in (THOUGHT_TAKEN, THOUGHT_REFUSED, REFLECTION_MADE))
    assert told["thoughts"] + told["refused"] == took_effect
    assert told["asked"] == len(postgres_store.deliberations(run))
    assert replay.reexecute(postgres_store, run).identical


def test_an_answer_to_the_dead_is_late(postgres_store: PostgresStore) -> None:
    short = replace(THINKERS, lifespan=100)  # so that all die, some of them while they are thinking
    run, asked = made(postgres_store, "dead", configuration=short), []
    summary = go(postgres_store, run, TICKS, lambda request: asked.append(request) or scripted(postgres_store)(request))
    thoughts = [r for r in postgres_store.deliberations(run) if r["effect_tick"] <= TICKS]
    assert summary.late_inputs >= len(thoughts) - summary.thinking["thoughts"] > 0


def test_an_error_that_is_none_of_ours_leaves_the_run_failed_and_says_why(postgres_store: PostgresStore) -> None:
    run = made(postgres_store, "broken")
    with asking(postgres_store, run, scripted(postgres_store)) as thinking:
        thinking.after_tick = None  # type: ignore[assignment] -- calling it is a TypeError
        with pytest.raises(TypeError):
            Runner(postgres_store, run, thinking=thinking).run(TICKS)
    lease = postgres_store.lease(run)
    assert lease.status == "failed" and (lease.problem or "").startswith("TypeError: ")
    assert go(postgres_store, run, 5).status == "complete"


def test_an_answer_after_the_refusal_is_counted_and_never_used(postgres_store: PostgresStore) -> None:
    run, asked = made(postgres_store, "late"), []
    go(postgres_store, run, 12, asked.append, patience_s=0.05)
    before = chain_of(postgres_store, run)
    outcomes = {think(postgres_store, ScriptedEngine(), None, request) for request in asked[:1]}
    assert outcomes <= {"known", "late"}
    late = Input(key_of(asked[0]), asked[0]["effect_tick"], {"intention": "rest"})
    assert postgres_store.record_input(run, late) is False
    assert postgres_store.late_inputs(run) == 1
    assert chain_of(postgres_store, run) == before and replay.reexecute(postgres_store, run).identical


def test_a_fork_with_thoughts_in_flight_and_no_change_is_its_parent(postgres_store: PostgresStore, lived: Run) -> None:
    expected = chain_of(postgres_store, lived)
    for at in (0, 1, 43, TICKS - 1):
        fork = made(postgres_store, f"fork-{at}", parent=lived, fork_tick=at)
        with asking(postgres_store, fork, scripted(postgres_store)) as thinking:
            Runner(postgres_store, fork, thinking=thinking).run(TICKS)
        assert chain_of(postgres_store, fork) == expected, f"forked at {at}"


def test_a_thought_shows_its_very_prompt_and_answer(postgres_store: PostgresStore, lived: Run) -> None:
    rows = postgres_store.deliberations(lived)
    assert len(rows) >= 40
    row = next(r for r in rows if "intention" in r["answer"])
    assert row["prompt"] and row["raw"] and row["engine"] == SCRIPTED["key"] and row["attempts"] == 1
    assert postgres_store.deliberations(lived, agent=row["agent"])[0]["agent"] == row["agent"]


def test_news_told_to_one_agent_reaches_others_by_speech_alone(postgres_store: PostgresStore) -> None:
    run = made(postgres_store, "rumour")
    told = Input(_intervention(5), 6, {"by": "a test", "why": "to see it spread", "news": "The well is dry."})
    assert postgres_store.record_input(run, told)
    go(postgres_store, run, TICKS)
    heard = _news(postgres_store, run)
    assert heard[0]["target"] is None and heard[0]["agent"] == 5
    knew = {5}
    for each in heard[1:]:
        assert each["target"] in knew, "who told it had heard it"
        knew.add(each["agent"])
    with pytest.raises(TickHasBegun):
        postgres_store.record_input(run, Input(_intervention(6), 7, {"news": "Too late."}))


def _intervention(agent: int) -> InputKey:
    return InputKey(0, agent, INTERVENTION)


def _news(store: PostgresStore, run: Run) -> Sequence[dict[str, Any]]:
    from chronopolis.record import events_frame, kinds_named, select_events

    kinds = kinds_named(["NewsHeard"])
    frame = events_frame(select_events(store, run, first=0, last=TICKS, kinds=kinds), kinds[0])
    return [row for row in frame.iter_rows(named=True) if row["text"] == "The well is dry."]


def test_trajectories_leave_the_store_with_what_followed(postgres_store: PostgresStore, lived: Run) -> None:
    from workers.trajectories import trajectories

    told = list(trajectories(postgres_store, lived, horizon=20))
    assert len(told) == len([r for r in postgres_store.deliberations(lived) if r["effect_tick"] <= TICKS])
    one = next(t for t in told if t.purpose == "intention" and t.before and t.after)
    assert one.messages[0]["role"] == "system" and one.completion
    assert one.before and one.before.tick == one.effect_tick - 1
    world = replay.at(postgres_store, lived, one.before.tick)
    row = world.row(one.agent)
    assert row is not None
    from domain.columns import SATIETY

    assert one.before.satiety == world.agents[SATIETY, row]
    assert one.as_dict()["after"]["tick"] == min(one.effect_tick + 20, TICKS)


def test_a_rerun_needs_no_answer_to_what_takes_effect_after_its_end(postgres_store: PostgresStore) -> None:
    run = made(postgres_store, "cut")
    go(postgres_store, run, 40)
    short = made(postgres_store, "short")
    postgres_store.copy_inputs(run, short, last=25)  # some were asked later, and take effect after 30
    with asking(postgres_store, short, None, answers="only") as thinking:
        summary = Runner(postgres_store, short, thinking=thinking).run(30)
    assert summary.head_tick == 30 and chain_of(postgres_store, short) == chain_of(postgres_store, run)[:31]
