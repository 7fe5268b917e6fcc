"""What is remembered and forgotten, how news goes round, reflection, and answers that never came."""

from __future__ import annotations

from typing import Any

import pytest

from domain import columns as col
from domain import events as ev
from domain.errors import InvalidInput
from domain.minds.columns import MEMORY_SLOTS
from domain.minds.remember import TEXT_MAX
from tests.support.areas import areas_of
from tests.support.histories import Scene, answer, event, run
from tests.support.minds import cause_of, every, one, place_of, words

pytestmark = pytest.mark.unit


def village(n: int = 2, *, apart: int = 2, mortal: int | None = None, **settings: Any) -> Scene:
    """Return people who rest in one row out of each other's way; one may be about to die of age."""
    scene = Scene(width=30, height=4, homes=n, mind="scripted", **{"think_budget": 0, "hunger": 0, **settings})
    for k in range(n):
        span = {"born": -100, "lifespan": 101} if k == mortal else {}
        scene.agent(k * apart, intention="rest", energy=3_000, **span)
    return scene


def mind(scene: Scene, who: int) -> dict[str, Any]:
    return areas_of(scene.world)["minds"][who]


def kept(scene: Scene, who: int) -> list[tuple[int, int]]:
    """Return (address, weight) of what somebody remembers."""
    return [memory for memory in mind(scene, who)["memories"] if memory]


def news(scene: Scene, who: int, text: str = "Gold in the hills!", call: int = 0) -> list[dict[str, Any]]:
    """Let a tick happen in which somebody hears news from outside."""
    tick = scene.world.tick
    return scene.step(answer(who, asked=tick, effect=tick + 1, call=call, purpose="intervention", news=text))


def remembers(who: int, weight: int, sort: str = "observation") -> Any:
    return event(
        ev.MEMORY_FORMED, agent=who, memory_kind=sort, importance=weight, payload={"text": "That.", "cites": []}
    )


def tied(to: int, *strengths: tuple[int, int]) -> list[Any]:
    return [event(ev.AGENTS_MET, agent=who, target=to, tie_slot=0, tie_strength=s) for who, s in strengths]


# -- remembering -------------------------------------------------------------------------------------


def test_who_hears_words_remembers_them_and_who_says_them_does_not():
    scene = village()
    told = scene.step(words(scene.world, 0, 1, "propose", say="Let us dig."))
    (memory,) = every(told, "MemoryFormed", agent=1)
    assert memory["text"] == 'Ada Alder said to me: "Let us dig."'
    assert (memory["memory_kind"], memory["importance"], memory["cites"]) == ("conversation", 500, [])
    assert cause_of(memory) == place_of(one(told, "SpeechMade"))
    assert [e["memory_kind"] for e in every(told, "MemoryFormed", agent=0)] == ["plan"]
    assert kept(scene, 1) == [(ev.packed_address(place_of(memory)), 500)]


def test_the_text_of_a_memory_has_a_bound():
    scene = village()
    told = scene.step(words(scene.world, 0, 1, say="a" * 400))
    assert len(one(told, "MemoryFormed", agent=1)["text"]) == TEXT_MAX == 240
    assert len(one(told, "SpeechMade")["text"]) == 400


def test_who_dies_remembers_nothing_of_that_tick():
    scene = village(mortal=1)
    tick = scene.world.tick
    told = scene.step(
        answer(1, asked=tick, effect=tick + 1, intention="mine"),
        answer(1, asked=tick, effect=tick + 1, purpose="intervention", news="Gold!"),
    )
    assert every(told, "AgentDied", agent=1) and every(told, "ThoughtTaken") and every(told, "NewsHeard")
    assert not every(told, "MemoryFormed")


# -- forgetting --------------------------------------------------------------------------------------


def full(*weights: int) -> Scene:
    scene = village()
    scene.fold(*(remembers(1, weight) for weight in weights))
    return scene


def test_with_no_room_left_the_least_important_is_marked_as_forgotten_and_of_those_the_oldest():
    scene = full(*[500] * 10, 300, *[500] * 10, 300, *[500] * 18)
    assert len(kept(scene, 1)) == MEMORY_SLOTS == 40
    told = scene.step(words(scene.world, 0, 1, "ask"))
    forgotten, formed = one(told, "MemoryForgotten"), one(told, "MemoryFormed", agent=1)
    assert forgotten["memory"] == "1:10"
    assert forgotten["ordinal"] == formed["ordinal"] - 1
    assert cause_of(forgotten) == cause_of(formed) == place_of(one(told, "SpeechMade"))
    told = scene.step(words(scene.world, 1, 0))  # its own plan is remembered too
    assert one(told, "MemoryForgotten", agent=1)["memory"] == "1:21"
    assert len(kept(scene, 1)) == MEMORY_SLOTS


