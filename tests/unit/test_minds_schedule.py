"""Schedule: how many are asked, who, and why; nobody waits for ever and no id is favoured."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.codes import Purpose, Reason
from domain.configuration import Configuration
from domain.fold import fold
from domain.inputs import Input, InputKey
from domain.minds.schedule import slots_of, who_thinks
from tests.support.areas import areas_of
from tests.support.histories import Scene, event, run, scenario
from tests.support.minds import every, one, think, words

pytestmark = pytest.mark.unit

_IMMORTAL = {"hunger": 0, "lifespan": 10_000_000, "mind": "scripted"}


def shrug(world: Any, events: Any) -> Any:
    """Answer every request with a refusal."""
    for e in events.records[events.records["kind"] == ev.THOUGHT_REQUESTED.number]:
        purpose = Purpose(int(e["target"])).name.lower()
        yield Input(InputKey(int(e["tick"]), int(e["agent"]), purpose), int(e["detail"]), {"refused": "no"})


def village(n: int, **settings: Any) -> Scene:
    """Return people who rest in one row out of each other's way; nobody is asked until `who_thinks` is."""
    scene = Scene(width=40, height=4, homes=n, mind="scripted", **{"think_budget": 0, "hunger": 0, **settings})
    for k in range(n):
        scene.agent(2 * k, intention="rest", energy=5_000)
    return scene


def next_up(scene: Scene, *, budget: int, tick: int | None = None, seed: int = 1) -> list[tuple[int, Purpose, Reason]]:
    """Return who would be asked in a tick, by default the next, under a budget."""
    about = {"think_delay": scene.configuration.think_delay, "reflect_at": scene.configuration.reflect_at}
    configuration = Configuration(agents=1, width=40, height=4, mind="scripted", think_budget=budget, **about)
    at = scene.world.tick + 1 if tick is None else tick
    return who_thinks(scene.world, configuration, seed=seed, tick=at, dying=set())


def asked(who: int, *, due: int = 99, purpose: str = "intention") -> Any:
    return event(ev.THOUGHT_REQUESTED, agent=who, due=due, purpose=purpose, reason="silence")


def refused(who: int) -> Any:
    about = {"asked": 1, "purpose": "intention", "call": 0, "answer": "0" * 64, "because": "no"}
    return event(ev.THOUGHT_REFUSED, agent=who, payload=about)


# -- the budget --------------------------------------------------------------------------------------


