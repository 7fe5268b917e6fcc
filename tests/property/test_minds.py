"""Societies whose minds may answer anything that is valid: what must hold whatever they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import domain.state
from domain import columns as col
from domain import events as ev
from domain.advance import advance, genesis_hash, new_world
from domain.codes import Act, Good, Intention, Purpose
from domain.configuration import Configuration
from domain.decide import Decider
from domain.errors import MissingInput
from domain.events import EventBatch
from domain.fold import fold
from domain.inputs import Input, InputKey, Inputs
from domain.minds import columns as m
from domain.state import World
from tests.property.test_histories import ACTIONS
from tests.support.areas import assert_equal_worlds
from tests.support.histories import answer, run, scenario
from tests.support.minds import answer_of, in_earshot
from tests.support.oracle import OracleWorld

pytestmark = pytest.mark.property

_N_AGENTS, _SIDE, _TICKS = 14, 6, 60

# -- anything that is valid --------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=400).filter(str.strip)
names = st.sampled_from([i.name.lower() for i in Intention])
goods = [g.name.lower() for g in Good if g != Good.TOOL]
amounts = st.integers(1, 9) | st.integers(1, 300) | st.integers(1, 1_000_000)


@st.composite
def bargains(draw) -> dict[str, Any]:
    """Draw terms: shared work, or one good for another."""
    if draw(st.booleans()):
        return {"work": draw(st.sampled_from([i.name.lower() for i in list(Intention)[:4]]))}
    give, take = draw(st.permutations(goods))[:2]
    return {"give": give, "quantity": draw(amounts), "take": take, "taken": draw(amounts)}


@st.composite
def intentions(draw, who: int, world: World) -> dict[str, Any]:
    """Draw what a mind may answer when asked for an intention: mostly to whoever is offered or spoken with."""
    given: dict[str, Any] = {"intention": draw(names)}
    if draw(st.booleans()):
        given["goal"] = draw(st.integers(0, _SIDE * _SIDE - 1))
    row = world.row(who)
    assert row is not None and world.minds is not None
    partner, offered = int(world.minds[m.TALK_WITH, row]), world.minds[m.OFFER_FROM, row] >= 0
    likely = [partner] if partner >= 0 else [who - 1, who + 1, *in_earshot(world, row)]
    to = draw(st.sampled_from(likely if draw(st.integers(0, 5)) else range(_N_AGENTS + 3)))
    if to < 0 or to == who or not draw(st.integers(0, 7)):
        return given
    replies = (
        ["accept", "accept", "accept", "refuse"] if offered and to == partner else ["propose", "propose", "gossip"]
    )
    act = draw(st.sampled_from(replies if draw(st.booleans()) else [a.name.lower() for a in Act]))
    given |= {"act": act, "to": to, "say": draw(texts)}
    if draw(st.booleans()) or act == "propose":
        given["terms"] = draw(st.none() | bargains())
    return given


addresses = st.from_regex(r"[0-9]{1,4}:[0-9]{1,4}", fullmatch=True)
reflections = st.fixed_dictionaries({"insight": texts}, optional={"cites": st.lists(addresses, max_size=16)})
refusals = st.fixed_dictionaries({"refused": st.text(max_size=500)})
worlds = st.builds(
    Configuration, agents=st.just(_N_AGENTS), width=st.just(_SIDE), height=st.just(_SIDE),
    homes=st.sampled_from([14, 20]), hunger=st.sampled_from([0, 60, 400]),
    lifespan=st.sampled_from([100, 140, 10_000]), adulthood=st.just(5), birth_interval=st.just(5),
    mind=st.just("scripted"), think_delay=st.integers(1, 5), think_budget=st.sampled_from([300, 2_000, 9_000]),
    hearing=st.sampled_from([1, 3, 12]), reflect_at=st.sampled_from([100, 700]),
)  # fmt: skip


@st.composite
def nobody_asked(draw, world: World) -> list[Input]:
    """Draw what comes from outside: gifts and news, to the living and others."""
    tick, given = world.tick + 1, []
    for call in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        about = draw(st.sampled_from([{"endow": {"coin": 3}}, {"news": f"News {tick} {call}"}, {"endow": {"food": 7}}]))
        who = draw(st.integers(0, _N_AGENTS))
        given.append(answer(who, asked=tick - 1, effect=tick, call=call, purpose="intervention", **about))
    return given


def replies(data: Any, world: World, batch: EventBatch) -> Iterator[Input]:
    for e in batch.records[batch.records["kind"] == ev.THOUGHT_REQUESTED.number]:
        who, purpose = int(e["agent"]), Purpose(int(e["target"])).name.lower()
        said = intentions(who, world) if purpose == "intention" else reflections
        given = data.draw(refusals if data.draw(st.integers(0, 9)) == 0 else said)
        yield Input(InputKey(int(e["tick"]), who, purpose), int(e["detail"]), given)


def coins_endowed(batch: EventBatch) -> int:
    endowed = batch.records[batch.records["kind"] == ev.GOODS_ENDOWED.number]["given"]
    return int((endowed[endowed >> 56 == Good.COIN] >> 28 & 0xFFFFFFF).sum())


@given(worlds, st.integers(0, 2**32), st.data())
@settings(max_examples=50)
def test_whatever_minds_answer_the_world_stays_whole(configuration, seed, data):
    note(f"seed {seed}, {configuration.canonical()}")
    decider, other = Decider(seed, configuration), Decider(seed, configuration, threads=2)
    world, oracle, chain = new_world(configuration), OracleWorld(), genesis_hash(seed, configuration)
    owed: dict[int, list[Input]] = {}
    coins, sizes = 0, []
    for tick in range(_TICKS):
        inputs = Inputs(owed.pop(tick, []) + (data.draw(nobody_asked(world)) if tick else []))
        alive = sorted(world.agents[col.ID, np.flatnonzero(world.agents[col.ALIVE, : world.n])].tolist())
        again = other.decide(World.from_bytes(world.to_bytes()), inputs) if tick % 9 == 4 else None
        batch, header = advance(world, decider, chain, inputs)
        chain = header.chain_hash
        assert again is None or again.hash() == header.events_hash
        columns = (dict(zip(batch.records.dtype.names, e, strict=True)) for e in batch.records.tolist())
        oracle.fold((c, batch.payload(i)) for i, c in enumerate(columns))
        assert_equal_worlds(world, oracle)
        if tick:
            acted = batch.records[np.isin(batch.records["kind"], list(ACTIONS))]["agent"]
            assert sorted(acted.tolist()) == alive, f"tick {tick}: one action each"
        sizes.append(len(batch))
        for e in batch.records[batch.records["cause"] >= 0]:
            there, ordinal = int(e["cause"]) >> 32, int(e["cause"]) & 0xFFFFFFFF
            assert (there, ordinal) < (tick, int(e["ordinal"])) and ordinal < sizes[there]
        coins += coins_endowed(batch)
        held = world.agents[col.GOODS : col.GOODS + 6, : world.n][:, world.agents[col.ALIVE, : world.n] != 0]
        assert (held >= 0).all()
        assert held[Good.COIN].sum() == (coins if world.population else 0)
        assert world.sums.tolist() == world.copy().rehash_whole().tolist()
        assert_two_sided(oracle)
        for given_ in replies(data, world, batch):
            owed.setdefault(given_.effect_tick, []).append(given_)
    restored = World.from_bytes(world.to_bytes())
    assert restored.to_bytes() == world.to_bytes() and restored.state_hash == world.state_hash
    assert_equal_worlds(restored, oracle)
    other.close()


def assert_two_sided(oracle: OracleWorld) -> None:
    """Check that a conversation and a pledge look the same from both sides, and that an offer is of the partner."""
    assert oracle.minds is not None
    for who, mind in oracle.minds.items():
        if mind.talk:
            there = oracle.minds[mind.talk.partner].talk
            assert there and (there.partner, there.opened, there.count) == (who, mind.talk.opened, mind.talk.count)
            assert there.turn == mind.talk.turn and mind.talk.turn in (who, mind.talk.partner)
        if mind.offer:
            assert mind.talk and mind.talk.partner == mind.offer.proposer
        if mind.pledge:
            owed = oracle.minds[mind.pledge.partner].pledge
            assert owed and (owed.partner, owed.at, owed.leads) == (who, mind.pledge.at, not mind.pledge.leads)
            assert (owed.give, owed.take) == (mind.pledge.take, mind.pledge.give)


# -- a whole run -------------------------------------------------------------------------------------


def events_of(kind: ev.EventKind) -> Iterator[tuple[Any, dict[str, Any]]]:
    for batch in scenario("minded").batches:
        for at in np.flatnonzero(batch.records["kind"] == kind.number).tolist():
            yield batch.records[at], json.loads(batch.payload(at))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_genesis_and_answers_give_the_same_chain_with_snapshots_in_between_and_thoughts_in_flight(threads):
    history = scenario("minded")
    often = {1: 7, 2: 31}[threads]
    again = run(history.seed, history.ticks - 1, history.configuration, threads=threads, restored_every=often)
    assert again.headers == history.headers
    restored = (history.replayed(tick + 1) for tick in range(often, 100, often))
    assert any((world.agents[col.THOUGHT_DUE, : world.n] > world.tick).any() for world in restored)


def test_other_answers_give_another_chain():
    history = scenario("minded")

    def contrary(world: World, batch: EventBatch) -> Iterator[Input]:
        for e in batch.records[batch.records["kind"] == ev.THOUGHT_REQUESTED.number]:
            key = InputKey(int(e["tick"]), int(e["agent"]), Purpose(int(e["target"])).name.lower())
            given = answer_of(world, key)
            if key.asked_tick == 20 and "say" in given:
                given["say"] += "!"
            yield Input(key, int(e["detail"]), given)

    other = run(history.seed, 40, history.configuration, mind=contrary)
    same = [a == b for a, b in zip(other.headers, history.headers, strict=False)]
    assert all(same[:21]) and not same[22]


def test_an_awaited_answer_is_missed_by_name_from_a_snapshot_too():
    history = scenario("minded")
    for tick in sorted(history.inputs)[5:60:9]:
        world = World.from_bytes(history.replayed(tick).to_bytes())
        *rest, last = history.inputs_of(tick).rows
        if world.row(last.key.agent) is None:
            continue
        with pytest.raises(MissingInput):
            Decider(history.seed, history.configuration).decide(world, Inputs(rest))


def test_every_answer_to_the_living_is_told_once_with_its_hash():
    history = scenario("minded")
    told: dict[tuple[Any, ...], int] = {}
    for kind in (ev.THOUGHT_TAKEN, ev.THOUGHT_REFUSED, ev.REFLECTION_MADE):
        for e, payload in events_of(kind):
            key = (int(e["tick"]), int(e["agent"]), payload["asked"], payload["purpose"], payload["answer"])
            told[key] = told.get(key, 0) + 1
    assert set(told.values()) == {1}
    given_ = {
        (tick, i.key.agent, i.key.asked_tick, i.key.purpose, i.answer_hash())
        for tick, inputs in history.inputs.items()
        for i in inputs.rows
    }
    assert told.keys() <= given_
    dead = {int(e["agent"]) for b in history.batches for e in b.records[b.records["kind"] == ev.AGENT_DIED.number]}
    assert all(agent in dead for _, agent, *_ in given_ - told.keys())


def test_a_conversation_has_two_sides_who_take_turns_and_one_end():
    talks: dict[str, list[tuple[int, int]]] = {}
    for e, payload in events_of(ev.SPEECH_MADE):
        talks.setdefault(payload["conversation"], []).append((int(e["agent"]), int(e["target"])))
    for turns in talks.values():
        assert len({frozenset(turn) for turn in turns}) == 1
        assert all(a[0] == b[1] for a, b in pairwise(turns))
        assert len(turns) <= 8
    closings = [payload["conversation"] for _, payload in events_of(ev.CONVERSATION_CLOSED)]
    assert len(closings) == len(set(closings)) and set(closings) <= set(talks)
    world = scenario("minded").replayed()
    assert world.minds is not None
    alive = np.flatnonzero(world.agents[col.ALIVE, : world.n])
    still_open = {ev.address_of(int(t)) for t in world.minds[m.TALK, alive] if t >= 0}
    died_together = set(talks) - set(closings) - still_open
    deaths = (b.records[b.records["kind"] == ev.AGENT_DIED.number] for b in scenario("minded").batches)
    dead = {int(e["agent"]): int(e["tick"]) for of_tick in deaths for e in of_tick}
    for talk in died_together:
        one, other = talks[talk][0]
        assert dead[one] == dead[other]


def test_every_pledge_of_the_run_is_kept_lapses_or_is_still_owed():
    made = {f"{e['tick']}:{e['ordinal']}" for e, _ in events_of(ev.PLEDGE_MADE)}
    kept = [payload["pledge"] for _, payload in events_of(ev.PLEDGE_KEPT)]
    lapsed = [payload["pledge"] for _, payload in events_of(ev.PLEDGE_LAPSED)]
    assert len(kept) + len(lapsed) == len({*kept, *lapsed})
    world = scenario("minded").replayed()
    assert world.minds is not None
    alive = np.flatnonzero(world.agents[col.ALIVE, : world.n])
    owed = {ev.address_of(int(at)) for at in world.minds[m.PLEDGE_AT, alive] if at >= 0}
    assert {*kept, *lapsed} | owed == made
    assert kept and lapsed


def test_the_causes_of_a_pledged_trade_lead_to_the_words_that_bound_it():
    batches = scenario("minded").batches

    def cause(e: Any) -> Any:
        return batches[int(e["cause"]) >> 32].records[int(e["cause"]) & 0xFFFFFFFF]

    found = 0
    for e, payload in events_of(ev.PLEDGE_KEPT):
        leg = cause(e)
        if leg["kind"] != ev.GOODS_TRADED.number:
            continue
        step, steps = leg, 0
        while step["kind"] in (ev.GOODS_TRADED.number, ev.AGENTS_MET.number):
            step, steps = cause(step), steps + 1
            assert steps < 3
        assert step["kind"] == ev.PLEDGE_MADE.number
        assert f"{step['tick']}:{step['ordinal']}" == payload["pledge"]
        acceptance = cause(step)
        assert acceptance["kind"] == ev.SPEECH_MADE.number
        assert cause(acceptance)["kind"] == ev.THOUGHT_TAKEN.number
        assert cause(cause(acceptance))["kind"] == ev.THOUGHT_REQUESTED.number
        found += 1
    assert found > 5


def test_memories_are_bounded_and_what_is_forgotten_was_the_least_important_of_them():
    kept: dict[int, dict[str, int]] = {}
    forgotten = 0
    for batch in scenario("minded").batches:
        for at, e in enumerate(batch.records):
            mine = kept.setdefault(int(e["agent"]), {})
            if e["kind"] == ev.MEMORY_FORMED.number:
                mine[f"{e['tick']}:{e['ordinal']}"] = int(e["detail"]) & 0xFFFF
                assert len(mine) <= m.MEMORY_SLOTS
            elif e["kind"] == ev.MEMORY_FORGOTTEN.number:
                gone = json.loads(batch.payload(at))["memory"]
                assert len(mine) == m.MEMORY_SLOTS
                least = min(mine, key=lambda k: (mine[k], *map(int, k.split(":"))))
                assert gone == least
                del mine[gone]
                forgotten += 1
    assert forgotten > 20


def test_texts_that_nobody_has_in_mind_are_dropped_and_nothing_notices(monkeypatch):
    history = scenario("minded")
    monkeypatch.setattr(domain.state, "_TEXTS_KEPT", -16 * 60 + 5)
    world, most = history.replayed(1), 0
    for batch, header in zip(history.batches[1:], history.headers[1:], strict=True):
        fold(world, batch)
        most = max(most, len(world.texts))
        assert world.state_hash == header.state_hash
        world.texts_in_mind()
    assert most < 400