def test_nothing_is_forgotten_while_there_is_room():
    scene = full(*[500] * 39)
    assert not every(scene.step(words(scene.world, 0, 1)), "MemoryForgotten")
    assert len(kept(scene, 1)) == 40


def test_several_memories_of_one_tick_find_room_one_after_another():
    scene = full(*[500] * 40)
    tick = scene.world.tick
    gifts = [answer(1, asked=tick, effect=tick + 1, call=k, purpose="intervention", news=f"{k}!") for k in range(3)]
    told = scene.step(*gifts)
    assert [e["memory"] for e in every(told, "MemoryForgotten")] == ["1:0", "1:1", "1:2"]
    assert len(kept(scene, 1)) == 40


# -- deaths ------------------------------------------------------------------------------------------


def test_those_who_were_close_mourn_and_know_the_news_and_strangers_do_not():
    scene = village(4, mortal=0)
    scene._agents += tied(0, (1, 60), (2, 59))
    told = scene.step()
    death = one(told, "AgentDied")
    heard = one(told, "NewsHeard")
    assert (heard["agent"], heard["news"], heard["text"]) == (1, place_of(death), "Ada Alder died of old age.")
    assert "target" not in heard and cause_of(heard) == place_of(death)
    memory = one(told, "MemoryFormed")
    assert (memory["agent"], memory["text"], memory["importance"]) == (1, "Ada Alder died of old age.", 700)
    assert mind(scene, 1)["reason"] == 2


def test_of_many_friends_the_dearest_mourn_whatever_their_ids():
    scene = village(12, mortal=0)
    scene._agents += tied(0, *((who, 60 + 10 * who) for who in range(1, 12)))
    assert sorted(e["agent"] for e in every(scene.step(), "NewsHeard")) == list(range(4, 12))


def test_of_equally_dear_friends_no_id_is_favoured():
    mourned = []
    for born in range(40):
        scene = Scene(width=30, height=4, homes=12, mind="scripted", think_budget=0, hunger=0)
        for k in range(12):
            span = {"born": -100 - born, "lifespan": 101 + born + (born if k == 0 else 0)} if k == 0 else {}
            scene.agent(2 * k, intention="rest", energy=3_000, **span)
        scene._agents += tied(0, *((who, 100) for who in range(1, 12)))
        for _ in range(born + 1):
            told = scene.step()
        mourned += [e["agent"] for e in every(told, "NewsHeard")]
    counts = [mourned.count(who) for who in range(1, 12)]
    assert sum(counts) == 40 * 8
    assert max(counts) < 38 and min(counts) > 20, counts


# -- news --------------------------------------------------------------------------------------------


def test_news_from_outside_is_known_to_one_and_its_source_is_told():
    scene = village(3)
    told = news(scene, 0)
    made, heard = one(told, "InterventionMade"), one(told, "NewsHeard")
    assert heard["news"] == cause_of(heard) == place_of(made)
    assert "target" not in heard
    assert one(told, "MemoryFormed")["text"] == "Gold in the hills!"
    assert [len(mind(scene, k)["news"]) for k in range(3)] == [1, 0, 0]


def test_gossip_passes_news_on_and_every_step_of_its_way_is_told():
    scene = village(3)
    source = place_of(one(news(scene, 0), "InterventionMade"))
    told = scene.step(words(scene.world, 0, 1, "gossip"))
    speech, heard = one(told, "SpeechMade"), one(told, "NewsHeard")
    assert speech["news"] == heard["news"] == source
    assert (heard["agent"], heard["target"], heard["text"]) == (1, 0, "Gold in the hills!")
    assert cause_of(heard) == place_of(speech)
    told = scene.step(words(scene.world, 1, 2, "gossip"))
    heard = one(told, "NewsHeard")
    assert (heard["agent"], heard["target"], heard["news"]) == (2, 1, source)
    assert one(told, "MemoryFormed", importance=800)["text"] == "Ada Alder told me: Gold in the hills!"
    assert mind(scene, 2)["news"] == [(ev.packed_address(source), "Gold in the hills!", 1)]


