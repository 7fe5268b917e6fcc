"""Talk: who hears what, whose turn it is, how conversations end, what is on offer."""

from __future__ import annotations

from typing import Any

import pytest

from domain import columns as col
from domain import events as ev
from tests.support.areas import areas_of
from tests.support.histories import NEEDS, Scene, event
from tests.support.minds import cause_of, every, one, place_of, words

pytestmark = pytest.mark.unit

_TRADE = {"give": "wood", "quantity": 300, "take": "food", "taken": 200}


def talkers(n: int = 2, *, apart: int = 2, **settings: Any) -> Scene:
    """Return a scene of people who rest in one row, too far apart to meet by chance; nobody is asked anything."""
    scene = Scene(width=24, height=4, homes=n, mind="scripted", **{"think_budget": 0, **settings})
    for k in range(n):
        scene.agent(k * apart, intention="rest", energy=5_000, goods={"wood": 1_000, "food": 1_000})
    return scene


def mind(scene: Scene, who: int) -> dict[str, Any]:
    return areas_of(scene.world)["minds"][who]


def say(scene: Scene, who: int, to: int, act: str = "inform", **more: Any) -> list[dict[str, Any]]:
    """Let a tick happen in which somebody says something."""
    return scene.step(words(scene.world, who, to, act, **more))


def closed(told: list[dict[str, Any]]) -> list[str]:
    return [e["because"] for e in every(told, "ConversationClosed")]


# -- hearing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "heard"), [(4, True), (5, False)])
def test_words_reach_as_far_as_hearing_does(cell, heard):
    scene = Scene(width=24, height=4, homes=2, mind="scripted", think_budget=0, hearing=4)
    ana, bo = scene.agent(0, intention="rest"), scene.agent(cell, intention="rest")
    told = say(scene, ana, bo)
    taken = one(told, "ThoughtTaken")
    assert bool(every(told, "SpeechMade")) == heard
    assert taken["unsaid"] == (None if heard else "out of hearing")
    assert len(mind(scene, bo)["inbox"]) == heard


def test_a_speech_is_the_speakers_one_action_and_the_thought_is_its_cause():
    scene = talkers()
    told = say(scene, 0, 1, "ask", say="How are you?")
    spoken = one(told, "SpeechMade")
    assert (spoken["agent"], spoken["target"], spoken["act"], spoken["text"]) == (0, 1, "ask", "How are you?")
    assert cause_of(spoken) == place_of(one(told, "ThoughtTaken"))
    assert [e["kind"] for e in told if e["agent"] == 0] == ["ThoughtTaken", "SpeechMade", "MemoryFormed"]
    assert one(told, "AgentRested")["agent"] == 1
    assert scene.world.agents[col.ACTED, 0] == ev.packed_address(place_of(spoken))
    assert spoken["company"] == min(10_000, 9_500 - 15 + 1_500)


def test_what_was_said_stands_in_the_listeners_inbox_and_nowhere_else():
    scene = talkers(3)
    spoken = one(say(scene, 0, 1, "ask", say="How are you?"), "SpeechMade")
    assert mind(scene, 1)["inbox"] == [(0, ev.packed_address(place_of(spoken)), 2, "How are you?")]
    assert mind(scene, 0)["inbox"] == mind(scene, 2)["inbox"] == []


def test_an_inbox_keeps_the_newest_three():
    scene = talkers(hearing=20)
    for k in range(4):
        say(scene, 0, 1, say=f"Words {k}.")
        say(scene, 1, 0, say="Yes.")
    assert [text for *_, text in mind(scene, 1)["inbox"]] == ["Words 1.", "Words 2.", "Words 3."]


@pytest.mark.parametrize("to", [7, 2**31 - 1])
def test_words_to_nobody_who_lives_are_not_said(to):
    scene = talkers()
    told = say(scene, 0, to)
    assert one(told, "ThoughtTaken")["unsaid"] == "the other is not alive"
    assert not every(told, "SpeechMade")


