"""Why, on real histories in a real store: against recursive SQL, against brute force, in forks, within bounds."""

from __future__ import annotations

from typing import Any

import pytest

import replay
from domain.configuration import Configuration
from domain.errors import BeyondHead, UnknownEvent
from domain.events import packed_address
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore
from replay.counterfactual import REFUSE, REST, WITHHOLD, Change, otherwise
from replay.fork import fork
from replay.link import is_cause
from replay.removal import AFTERMATH, GONE, SAME, change_without, verdict
from replay.timelines import Event, cause_of, place_of
from tests.support.causes import all_links, everything, looking, nodes
from workers.minds.elsewhere import answers_of
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import think
from workers.runner import Runner
from workers.staff import InProcess, identity_of
from workers.thinking import Thinking

pytestmark = pytest.mark.integration

SCRIPTED = identity_of("scripted", None)
THINKERS = Configuration(
    agents=30, width=10, height=10, mind="scripted", think_budget=400, think_delay=8, reflect_at=1_500
)
TICKS, FORKED_AT = 150, 80


def go(store: PostgresStore, run: Run, target: int) -> None:
    engine = ScriptedEngine()
    sender = InProcess(lambda request: think(store, engine, None, request), say=lambda sentence: None)
    Runner(store, run, durability="group", thinking=Thinking(store, run, sender, engine=SCRIPTED)).run(target)
    sender.close()


@pytest.fixture(scope="module")
def store(module_store: PostgresStore) -> PostgresStore:
    return module_store


@pytest.fixture(scope="module")
def lived(store: PostgresStore) -> Run:
    """A run with minds to its end."""
    run = store.create("lived", seed=7, configuration=THINKERS, target=TICKS, engines=SCRIPTED)
    go(store, run, TICKS)
    return run


@pytest.fixture(scope="module")
def told(store: PostgresStore, lived: Run) -> list[Event]:
    return everything(store, lived)


@pytest.fixture(scope="module")
def child(store: PostgresStore, lived: Run) -> Run:
    """A fork in which somebody rests in the first tick of its own."""
    made = fork(store, lived, at=FORKED_AT, name="child", interventions=[{"agent": 3, "rest": True}], target=TICKS)
    go(store, made, FORKED_AT + 30)
    return made