@given(st.integers(0, 1_000_000), st.integers(1, 10**6))
def test_any_thousand_ticks_hold_as_many_turns_as_the_budget_says_evenly_and_each_once(budget, first):
    parts = [slots_of(tick, budget) for tick in range(first, first + 1_000)]
    assert sum(map(len, parts)) == budget
    assert {len(part) for part in parts} <= {budget // 1_000, -(-budget // 1_000)}
    assert all(a.stop == b.start for a, b in pairwise(parts))


def requests_of(history: Any) -> np.ndarray:
    records = history.whole()
    return records[records["kind"] == ev.THOUGHT_REQUESTED.number]


@pytest.mark.parametrize("budget", [0, 7, 137])
def test_a_society_is_asked_exactly_as_often_as_its_budget_says_in_a_thousand_ticks(budget):
    configuration = Configuration(agents=9, width=6, height=6, think_budget=budget, think_delay=4, **_IMMORTAL)
    history = run(5, 1_000, configuration, mind=shrug)
    assert history.replayed().population == 9
    assert len(requests_of(history)) == budget


def test_a_budget_beyond_everybody_asks_everybody_who_waits_for_no_answer():
    scene = village(5)
    scene.fold(asked(2))
    assert sorted(row for row, *_ in next_up(scene, budget=50_000)) == [0, 1, 3, 4]


def test_the_answer_takes_effect_a_delay_after_the_question():
    scene = village(1, think_budget=1_000, think_delay=7)
    told = one(scene.step(), "ThoughtRequested")
    assert (told["tick"], told["due"], told["purpose"], told["reason"]) == (1, 8, "intention", "silence")
    for _ in range(6):
        assert not every(scene.step(), "ThoughtRequested"), "one question at a time"


# -- who comes first ---------------------------------------------------------------------------------


def troubled() -> Scene:
    """Return a scene in which 5 is spoken to, 4 starves, 3 has news, 2 has a lot to reflect on; 0 and 1 are silent."""
    scene = village(7, think_delay=1, reflect_at=1_000)
    scene.fold(
        event(ev.AGENT_RESTED, agent=4, energy=5_000, satiety=1_000, company=9_000),
        event(ev.NEWS_HEARD, agent=3, payload={"news": "1:1", "text": "Gold!"}),
        event(ev.MEMORY_FORMED, agent=2, memory_kind="plan", importance=1_000, payload={"text": "That.", "cites": []}),
    )
    scene.step(words(scene.world, 6, 5))
    return scene


def test_the_spoken_to_come_first_then_crisis_then_news_then_reflection_then_silence():
    scene = troubled()
    assert slots_of(3, 5_000)[0] % 4 == 2
    asked = next_up(scene, budget=5_000)
    # The second turn of this tick is one of those that belong to the longest silent.
    pressing = [asked[0], *asked[2:]]
    reasons = [reason for _, _, reason in pressing]
    assert reasons == sorted(reasons)
    assert (pressing[0][0], pressing[0][2]) == (5, Reason.SPOKEN_TO)
    everybody = {row: (purpose, reason) for row, purpose, reason in next_up(scene, budget=50_000)}
    assert everybody[4] == (Purpose.INTENTION, Reason.CRISIS)
    assert everybody[3] == (Purpose.INTENTION, Reason.MILESTONE)
    assert everybody[2] == (Purpose.REFLECTION, Reason.REFLECTION)
    assert everybody[0] == (Purpose.INTENTION, Reason.SILENCE)


def test_every_fourth_turn_is_the_longest_silent_ones_whatever_presses_others():
    scene = troubled()
    for k, who in enumerate((1, 2, 3, 4, 5, 6)):  # 0 was asked long before all others
        scene.fold(*([asked(0), refused(0)] if k == 0 else []), asked(who), refused(who))
    scene.step(words(scene.world, 6, 5))
    scene.step(words(scene.world, 5, 6))
    for turn in range(8):
        ((row, _, reason),) = next_up(scene, budget=1_000, tick=turn + 101)
        if turn % 4 == 3:
            assert row in (0, 1) and reason == Reason.SILENCE
        else:
            assert reason < Reason.SILENCE


def test_among_equals_the_longest_silent_comes_first():
    scene = village(4)
    for who in (2, 0, 3, 1):
        scene.fold(asked(who), refused(who))
    assert [row for row, *_ in next_up(scene, budget=4_000)] == [2, 0, 3, 1]


def test_words_call_for_an_answer_only_while_the_other_waits_for_it():
    scene = village(3)
    scene.step(words(scene.world, 0, 1))
    reasons = {row: reason for row, _, reason in next_up(scene, budget=50_000)}
    assert reasons == {0: Reason.SILENCE, 1: Reason.SPOKEN_TO, 2: Reason.SILENCE}
    scene.step(words(scene.world, 1, 0))
    reasons = {row: reason for row, _, reason in next_up(scene, budget=50_000)}
    assert reasons == {0: Reason.SPOKEN_TO, 1: Reason.SILENCE, 2: Reason.SILENCE}
    scene.step(words(scene.world, 1, 2))  # 1 does not wait for 0 any more
    assert every(scene.step(), "AgentRested", agent=0)
    reasons = {row: reason for row, _, reason in next_up(scene, budget=50_000)}
    assert reasons[0] == Reason.SILENCE


def test_need_makes_the_same_agent_think_again_only_after_six_delays():
    scene = village(1, think_delay=3)
    scene.fold(event(ev.AGENT_RESTED, agent=0, energy=500, satiety=9_000, company=9_000))
    assert next_up(scene, budget=50_000)[0][2] == Reason.CRISIS
    scene.fold(asked(0), refused(0))
    last = scene.world.tick
    assert next_up(scene, budget=50_000, tick=last + 18)[0][2] == Reason.SILENCE
    assert next_up(scene, budget=50_000, tick=last + 19)[0][2] == Reason.CRISIS


def test_who_dies_in_a_tick_is_not_asked_in_it():
    scene = Scene(homes=2, mind="scripted", think_budget=2_000)
    scene.agent(0, intention="rest", born=-100, lifespan=101)
    scene.agent(3, intention="rest")
    assert [e["agent"] for e in every(scene.step(), "ThoughtRequested")] == [1]


def test_an_answer_and_the_next_question_never_fall_into_one_tick():
    history = scenario("minded")
    for batch in history.batches:
        kinds = batch.records["kind"]
        answered = np.isin(kinds, [k.number for k in (ev.THOUGHT_TAKEN, ev.THOUGHT_REFUSED, ev.REFLECTION_MADE)])
        again = set(batch.records["agent"][answered]) & set(
            batch.records["agent"][kinds == ev.THOUGHT_REQUESTED.number].tolist()
        )
        assert not again


def test_words_wait_for_an_answer_only_of_whose_turn_it_is():
    history = scenario("minded")
    world, seen = history.replayed(1), 0
    for batch in history.batches[1:300]:
        fold(world, batch)
        for who, mind in areas_of(world)["minds"].items():
            if mind["reason"] == Reason.SPOKEN_TO:
                assert mind["talk"] and mind["talk"]["turn"] == who
                seen += 1
    assert seen > 100


# -- fairness ----------------------------------------------------------------------------------------


@given(st.integers(2, 12), st.sampled_from([40, 150, 700, 2_500]), st.integers(1, 9), st.integers(0, 2**32))
@settings(max_examples=25)
def test_nobody_waits_for_ever(n, budget, delay, seed):
    configuration = Configuration(
        agents=n, width=6, height=6, homes=n, think_budget=budget, think_delay=delay, **_IMMORTAL
    )
    # Every fourth turn takes the longest silent, so after so many everybody has had one.
    longest = math.ceil((4 * n + 4) * 1_000 / budget) + delay + 1
    history = run(seed, min(3 * longest, 2_500), configuration, mind=think)
    requests = requests_of(history)
    for who in range(n):
        ticks = [0, *requests["tick"][requests["agent"] == who].tolist(), history.ticks - 1]
        assert max(b - a for a, b in pairwise(ticks)) <= longest, f"agent {who}"


def test_no_id_is_favoured():
    scene = village(16)
    counts: Counter[int] = Counter()
    for seed in range(3_000):
        ((row, _, _),) = next_up(scene, budget=1_000, tick=1, seed=seed)
        counts[row] += 1
    expected = 3_000 / 16
    chi_squared = sum((counts[row] - expected) ** 2 / expected for row in range(16))
    assert chi_squared < 45, counts  # 15 degrees of freedom: beyond this lies one in ten thousand


def test_low_ids_are_asked_no_more_often_than_high_ones():
    total = np.zeros(20)
    for seed in range(12):
        configuration = Configuration(agents=20, width=6, height=6, think_budget=150, think_delay=3, **_IMMORTAL)
        total += np.bincount(requests_of(run(seed, 300, configuration))["agent"], minlength=20)
    correlation = np.corrcoef(np.arange(20), total)[0, 1]
    assert abs(correlation) < 0.55, correlation


def test_who_is_next_depends_on_nothing_that_a_snapshot_would_lose():
    scene = troubled()
    before = next_up(scene, budget=50_000)
    scene._world = scene.world.copy()
    assert next_up(scene, budget=50_000) == before