def test_nobody_speaks_with_the_dying():
    scene = Scene(homes=3, mind="scripted", think_budget=0)
    ana, bo = scene.agent(0, born=-100, lifespan=101, intention="rest"), scene.agent(2, intention="rest")
    told = scene.step(words(scene.world, ana, bo), words(scene.world, bo, ana))
    assert [e["unsaid"] for e in every(told, "ThoughtTaken")] == ["dying", "the other is not alive"]
    assert not every(told, "SpeechMade")
    assert [e["agent"] for e in every(told, "AgentDied")] == [ana]


def test_an_answer_without_words_says_nothing_and_tells_of_nothing_unsaid():
    scene = talkers()
    given = words(scene.world, 0, 1)
    for name in ("act", "to", "say"):
        del given.answer[name]
    told = scene.step(given)
    assert "unsaid" not in one(told, "ThoughtTaken") and not every(told, "SpeechMade")


def test_without_minds_words_change_nothing():
    scene = Scene(homes=2)
    ana, bo = scene.agent(0, intention="rest"), scene.agent(2, intention="rest")
    told = say(scene, ana, bo)
    assert "unsaid" not in one(told, "ThoughtTaken")
    assert {e["kind"] for e in told} == {"ThoughtTaken", "AgentRested"}


# -- turns -------------------------------------------------------------------------------------------


def test_the_first_words_open_a_conversation_that_is_named_for_them_and_later_ones_belong_to_it():
    scene = talkers()
    first = one(say(scene, 0, 1), "SpeechMade")
    second = one(say(scene, 1, 0), "SpeechMade")
    third = one(say(scene, 0, 1), "SpeechMade")
    assert [e["conversation"] for e in (first, second, third)] == [place_of(first)] * 3
    talk = {"opened": ev.packed_address(place_of(first)), "count": 3, "last": 3, "turn": 1}
    talk["speech"] = ev.packed_address(place_of(third))
    assert mind(scene, 0)["talk"] == {**talk, "partner": 1}
    assert mind(scene, 1)["talk"] == {**talk, "partner": 0}


def test_who_has_spoken_waits_for_the_other():
    scene = talkers()
    say(scene, 0, 1)
    told = say(scene, 0, 1)
    assert one(told, "ThoughtTaken")["unsaid"] == "it is the other's turn"
    assert not every(told, "SpeechMade")
    assert every(say(scene, 1, 0), "SpeechMade")
    assert every(say(scene, 0, 1), "SpeechMade")


def test_two_who_speak_to_each_other_at_once_are_in_one_conversation():
    scene = talkers()
    told = scene.step(words(scene.world, 1, 0), words(scene.world, 0, 1))
    first, second = every(told, "SpeechMade")
    assert (first["agent"], second["agent"]) == (0, 1)  # in the order of the inputs' keys
    assert second["conversation"] == first["conversation"] == place_of(first)
    assert mind(scene, 0)["talk"]["turn"] == mind(scene, 1)["talk"]["turn"] == 0


def test_nobody_breaks_into_a_conversation():
    scene = talkers(3)
    say(scene, 0, 1)
    told = say(scene, 2, 1)
    assert one(told, "ThoughtTaken")["unsaid"] == "the other is talking to somebody else"
    assert mind(scene, 1)["talk"]["partner"] == 0


def test_of_two_who_speak_to_a_third_at_once_one_is_heard():
    scene = talkers(3)
    told = scene.step(words(scene.world, 0, 1), words(scene.world, 2, 1))
    assert [e["unsaid"] for e in every(told, "ThoughtTaken")] == [None, "the other is talking to somebody else"]
    assert len(every(told, "SpeechMade")) == 1


def test_who_has_said_something_in_a_tick_says_no_more_in_it():
    scene = talkers(3)
    more = words(scene.world, 0, 2)
    told = scene.step(words(scene.world, 0, 1), type(more)(type(more.key)(0, 0, "intention", 1), 1, more.answer))
    assert [e["unsaid"] for e in every(told, "ThoughtTaken")] == [None, "has spoken already"]
    assert [e["target"] for e in every(told, "SpeechMade")] == [1]