def test_news_does_not_go_back_to_who_told_it():
    scene = village()
    news(scene, 0)
    scene.step(words(scene.world, 0, 1, "gossip"))
    told = scene.step(words(scene.world, 1, 0, "gossip"))
    assert "news" not in one(told, "SpeechMade") and not every(told, "NewsHeard")


def test_who_knows_the_news_already_does_not_hear_it_again():
    scene = village(3)
    news(scene, 0)
    scene.step(words(scene.world, 0, 1, "gossip"))
    scene.step(words(scene.world, 0, 2, "gossip"))
    told = scene.step(words(scene.world, 1, 2, "gossip"))  # 2 is talking to 0
    assert one(told, "ThoughtTaken")["unsaid"]
    scene.step(words(scene.world, 2, 1, "greet"))
    told = scene.step(words(scene.world, 1, 2, "gossip"))
    assert every(told, "SpeechMade") and not every(told, "NewsHeard")


@pytest.mark.parametrize("act", ["greet", "inform", "ask", "propose", "accept", "refuse", "thank"])
def test_only_gossip_passes_news_on(act):
    scene = village()
    news(scene, 0)
    told = scene.step(words(scene.world, 0, 1, act, say="Gold in the hills!"))
    assert every(told, "SpeechMade") and not every(told, "NewsHeard")


def test_the_newest_news_is_told_first_and_three_are_kept():
    scene = village()
    for k in range(4):
        news(scene, 0, f"News {k}")
    assert [text for _, text, _ in mind(scene, 0)["news"]] == ["News 1", "News 2", "News 3"]
    assert one(scene.step(words(scene.world, 0, 1, "gossip")), "NewsHeard")["text"] == "News 3"


def test_news_for_a_society_without_minds_is_refused_and_told():
    scene = Scene(homes=2)
    scene.agent(0, intention="rest")
    told = news(scene, 0)
    assert "no minds" in one(told, "InterventionMade")["refused"]
    assert not every(told, "NewsHeard")


# -- reflection --------------------------------------------------------------------------------------


def asked(who: int, due: int, purpose: str) -> Any:
    return event(ev.THOUGHT_REQUESTED, agent=who, due=due, purpose=purpose, reason="reflection")


def reflecting(**given: Any) -> tuple[Scene, list[dict[str, Any]]]:
    """Return a scene in which somebody with three memories answers when asked to reflect, and what happened."""
    scene = village()
    scene.fold(*(remembers(0, 500) for _ in range(3)))
    scene.fold(asked(0, 3, "reflection"))
    assert mind(scene, 0)["importance"] == 1_500
    assert mind(scene, 0)["purpose"] == 1
    return scene, scene.step(answer(0, asked=2, effect=3, purpose="reflection", **given))


def test_a_reflection_becomes_a_memory_that_cites_what_it_rests_on():
    scene, told = reflecting(insight="Digging pays.", cites=["1:0", "1:2"])
    made, memory = one(told, "ReflectionMade"), one(told, "MemoryFormed")
    assert cause_of(made) == "2:0" and cause_of(memory) == place_of(made)
    assert (memory["memory_kind"], memory["text"], memory["cites"]) == ("reflection", "Digging pays.", ["1:0", "1:2"])
    assert mind(scene, 0)["importance"] == 0, "a reflection does not count towards the next"
    assert mind(scene, 0)["purpose"] == -1
    assert scene.world.agents[[col.THOUGHT_DUE, col.ASKED], 0].tolist() == [-1, -1]
    assert one(told, "AgentRested", agent=0), "thinking is no action"


def test_a_refused_reflection_leaves_no_memory_and_importance_comes_together_anew():
    scene, told = reflecting(refused="timed out")
    assert one(told, "ThoughtRefused")["because"] == "timed out"
    assert not every(told, "MemoryFormed") and not every(told, "ReflectionMade")
    assert (mind(scene, 0)["importance"], mind(scene, 0)["purpose"]) == (0, -1)


