"""What an event rests on, in a history with minds: compared with the state that its rules looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import replay
from domain.advance import new_world
from domain.codes import Good
from domain.columns import ACTED, CELL, GOODS, INTENDED
from domain.events import AGENT_DIED, KINDS, MEMORY_FORMED, THOUGHT_TAKEN, EventBatch
from domain.fold import fold
from domain.inputs import Input, InputKey
from domain.minds import columns as m
from domain.ports import Run
from domain.state import World
from replay import catalogues
from replay.all_links import links_of
from replay.link import Link
from replay.timelines import Event, Timelines, cause_of, place_of
from tests.support.causes import everything, looking
from tests.support.histories import History, scenario
from tests.support.memory_store import MemoryStore
from tests.support.stores import keep

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def history() -> History:
    return scenario("minded")


@pytest.fixture(scope="module")
def kept(history: History) -> tuple[MemoryStore, Run]:
    store = MemoryStore()
    run = keep(store, history)
    world = new_world(history.configuration)
    for tick, batch in enumerate(history.batches):
        fold(world, batch)
        if tick % 10 == 0:
            store.shelves[run.id].snapshots[tick] = world.state_hash, world.to_bytes()
    return store, run


@pytest.fixture(scope="module")
def look(kept: tuple[MemoryStore, Run]) -> Iterator[Timelines]:
    with looking(*kept) as found:
        yield found


@pytest.fixture(scope="module")
def told(kept: tuple[MemoryStore, Run]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in everything(*kept, first=1):
        found.setdefault(event["kind"], []).append(event)
    return found


def some(told: dict[str, list[Event]], kind: str, count: int = 40, **about: object) -> list[Event]:
    """Return events of a kind spread over the history; there are some."""
    fits = [e for e in told[kind] if all(e.get(name) == value for name, value in about.items())]
    assert fits, f"no {kind} with {about} to test with"
    return fits[:: max(1, len(fits) // count)]


def linked(event: Event, look: Timelines, name: str) -> list[tuple[int, int]]:
    return [link.place for link in links_of(event, look) if link.name == name]


class States:
    """States of a history by tick, each folded once."""

    def __init__(self, kept: tuple[MemoryStore, Run]) -> None:
        self.kept, self._found = kept, {}  # type: ignore[var-annotated]

    def at(self, tick: int) -> World:
        if tick not in self._found:
            self._found = {tick: replay.at(*self.kept, tick)}
        return self._found[tick]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def states(kept: tuple[MemoryStore, Run]) -> States:
    return States(kept)


def test_every_link_of_every_kind_leads_to_an_earlier_event(told: dict[str, list[Event]], look: Timelines) -> None:
    for kind in told:
        for event in some(told, kind, 25):
            for link in links_of(event, look):
                assert look.at(link.place) is not None, (event, link)
                assert link.place < place_of(event), (event, link)


def test_the_recorded_cause_is_the_first_link_whatever_the_kind(told: dict[str, list[Event]], look: Timelines) -> None:
    for kind in told:
        for event in some(told, kind, 25):
            cause, links = cause_of(event), links_of(event, look)
            assert cause is None or links[0].place == cause


def test_a_thought_rests_on_the_inbox_that_its_mind_was_shown(
    told: dict[str, list[Event]], look: Timelines, states: States
) -> None:
    compared = 0
    for event in some(told, "ThoughtTaken", 30):
        world = states.at(event["asked"])
        row = world.row(event["agent"])
        assert row is not None and world.minds is not None
        inbox = [int(at) for at in world.minds[m.INBOX_AT : m.INBOX_AT + m.INBOX_SLOTS, row] if at >= 0]
        news = [int(at) for at in world.minds[m.NEWS : m.NEWS + m.NEWS_SLOTS, row] if at >= 0]
        recent = [int(at) for at in world.minds[m.RECENT_AT : m.RECENT_AT + m.RECENT_SLOTS, row] if at >= 0]
        links = links_of(event, look)
        assert sorted(_packed(links, "conversation")) == sorted(inbox)
        origins = [look.at(link.place)["news"] for link in links if link.name == "news"]  # type: ignore[index]
        assert sorted(origins) == sorted(f"{at >> 32}:{at & 0xFFFFFFFF}" for at in news)
        # What happened in the tick of the request itself happened before it.
        assert sorted(_packed(links, "prompt")) == sorted(recent)
        compared += len(inbox) + len(news) + len(recent)
    assert compared > 40


def _packed(links: list[Link], name: str) -> list[int]:
    return [link.place[0] << 32 | link.place[1] for link in links if link.name == name]


def test_a_request_after_a_milestone_names_what_set_the_agent_thinking(
    told: dict[str, list[Event]], look: Timelines, states: States
) -> None:
    for event in some(told, "ThoughtRequested", 25, reason="milestone"):
        world = states.at(event["tick"] - 1)
        row = world.row(event["agent"])
        assert row is not None and world.minds is not None
        (place,) = linked(event, look, "milestone")
        assert place[0] == int(world.minds[m.REASON_TICK, row])


def test_a_request_of_somebody_spoken_to_names_the_last_words_to_it(
    told: dict[str, list[Event]], look: Timelines, states: States
) -> None:
    for event in some(told, "ThoughtRequested", 25, reason="spoken_to"):
        world = states.at(event["tick"] - 1)
        row = world.row(event["agent"])
        assert row is not None and world.minds is not None
        (place,) = linked(event, look, "conversation")
        assert place[0] << 32 | place[1] == int(world.minds[m.TALK_SPEECH, row])


def test_what_is_used_up_came_from_the_last_event_that_brought_it(
    told: dict[str, list[Event]], look: Timelines, states: States
) -> None:
    for event in some(told, "MealEaten", 30):
        (source,) = linked(event, look, "goods") + linked(event, look, "store")
        if source[0] in (0, event["tick"]):
            continue
        good = Good.FOOD
        before, after = states.at(source[0] - 1), replay.at(*states.kept, source[0])
        rows = before.row(event["agent"]), after.row(event["agent"])
        held = [
            0 if row is None else int(w.agents[GOODS + good, row]) for w, row in zip((before, after), rows, strict=True)
        ]
        assert held[1] > held[0]


def test_actions_rest_on_the_intention_and_the_situation_of_the_state_before(
    told: dict[str, list[Event]], look: Timelines, states: States
) -> None:
    for kind, column in (("AgentMoved", INTENDED), ("MealEaten", ACTED)):
        for event in some(told, kind, 20):
            world = states.at(event["tick"] - 1)
            row = world.row(event["agent"])
            assert row is not None
            held = int(world.agents[column, row])
            cause = cause_of(event)
            assert cause is not None
            # An intention may be formed within the same tick; then it is newer than that of the state.
            assert cause[0] << 32 | cause[1] == held or (kind == "AgentMoved" and cause[0] == event["tick"])


def test_who_gathers_names_how_it_came_to_the_place(
    told: dict[str, list[Event]], look: Timelines, states: States
) -> None:
    for event in some(told, "GoodsGathered", 20):
        (place,) = linked(event, look, "place")
        there = look.at(place)
        assert there is not None and there["cell"] == event["cell"]
        row = states.at(event["tick"] - 1).row(event["agent"])
        assert row is not None and int(states.at(event["tick"] - 1).agents[CELL, row]) == event["cell"]


def test_a_deal_names_what_the_partner_was_about_and_a_pledged_one_its_pledge(
    told: dict[str, list[Event]], look: Timelines
) -> None:
    pledged = met = 0
    for event in told["GoodsTraded"]:
        links = {link.name for link in links_of(event, look)}
        if "pledge" in links:
            assert "partner" not in links
            pledged += 1
        elif "meeting" not in links:
            assert "partner" in links, event
            met += 1
    assert pledged and met


def test_hunger_names_the_last_meal_and_age_the_birth(told: dict[str, list[Event]], look: Timelines) -> None:
    for event in told["AgentDied"]:
        names = {link.name: link.place for link in links_of(event, look)}
        if event["because"] == "old_age":
            assert (look.at(names["birth"]) or {})["kind"] in ("AgentJoined", "AgentBorn")
        elif "meal" in names:
            assert (look.at(names["meal"]) or {})["kind"] == "MealEaten"


def test_all_kinds_but_those_made_by_hand_were_met(told: dict[str, list[Event]]) -> None:
    """So that the tests above speak of every kind that rules and minds bring about."""
    by_hand = {"WorldFounded", "CellFormed", "AgentJoined", "GoodsEndowed", "InterventionMade"}
    by_hand |= {"ScenarioChanged", "StockChanged"}
    missing = {kind.name for kind in KINDS} - set(told) - by_hand
    assert missing <= {"GoodsGiven", "GiftReceived"}, missing


def test_memories_that_were_retrieved_are_named_with_their_scores_and_whether_they_were_shown() -> None:
    history = scenario("minded")
    thought, memories = _thought_with_memories(history)
    asked = InputKey(thought["asked"], thought["agent"], "intention")
    store = MemoryStore()
    run = keep(store, history)
    shown, hidden = memories[-1], memories[-2]
    about = {
        "retrieved": [
            {"id": f"{e['tick']}:{e['ordinal']}", "score": 1_700_000 - k} for k, e in enumerate((shown, hidden))
        ],
        "prompt": f'[{{"role": "user", "content": "You remember:\\n- {shown["text"]}"}}]',
    }  # fmt: skip
    shelf = store.shelves[run.id].inputs
    shelf[asked] = Input(asked, shelf[asked].effect_tick, shelf[asked].answer, about)
    with looking(store, run) as look:
        found = {link.place: link.about for link in links_of(thought, look) if link.name == "memory"}
    assert found[place_of(shown)] == {"score": 1_700_000, "in_prompt": True}
    assert found[place_of(hidden)]["score"] == 1_699_999
    assert found[place_of(hidden)]["in_prompt"] is False


def _thought_with_memories(history: History) -> tuple[Event, list[Event]]:
    """Return a thought, and memories of its agent from before it was asked."""
    events = [e for batch in history.batches for e in batch]
    thoughts = [e for e in events if e["kind"] == THOUGHT_TAKEN.name]
    for thought in reversed(thoughts):
        mine = [e for e in events if e["kind"] == MEMORY_FORMED.name and e["agent"] == thought["agent"]
                and e["tick"] < thought["asked"] and '"' not in e["text"]]  # fmt: skip
        if len(mine) >= 2 and mine[-1]["text"] != mine[-2]["text"]:
            return thought, mine
    raise AssertionError("nobody remembered enough")


def test_a_search_that_is_broken_off_is_noted(kept: tuple[MemoryStore, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.timelines.PAGES_MAX", 1)
    monkeypatch.setattr("replay.timelines._PAGE", 4)
    with looking(*kept) as look:
        assert look.newest(3, (590, 0), (AGENT_DIED,)) is None
        assert look.exhausted == {(590, 0)}


def test_events_are_read_by_the_catalogue_that_wrote_each_tick(
    kept: tuple[MemoryStore, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was begun by one release and gone on with by others."""
    wrote = {0: 2, 100: 2, 101: 3, 300: 3, 301: 4}
    seen: list[tuple[int, int, int]] = []

    def noted(batch: EventBatch, catalogue: int) -> EventBatch:
        seen.append((int(batch.records["tick"][0]), int(batch.records["tick"][-1]), catalogue))
        return batch

    monkeypatch.setattr(catalogues, "to_current", noted)
    monkeypatch.setattr(
        catalogues.Catalogues, "_at", lambda self, tick: max(c for first, c in wrote.items() if first <= tick)
    )
    assert catalogues.Catalogues(*kept, 200, 310)._parts == [(200, 3), (301, 4)]
    with looking(*kept) as look:
        events = look.find(90, 310, agents=[3])
        assert seen[0][0] <= 100 and [each[2] for each in seen] == [2, 3, 4]
        assert all(first <= 100 for first, _, c in seen if c == 2) and all(
            first > 300 for first, _, c in seen if c == 4
        )
        assert [place_of(e) for e in events] == sorted(place_of(e) for e in events)