# -- endings -----------------------------------------------------------------------------------------


def test_who_turns_to_somebody_else_leaves_a_conversation():
    scene = talkers(3)
    first = one(say(scene, 0, 1), "SpeechMade")
    told = say(scene, 0, 2)
    left, spoken = one(told, "ConversationClosed"), one(told, "SpeechMade")
    assert (left["agent"], left["target"], left["because"]) == (0, 1, "left")
    assert left["conversation"] == place_of(first) != spoken["conversation"] == place_of(spoken)
    assert left["ordinal"] < spoken["ordinal"]
    assert mind(scene, 1)["talk"] is None
    assert mind(scene, 0)["talk"]["partner"] == 2


def test_a_conversation_without_words_ends_after_four_thinking_delays():
    scene = talkers(think_delay=3)
    spoken = one(say(scene, 0, 1), "SpeechMade")
    for _ in range(12):
        assert not closed(scene.step())
    told = scene.step()
    assert closed(told) == ["silence"]
    assert cause_of(one(told, "ConversationClosed")) == place_of(spoken)
    assert mind(scene, 0)["talk"] is mind(scene, 1)["talk"] is None
    assert not closed(scene.step())


@pytest.mark.parametrize(("cell", "ended"), [(8, []), (9, ["distance"])])
def test_a_conversation_ends_when_its_sides_are_twice_as_far_apart_as_they_hear(cell, ended):
    scene = talkers(hearing=4)
    say(scene, 0, 1)
    scene.fold(event(ev.AGENT_MOVED, agent=1, cell=cell, from_cell=2, **NEEDS))
    assert closed(scene.step()) == ended


def test_the_eighth_speech_ends_a_conversation():
    scene = talkers()
    for k in range(7):
        assert not closed(say(scene, k % 2, 1 - k % 2))
    told = say(scene, 1, 0)
    assert closed(told) == ["length"]
    assert cause_of(one(told, "ConversationClosed")) == place_of(one(told, "SpeechMade"))
    assert mind(scene, 0)["talk"] is mind(scene, 1)["talk"] is None
    assert one(say(scene, 1, 0), "SpeechMade")["conversation"] == "9:1"  # they may begin another


@pytest.mark.parametrize("dies", [0, 1])
def test_a_death_ends_a_conversation_and_lets_the_other_go(dies):
    scene = Scene(homes=3, mind="scripted", think_budget=0)
    for k in range(2):
        scene.agent(3 * k, intention="rest", **({"born": -100, "lifespan": 102} if k == dies else {}))
    spoken = one(say(scene, 0, 1, "propose"), "SpeechMade")
    told = scene.step()
    (end,) = every(told, "ConversationClosed")
    assert (end["agent"], end["target"], end["because"]) == (1 - dies, dies, "death")
    assert end["conversation"] == place_of(spoken)
    assert mind(scene, 1 - dies)["talk"] is mind(scene, 1 - dies)["offer"] is None
    assert not closed(scene.step())


def test_two_who_die_at_once_leave_nothing_open():
    scene = Scene(homes=3, mind="scripted", think_budget=0)
    for k in range(2):
        scene.agent(3 * k, intention="rest", born=-100, lifespan=102)
    say(scene, 0, 1)
    told = scene.step()
    assert len(every(told, "AgentDied")) == 2 and not closed(told)


# -- meanwhile ---------------------------------------------------------------------------------------


def test_who_talks_stays_where_they_are_until_hunger_calls():
    def walked(satiety: int) -> bool:
        scene = Scene(width=24, height=4, homes=2, mind="scripted", think_budget=0)
        ana = scene.agent(0, intention="rest")
        bo = scene.agent(2, intention="explore", goal=40, satiety=satiety)
        say(scene, ana, bo)
        return bool(every(scene.step(), "AgentMoved", agent=bo))

    assert not walked(satiety=9_000)
    assert walked(satiety=5_000)