def spread(events: list[Event], count: int) -> list[Event]:
    """Return some events of each kind."""
    by_kind: dict[str, list[Event]] = {}
    for event in events:
        by_kind.setdefault(event["kind"], []).append(event)
    return [e for each in by_kind.values() for e in each[:: max(1, len(each) // count)][:count]]


# -- backwards -----------------------------------------------------------------------------------------


def test_recorded_causes_are_the_chain_that_recursive_sql_finds(
    store: PostgresStore, lived: Run, told: list[Event]
) -> None:
    query = """WITH RECURSIVE chain AS (
        SELECT tick, ordinal, cause_tick, cause_ordinal FROM polis.events WHERE run = %s AND tick = %s AND ordinal = %s
        UNION SELECT e.tick, e.ordinal, e.cause_tick, e.cause_ordinal FROM chain c
        JOIN polis.events e ON e.run = %s AND e.tick = c.cause_tick AND e.ordinal = c.cause_ordinal)
        SELECT tick, ordinal FROM chain ORDER BY tick, ordinal"""
    with store.database.connect() as connection:
        for event in spread([e for e in told if e["tick"] > 100], 2):
            expected = connection.execute(query, (lived.id, *place_of(event), lived.id)).fetchall()
            found = replay.why(store, lived, *place_of(event), depth=40, breadth=1, effects=False)
            chain = [place_of(event), *(place_of(node) for node in nodes(found.causes, "causes"))]
            assert sorted(chain) == [tuple(row) for row in expected]


def test_a_chain_leads_from_a_deed_over_intention_thought_request_and_words_to_the_thought_behind_them(
    store: PostgresStore, lived: Run, told: list[Event]
) -> None:
    reply = next(e for e in told if e["kind"] == "SpeechMade" and e["act"] in ("accept", "refuse"))
    found = replay.why(store, lived, *place_of(reply), depth=3, effects=False).as_dict()
    thought = next(node for node in found["causes"] if node["link"] == "thought")
    assert thought["kind"] == "ThoughtTaken" and thought["thought"]["answer"]["act"] == reply["act"]
    assert thought["thought"]["request"][0]["role"] == "system"
    asked = next(node for node in thought["causes"] if node["link"] == "request")
    assert asked["kind"] == "ThoughtRequested" and asked["reason"] == "spoken_to"
    heard = next(node for node in thought["causes"] if node["link"] == "conversation" and node.get("in_prompt"))
    assert heard["kind"] == "SpeechMade" and heard["agent"] == reply["target"]
    assert {node["link"] for node in found["causes"]} >= {"thought", "conversation"}


# -- forwards ------------------------------------------------------------------------------------------


def test_effects_are_exactly_the_events_that_name_it_as_a_cause(
    store: PostgresStore, lived: Run, told: list[Event]
) -> None:
    first, last = 60, 110
    window = [e for e in told if first <= e["tick"] <= last]
    with looking(store, lived) as look:
        links = all_links(look, window)
    inverse: dict[Any, set[tuple[Any, str]]] = {}
    for place, found in links.items():
        for link in found:
            inverse.setdefault(link.place, set()).add((place, link.name))
    several = 0
    for event in spread([e for e in window if e["tick"] <= first + 10], 3):
        horizon = last - event["tick"]
        came = replay.why(store, lived, *place_of(event), depth=1, breadth=10_000, horizon=horizon, causes=False)
        shown = {(place_of(node), node["link"]) for node in came.effects}
        assert shown == inverse.get(place_of(event), set()), event
        several += len(shown) > 2
    assert several >= 5


def test_what_follows_is_followed_further_and_each_event_opened_once(
    store: PostgresStore, lived: Run, told: list[Event]
) -> None:
    speech = next(e for e in told if e["kind"] == "SpeechMade" and e["tick"] > 40)
    found = replay.why(store, lived, *place_of(speech), depth=4, causes=False, horizon=60)
    opened_ = [place_of(node) for node in nodes(found.effects, "effects") if "effects" in node]
    assert len(opened_) == len(set(opened_)) > 4
    assert place_of(speech) not in opened_


# -- bounds and bad input --------------------------------------------------------------------------------


def test_what_a_bound_leaves_out_is_said(store: PostgresStore, lived: Run, told: list[Event]) -> None:
    thought = [e for e in told if e["kind"] == "ThoughtTaken"][-1]
    found = replay.why(store, lived, *place_of(thought), depth=1, breadth=1, horizon=1)
    assert len(found.causes) == 1 and found.bounds == {"depth": 1, "breadth": 1, "horizon": 1}
    by = {(note["of"], note["by"]) for note in found.cut}
    assert ("causes", "breadth") in by and ("causes", "depth") in by
    assert (("effects", "horizon") in by) == (thought["tick"] + 1 < TICKS)
    whole = replay.why(store, lived, 0, 0, depth=2, effects=False)
    assert whole.causes == [] and whole.cut == []


@pytest.mark.parametrize("ordinal", [10**6, 2**31])
def test_an_event_that_is_not_there_is_refused(store: PostgresStore, lived: Run, ordinal: int) -> None:
    with pytest.raises(UnknownEvent, match="lists them"):
        replay.why(store, lived, 10, ordinal)


def test_a_tick_that_has_not_happened_is_refused(store: PostgresStore, lived: Run) -> None:
    for tick in (TICKS + 1, -1):
        with pytest.raises(BeyondHead):
            replay.why(store, lived, tick, 0)


# -- forks ---------------------------------------------------------------------------------------------


def test_causes_in_a_fork_lie_in_its_parents_stretch_and_effects_in_its_own(
    store: PostgresStore, lived: Run, child: Run
) -> None:
    mine = [e for e in everything(store, child, FORKED_AT + 1) if e["agent"] == 3 or e["kind"] == "SpeechMade"]
    before = 0
    for event in mine[:12]:
        found = replay.why(store, child, *place_of(event), depth=3, effects=False)
        for node in nodes(found.causes, "causes"):
            if node["tick"] <= FORKED_AT:
                (same,) = [e for e in everything(store, lived, node["tick"], node["tick"])
                           if place_of(e) == place_of(node)]  # fmt: skip
                assert {**node, **same} == node
                before += 1
    assert before > 3
    rest = next(e for e in mine if e["kind"] == "AgentRested")
    (why_rested,) = replay.why(store, child, *place_of(rest), depth=1, effects=False).causes
    assert (why_rested["link"], why_rested["kind"]) == ("intervention", "InterventionMade")
    parent = replay.why(store, lived, FORKED_AT, 3, horizon=5, causes=False)
    assert all(node["tick"] <= TICKS for node in nodes(parent.effects, "effects"))


# -- counterfactuals -----------------------------------------------------------------------------------


def test_a_past_in_which_nothing_changes_is_the_recorded_one(store: PostgresStore, lived: Run) -> None:
    again = otherwise(store, lived, Change(WITHHOLD, -1, 61), 95, answer=answers_of(store, lived))
    for tick, events in enumerate(again, start=61):
        (stored,) = store.read(lived, tick, tick)
        assert events.hash() == stored.hash(), tick


def test_a_past_without_a_deed_is_that_of_a_fork_in_which_its_agent_rests(
    store: PostgresStore, lived: Run, child: Run
) -> None:
    change = Change(REST, 3, FORKED_AT + 1)
    imagined = list(otherwise(store, lived, change, FORKED_AT + 30, answer=answers_of(store, lived)))
    for tick, events in enumerate(imagined, start=FORKED_AT + 1):
        stored = everything(store, child, tick, tick)
        shown = ("by", "answer")  # who intervenes is told, and is another here
        assert [_without(e, shown) for e in events] == [_without(e, shown) for e in stored], tick


def _without(event: Event, names: tuple[str, ...]) -> Event:
    return {name: value for name, value in event.items() if name not in names}


def test_every_deed_can_be_taken_out_and_is_gone_then(store: PostgresStore, lived: Run, told: list[Event]) -> None:
    answer, taken = answers_of(store, lived), set()
    with looking(store, lived) as look:
        for event in spread([e for e in told if 70 < e["tick"] < 90], 2):
            change = change_without(event, look)
            if change is None:
                # A rest is what it would be replaced by, and silence or time are nobody's deeds.
                assert event["kind"] in (
                    "AgentRested", "ThoughtRefused", "AgentDied", "ConversationClosed", "PledgeLapsed",
                ), event  # fmt: skip
                continue
            if change.tick != event["tick"] or change.what not in (REST, REFUSE):
                continue
            (events,) = otherwise(store, lived, change, event["tick"], answer=answer)
            assert verdict(event, events) == GONE, event
            taken.add(event["kind"])
    assert {"AgentMoved", "GoodsTraded", "SpeechMade", "ThoughtTaken", "MemoryFormed"} <= taken


def test_the_same_deed_with_other_amounts_afterwards_is_told_from_the_same_event(told: list[Event]) -> None:
    rest = next(e for e in told if e["kind"] == "AgentRested")
    assert verdict(rest, [rest]) == SAME
    assert verdict(rest, [rest | {"ordinal": 0, "cause_ordinal": 1}]) == SAME, "numbers differ in another past"
    assert verdict(rest, [rest | {"energy": 1}]) == AFTERMATH
    assert verdict(rest, []) == GONE


def test_most_direct_causes_are_needed_for_their_effects(store: PostgresStore, lived: Run, told: list[Event]) -> None:
    """A small, quick form of benchmarks/why.py."""
    answer, outcomes = answers_of(store, lived), []
    with looking(store, lived) as look:
        for event in spread([e for e in told if 90 < e["tick"] < 130], 2):
            causes = [
                change for link in all_links(look, [event])[place_of(event)]
                if is_cause(link) and (cause := look.at(link.place)) and (change := change_without(cause, look))
                and event["tick"] - 15 <= change.tick <= event["tick"]
            ]  # fmt: skip
            if causes:
                *_, last = otherwise(store, lived, causes[0], event["tick"], answer=answer)
                outcomes.append(verdict(event, last))
    assert len(outcomes) > 15
    assert outcomes.count(SAME) / len(outcomes) <= 0.2, outcomes


def test_addresses_and_places_are_the_same_thing(told: list[Event]) -> None:
    event = next(e for e in told if cause_of(e) is not None)
    tick, ordinal = cause_of(event) or (0, 0)
    assert packed_address(f"{tick}:{ordinal}") == tick << 32 | ordinal