def test_a_refused_intention_leaves_intention_words_and_memories_as_they_were():
    scene = village()
    scene.fold(remembers(0, 500))
    scene.fold(asked(0, 3, "intention"))
    before = (scene.world.agents[col.INTENTION, 0], kept(scene, 0))
    told = scene.step(answer(0, asked=2, effect=3, refused="no usable answer"))
    assert {e["kind"] for e in told} == {"ThoughtRefused", "AgentRested"}
    assert (scene.world.agents[col.INTENTION, 0], kept(scene, 0)) == before
    assert mind(scene, 0)["importance"] == 500


def test_the_reason_of_a_refusal_is_told_as_stores_can_keep_it():
    scene = village()
    scene.fold(asked(0, 2, "intention"))
    told = scene.step(answer(0, asked=1, effect=2, refused="bad \0 \ud83d" + "a" * 9_999))
    assert one(told, "ThoughtRefused")["because"] == "bad \ufffd \ufffd" + "a" * 393


def test_a_reflection_in_a_society_without_minds_is_refused_by_name():
    scene = Scene()
    scene.agent(0, intention="rest")
    with pytest.raises(InvalidInput, match="no minds"):
        scene.decide(answer(0, asked=0, effect=1, purpose="reflection", insight="Hm."))


def test_words_heard_in_the_tick_in_which_one_is_asked_to_reflect_still_call_for_an_answer():
    scene = village()
    speech = event(
        ev.SPEECH_MADE, agent=0, target=1, tie_slot=0, tie_strength=5, energy=1, satiety=1, company=1,
        payload={"act": "ask", "text": "Well?", "conversation": "1:0"},
    )  # fmt: skip
    scene.fold(speech, asked(1, 9, "reflection"))
    assert (mind(scene, 1)["reason"], mind(scene, 1)["reason_tick"]) == (0, 1)


def test_words_heard_in_the_tick_in_which_one_is_asked_what_to_do_are_part_of_the_question():
    scene = village()
    speech = event(
        ev.SPEECH_MADE, agent=0, target=1, tie_slot=0, tie_strength=5, energy=1, satiety=1, company=1,
        payload={"act": "ask", "text": "Well?", "conversation": "1:0"},
    )  # fmt: skip
    scene.fold(speech, asked(1, 9, "intention"))
    assert mind(scene, 1)["reason"] == -1


@pytest.mark.parametrize("how", ["answered", "closed"])
def test_words_that_wait_for_no_answer_any_more_hide_no_news(how):
    scene = village(3)
    scene.step(words(scene.world, 0, 1))
    assert mind(scene, 1)["reason"] == 0
    if how == "answered":
        scene.step(words(scene.world, 1, 0))
    else:
        scene.step(words(scene.world, 0, 2))
    assert mind(scene, 1)["reason"] == -1
    news(scene, 1)
    assert mind(scene, 1)["reason"] == 2


# -- a whole society ---------------------------------------------------------------------------------


def test_what_one_is_told_reaches_others_only_by_conversation():
    from domain.configuration import Configuration

    told = {"purpose": "intervention", "by": "a test"}
    given = [answer(who, asked=4, effect=5, news=f"Secret {who}!", **told) for who in range(0, 40, 5)]
    configuration = Configuration(
        agents=40, width=10, height=10, mind="scripted", think_delay=2, think_budget=4_000, hearing=6, homes=60,
        lifespan=300, adulthood=20, birth_interval=40,
    )  # fmt: skip
    history = run(3, 240, configuration, given=given)
    by_place: dict[str, dict[str, Any]] = {}
    knows: dict[str, set[int]] = {}
    spread = 0
    for e in (e for batch in history.batches[1:] for e in batch):
        by_place[place_of(e)] = e
        if e["kind"] == "NewsHeard":
            cause = by_place[cause_of(e)]
            if "target" in e:
                assert (cause["kind"], cause["act"], cause["news"]) == ("SpeechMade", "gossip", e["news"])
                assert (cause["agent"], cause["target"]) == (e["target"], e["agent"])
                assert e["target"] in knows[e["news"]], "nobody passes on what they never heard"
                spread += e["text"].startswith("Secret")
            else:
                assert cause["kind"] in ("InterventionMade", "AgentDied") and e["news"] == place_of(cause)
            knows.setdefault(e["news"], set()).add(e["agent"])
        elif e["kind"] == "MemoryFormed" and "Secret" in e["text"]:
            source = by_place[cause_of(e)]
            assert source["kind"] == "NewsHeard" and source["agent"] == e["agent"]
    assert spread >= 10, "the news went round"