# -- offers ------------------------------------------------------------------------------------------


def test_a_proposal_is_on_offer_to_whom_it_was_made_until_it_is_answered():
    scene = talkers()
    proposal = one(say(scene, 0, 1, "propose", terms=_TRADE), "SpeechMade")
    assert proposal["terms"] == _TRADE
    offer = {"proposer": 0, "at": ev.packed_address(place_of(proposal)), "work": -1, "give": (1, 300), "take": (0, 200)}
    assert mind(scene, 1)["offer"] == offer
    assert mind(scene, 0)["offer"] is None
    say(scene, 1, 0, "inform")
    assert mind(scene, 1)["offer"] == offer
    say(scene, 0, 1, "inform")
    told = say(scene, 1, 0, "refuse")
    assert one(told, "SpeechMade")["terms"] == _TRADE
    assert not every(told, "PledgeMade")
    assert mind(scene, 1)["offer"] is None


def test_a_proposal_without_terms_is_of_the_work_that_its_speaker_is_set_on():
    scene = talkers()
    assert one(say(scene, 0, 1, "propose", intention="mine"), "SpeechMade")["terms"] == {"work": "mine"}
    assert mind(scene, 1)["offer"]["work"] == 3
    scene = talkers()
    assert "terms" not in one(say(scene, 0, 1, "propose", intention="socialise"), "SpeechMade")
    told = say(scene, 1, 0, "accept")  # of what, nobody can say
    assert "terms" not in one(told, "SpeechMade") and not every(told, "PledgeMade")


def test_an_acceptance_is_of_what_was_offered_whatever_terms_the_answer_names():
    scene = talkers()
    say(scene, 0, 1, "propose", terms=_TRADE)
    told = say(scene, 1, 0, "accept", terms={"give": "coin", "quantity": 9, "take": "food", "taken": 1})
    assert one(told, "SpeechMade")["terms"] == one(told, "PledgeMade")["terms"] == _TRADE


def test_an_offer_is_answered_once():
    scene = talkers()
    say(scene, 0, 1, "propose", terms={"work": "forage"})
    assert every(say(scene, 1, 0, "accept"), "PledgeMade")
    say(scene, 0, 1, "thank")
    told = say(scene, 1, 0, "accept")
    assert "terms" not in one(told, "SpeechMade") and not every(told, "PledgeMade")


def test_nobody_accepts_what_was_offered_to_another():
    scene = talkers(3)
    say(scene, 0, 1, "propose", terms={"work": "forage"})
    say(scene, 1, 2)  # who leaves a conversation leaves its offers
    assert mind(scene, 1)["offer"] is None
    told = say(scene, 2, 1, "accept")
    assert not every(told, "PledgeMade")


def test_an_offer_ends_with_its_conversation_even_in_the_very_tick():
    scene = talkers()
    for who in (1, 0, 1, 0, 1):
        say(scene, who, 1 - who)
    say(scene, 0, 1, "propose", terms=_TRADE)
    say(scene, 1, 0, "ask")  # the seventh speech: the offer stands
    assert mind(scene, 1)["offer"]["proposer"] == 0
    told = scene.step(words(scene.world, 0, 1), words(scene.world, 1, 0, "accept"))
    assert closed(told) == ["length"]
    accepted = every(told, "SpeechMade")[1]
    assert accepted["act"] == "accept" and "terms" not in accepted
    assert not every(told, "PledgeMade")


def test_who_proposes_anew_takes_the_old_proposal_back():
    scene = talkers()
    say(scene, 0, 1, "propose", terms=_TRADE)
    say(scene, 1, 0, "ask")
    told = scene.step(
        words(scene.world, 0, 1, "propose", terms=_TRADE | {"taken": 900}), words(scene.world, 1, 0, "accept")
    )
    assert not every(told, "PledgeMade")  # the answer was to what is no longer offered
    assert "terms" not in every(told, "SpeechMade")[1]
