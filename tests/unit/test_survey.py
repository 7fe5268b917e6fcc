"""Surveys: what is asked, in which order choices are read, what counts as an answer, who is asked, and the count."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopolis import survey_picture
from chronopolis.agreement import share_interval
from chronopolis.errors import UnknownAgent, WrongUsage
from chronopolis.people import describe, living
from chronopolis.survey import (
    DRAWS_MAX,
    SCHEMA,
    Tally,
    frame_of,
    require_draws,
    tallies,
    took_first,
    whom_to_ask,
)
from chronopolis.survey_groups import _quarters, groups_of, values_by
from chronopolis.survey_picture import draw_tallies, draw_waves
from domain.configuration import Configuration
from domain.errors import InvalidConfiguration
from domain.ports import Completed, Completion
from domain.state import World
from tests.support.histories import run
from tests.support.percepts import MEMORIES, percept
from workers.minds.answers import ANSWER_TOKENS, AnswerUnusable
from workers.minds.prompts import estimate_tokens
from workers.minds.scripted import ScriptedEngine
from workers.minds.survey import CHOICE_MAX, CHOICES_MAX, Question, put_question, question_of, read_choice
from workers.minds.words import QUESTION_MAX

pytestmark = pytest.mark.unit

TRUST = question_of("Do you trust your neighbours?", choices=("yes", "no", "hard to say"))


class Saying:
    """An engine that says one thing after the other."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.asked = list(texts), list[Completion]()
        self.identity: dict[str, Any] = {}

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        self.asked.append(wanted)
        return Completed(self.texts.pop(0), 10, 5, 1, None, "saying")

    def close(self) -> None:
        pass


# -- the question ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "because"),
    [
        ("", {}, "nothing in it"),
        ("<>", {"scale": "1-3"}, "nothing in it"),
        ("y " * QUESTION_MAX, {}, "too long"),
        ("x", {"choices": ["yes"]}, "must be 2 to"),
        ("x", {"choices": [str(n) for n in range(CHOICES_MAX + 1)]}, "must be 2 to"),
        ("x", {"choices": ["yes", "Yes"]}, "must differ"),
        ("x", {"choices": [f"{n}{'你' * 50}" for n in range(9)]}, "too long together"),
        ("x", {"choices": ["yes", "{yes}"]}, "must differ"),
        ("x", {"choices": ["yes", ""]}, "ordinary characters"),
        ("x", {"choices": ["yes", "n" * (CHOICE_MAX + 1)]}, "ordinary characters"),
        ("x", {"choices": ["yes", "no"], "scale": "1-3"}, "together with choices"),
        ("x", {"scale": "3-1"}, "such as 1-7"),
        ("x", {"scale": "1-1"}, "such as 1-7"),
        ("x", {"scale": "1-100"}, "such as 1-7"),
        ("x", {"scale": "a-b"}, "such as 1-7"),
        ("x", {"reasons": True}, "there are none"),
        ("x", {"keeps_order": True}, "there are none"),
    ],
)
def test_a_question_that_nobody_could_answer_is_refused(text: str, options: dict[str, Any], because: str) -> None:
    with pytest.raises(InvalidConfiguration, match=because):
        question_of(text, **options)


@pytest.mark.parametrize(("scale", "first", "last"), [("1-7", "1", "7"), ("0..10", "0", "10"), ("-3 - 3", "-3", "3")])
def test_a_scale_is_its_numbers_in_order(scale: str, first: str, last: str) -> None:
    question = question_of("How content are you?", scale=scale)
    assert (question.choices[0], question.choices[-1]) == (first, last)
    assert question.listed_to(3) == question.choices


def test_each_reads_the_choices_in_an_order_of_its_own_and_always_the_same() -> None:
    orders = [TRUST.listed_to(agent) for agent in range(600)]
    assert orders == [TRUST.listed_to(agent) for agent in range(600)]
    assert {frozenset(order) for order in orders} == {frozenset(TRUST.choices)}
    counted = Counter(orders)
    assert len(counted) == 6 and min(counted.values()) > 60
    told = question_of(TRUST.text, choices=TRUST.choices, keeps_order=True)
    assert {told.listed_to(agent) for agent in range(20)} == {TRUST.choices}


# -- the answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ('{"answer": "yes"}', "yes"),
        ('{"answer": " HARD TO SAY "}', "hard to say"),
        ('<think>no, no</think>```json\n{"answer": "yes", "because": "no"}\n```', "yes"),
        ("I would say no.", "no"),
        ("It is Hard to say, honestly.", "hard to say"),
        ('{"answer": "hard to say', "hard to say"),
    ],
)
def test_an_answer_is_read_where_it_names_one_choice(text: str, choice: str) -> None:
    assert read_choice(text, TRUST) == (choice, None)


@pytest.mark.parametrize("text", ["", "maybe", "yes and no", '{"answer": "maybe"}', '{"answer": null}', "{}", "nobody"])
def test_an_answer_that_names_none_or_several_is_none(text: str) -> None:
    with pytest.raises(AnswerUnusable):
        read_choice(text, TRUST)


def test_a_choice_within_another_is_no_second_one() -> None:
    question = question_of("How is it?", choices=("good", "very good"))
    assert read_choice("Very good!", question)[0] == "very good"
    assert read_choice("good", question)[0] == "good"


@pytest.mark.parametrize("text", ["good or very good", "From good to very good."])
def test_a_choice_within_another_is_a_second_one_where_both_are_named(text: str) -> None:
    with pytest.raises(AnswerUnusable, match="several"):
        read_choice(text, question_of("How is it?", choices=("good", "very good")))


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", "3"), ("I say 3.", "3"), ("Three? No: 3!", "3"), ("-3", "-3"), ("\N{MINUS SIGN}2", "-2"), ("0", "0"),
     ('{"answer": 2}', "2"), ('{"answer": "\N{MINUS SIGN}2"}', "-2"), ("3, I say", "3")],
)  # fmt: skip
def test_a_number_of_a_scale_is_read(text: str, number: str) -> None:
    assert read_choice(text, question_of("How?", scale="-3..3"))[0] == number


@pytest.mark.parametrize(
    "text",
    [
        "2.5",
        "2,5",
        "-2",
        "\N{MINUS SIGN}2",
        "7/10",
        "3/8",
        "2-3",
        "2%",
        "1,200",
        "0.3",
        "23",
        '{"answer": 2.5}',
        "1 or 2",
    ],
)
def test_a_number_within_another_is_none_of_a_scale(text: str) -> None:
    with pytest.raises(AnswerUnusable):
        read_choice(text, question_of("How?", scale="1-7"))


def test_no_answer_at_all_is_not_the_choice_none() -> None:
    with pytest.raises(AnswerUnusable):
        read_choice('{"answer": null}', question_of("Which god?", choices=("one", "None")))


def test_a_long_choice_fits_into_the_answer() -> None:
    engine = Saying('{"answer": "no"}')
    long = "你" * CHOICE_MAX
    put_question(engine, MEMORIES, percept(), question_of("信?", choices=(long, "no")))
    put_question(other := Saying('{"answer": "no"}'), MEMORIES, percept(), TRUST)
    assert other.asked[0].max_tokens == ANSWER_TOKENS["survey"]
    assert engine.asked[0].max_tokens >= estimate_tokens(long) + 10


def test_many_choices_take_no_place_from_what_an_agent_remembers() -> None:
    many = question_of(
        "Which?", choices=[f"number {n} of many, all of them of some length" for n in range(CHOICES_MAX)]
    )
    few, told = (
        put_question(Saying(f'{{"answer": "{each.choices[0]}"}}'), MEMORIES, percept(), each) for each in (TRUST, many)
    )
    assert told["memories"] == few["memories"] != []
    assert told["prompt"].partition("A visitor asks")[0] == few["prompt"].partition("A visitor asks")[0]


@given(st.text(max_size=200))
def test_whatever_an_engine_says_is_a_choice_or_unusable(text: str) -> None:
    with contextlib.suppress(AnswerUnusable):
        assert read_choice(text, TRUST)[0] in TRUST.choices


def test_the_prompt_lists_the_choices_and_the_schema_takes_no_other() -> None:
    engine = Saying('{"answer": "no", "because": "I was robbed."}')
    question = question_of(TRUST.text, choices=TRUST.choices, reasons=True)
    told = put_question(engine, MEMORIES, percept(), question)
    assert (told["answer"], told["because"]) == ("no", "I was robbed.")
    (wanted,) = engine.asked
    assert wanted.schema is not None
    assert wanted.schema["properties"]["answer"]["enum"] == list(TRUST.choices)
    assert wanted.schema["required"] == ["answer", "because"] and not wanted.schema["additionalProperties"]
    listed = "\n".join(f"- {choice}" for choice in question.listed_to(3))
    assert f"Choices:\n{listed}\nWhat do you answer?" in told["prompt"]
    assert "because (what makes" in told["prompt"] and TRUST.text in told["prompt"]
    assert {m["id"] for m in told["memories"]} == {m.id for m in MEMORIES}


def test_an_answer_that_can_not_be_used_is_asked_for_once_more() -> None:
    engine = Saying("maybe", '{"answer": "no"}')
    told = put_question(engine, MEMORIES, percept(), TRUST)
    assert (told["answer"], told["tokens_in"], told["tokens_out"], told["latency_ms"]) == ("no", 20, 10, 2), "of both"
    assert "That can't be used" in engine.asked[1].messages[-1]["content"]
    assert engine.asked[1].seed != engine.asked[0].seed  # or a model that is sure would say the same
    with pytest.raises(AnswerUnusable) as refused:
        put_question(Saying("maybe", "perhaps", '{"answer": "no"}'), MEMORIES, percept(), TRUST)
    assert vars(refused.value)["spent"] == {"tokens_in": 20, "tokens_out": 10, "latency_ms": 2}


def test_the_scripted_mind_takes_some_choice_always_the_same() -> None:
    told = [put_question(ScriptedEngine(), MEMORIES, percept(agent=agent), TRUST) for agent in range(40)]
    assert {each["answer"] for each in told} == set(TRUST.choices)
    again = [put_question(ScriptedEngine(), MEMORIES, percept(agent=agent), TRUST) for agent in range(40)]
    assert again == told


def test_another_draw_lists_the_choices_anew_and_asks_for_other_words() -> None:
    engine = Saying(*['{"answer": "no"}'] * 9)
    told = [put_question(engine, MEMORIES, percept(), TRUST, draw=draw) for draw in range(1, 10)]
    assert len({wanted.seed for wanted in engine.asked}) == 9
    assert len({each["prompt"] for each in told}) == len({TRUST.listed_to(3, draw) for draw in range(1, 10)}) > 2
    assert [TRUST.listed_to(3, draw)[each["place"] - 1] for draw, each in enumerate(told, 1)] == ["no"] * 9
    assert told[0] == put_question(Saying('{"answer": "no"}'), MEMORIES, percept(), TRUST)
    aloud = Saying(*["The winter."] * 2)
    for draw in (1, 2):
        put_question(aloud, MEMORIES, percept(), question_of("What do you fear?"), draw=draw)
    assert aloud.asked[0].seed != aloud.asked[1].seed


def test_without_choices_it_is_an_interview() -> None:
    told = put_question(Saying("I fear the winter."), MEMORIES, percept(), question_of("What do you fear?"))
    assert (told["answer"], told["because"]) == ("I fear the winter.", None)


# -- who is asked ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> World:
    return run(7, 30, Configuration(agents=40, width=12, height=12)).replayed()


def test_all_who_live_are_asked_unless_some_are_named(world: World) -> None:
    everybody = whom_to_ask(world, "town", seed=7)
    assert len(everybody) == world.population and everybody == sorted(everybody)
    assert whom_to_ask(world, "town", seed=7, agents=["5", "3", "3"]) == [3, 5]
    with pytest.raises(UnknownAgent):
        whom_to_ask(world, "town", seed=7, agents=["Nobody At All"])


def test_a_sample_is_always_the_same_and_a_larger_one_holds_it(world: World) -> None:
    samples = [whom_to_ask(world, "town", seed=7, sample=n) for n in (1, 5, 20, 1_000)]
    assert [len(each) for each in samples] == [1, 5, 20, world.population]
    assert all(set(less) <= set(more) for less, more in itertools.pairwise(samples))
    assert samples[1] == whom_to_ask(world, "town", seed=7, sample=5) != whom_to_ask(world, "town", seed=8, sample=5)
    with pytest.raises(WrongUsage, match="asks nobody"):
        whom_to_ask(world, "town", seed=7, sample=0)


def test_a_sample_is_of_the_same_agents_at_every_tick_but_for_who_died_or_was_born_meanwhile() -> None:
    history = run(7, 30, Configuration(agents=40, width=12, height=12))
    first, last = history.replayed(1), history.replayed()
    then, now = (whom_to_ask(world, "town", seed=7, sample=12) for world in (first, last))
    assert first.tick < last.tick and len(then) == len(now) == 12
    changed = {agent for agent, _ in living(first)} ^ {agent for agent, _ in living(last)}
    assert len(set(then) - set(now)) <= len(changed) < 12


def test_an_occupation_that_nobody_has_is_named_with_those_there_are(world: World) -> None:
    farmers = whom_to_ask(world, "town", seed=7, occupation="farmer")
    assert 0 < len(farmers) < world.population
    with pytest.raises(WrongUsage, match="farmer"):
        whom_to_ask(world, "town", seed=7, occupation="king")


# -- the count ---------------------------------------------------------------------------------------


def _reply(agent: int, answer: str | None, place: int | None = None, draw: int = 1) -> dict[str, Any]:
    problem = None if answer else "it is empty"
    return dict.fromkeys(SCHEMA) | {
        "run": "town", "tick": 30, "agent": agent, "name": f"N{agent}", "occupation": "farmer", "answer": answer,
        "place": place, "problem": problem, "memories": [], "draw": draw,
    }  # fmt: skip


def _replies(*answers: str | None) -> pl.DataFrame:
    return frame_of(_reply(k, answer) for k, answer in enumerate(answers))


def test_answers_are_counted_by_choice_and_those_without_are_left_out() -> None:
    (tally,) = tallies(_replies("yes", None, "yes", "no"), TRUST)
    assert tally.counts == {"yes": 2, "no": 1, "hard to say": 0}
    assert (tally.answered, tally.mean, tally.sd) == (3, None, None)


def test_answers_of_several_draws_tell_how_far_agents_agree_with_themselves() -> None:
    said = ("yes", "yes", "yes"), ("no", "no", "no"), ("yes", "no", None), (None, None, None)
    frame = frame_of(_reply(k, answer, draw=d) for k, own in enumerate(said) for d, answer in enumerate(own, 1))
    (tally,) = tallies(frame, TRUST)
    assert (tally.asked, tally.answered, tally.counts["yes"]) == (12, 8, 4)
    assert tally.agreement == pytest.approx(1 - 7 * 2 / (2 * 4 * 4), abs=1e-3)
    assert tally.intervals["yes"] == share_interval([3, 0, 1], [3, 3, 2])
    assert tallies(_replies("yes", "no"), TRUST)[0].agreement is None
    assert tallies(_replies(None), TRUST)[0].intervals == {}
    scale = question_of("How content?", scale="1-7")
    near = frame_of(_reply(k, str(k + d), draw=d) for k in (1, 5) for d in (1, 2))
    by_distance = tallies(near, scale)[0].agreement
    assert by_distance is not None and by_distance > 0.8


@pytest.mark.parametrize("draws", [0, -1, DRAWS_MAX + 1])
def test_nobody_can_be_asked_never_or_without_end(draws: int) -> None:
    with pytest.raises(WrongUsage, match="1 to"):
        require_draws(draws)


def test_how_many_took_what_was_listed_first_tells_of_a_model_that_leans() -> None:
    leaning = [put_question(Saying(f'{{"answer": "{TRUST.listed_to(k)[0]}"}}'), (), percept(agent=k), TRUST)
               for k in range(30)]  # fmt: skip
    assert {told["place"] for told in leaning} == {1}
    said = [put_question(Saying('{"answer": "yes"}'), (), percept(agent=k), TRUST) for k in range(30)]
    assert all(TRUST.listed_to(k)[told["place"] - 1] == "yes" for k, told in enumerate(said))
    for all_told, first in ((leaning, 30), (said, sum(TRUST.listed_to(k)[0] == "yes" for k in range(30)))):
        frame = frame_of(_reply(k, told["answer"], told["place"]) for k, told in enumerate(all_told))
        assert took_first(frame) == first
    assert took_first(_replies("1", None)) is None
    scale = put_question(Saying('{"answer": "1"}'), (), percept(), question_of("How?", scale="1-3"))
    assert scale["place"] is None


def test_a_scale_has_a_mean_and_a_standard_deviation() -> None:
    question = question_of("How content?", scale="1-7")
    (tally,) = tallies(_replies("1", "4", "7", None), question)
    assert (tally.median, tally.mean, tally.sd) == (4.0, 4.0, 3.0)
    assert (tally.asked, tally.answered) == (4, 3)
    assert tallies(_replies("1", "1", "2", "7"), question)[0].median == 1.5
    (one,) = tallies(_replies("4"), question)
    assert (one.median, one.mean, one.sd) == (4.0, 4.0, None)
    (nobody,) = tallies(_replies(None), question)
    assert (nobody.median, nobody.mean, nobody.sd, nobody.answered) == (None, None, None, 0)


def groups_by(world: World, column: str, agents: list[int]) -> pl.DataFrame:
    return groups_of([values_by(world, column, agents)], column)[0]


def test_groups_are_counted_beside_all(world: World) -> None:
    everybody = whom_to_ask(world, "town", seed=7)
    groups = groups_by(world, "occupation", everybody)
    assert sorted(groups["agent"].to_list()) == everybody
    frame = frame_of(_reply(k, "yes") for k in everybody)
    first, *rest = tallies(frame, TRUST, groups)
    assert first.group == "all" and [tally.group for tally in rest] == sorted({tally.group for tally in rest})
    assert sum(tally.counts["yes"] for tally in rest) == first.counts["yes"] == len(everybody)
    for no_group in ("name", "household", "acted_tick", "tie_0"):
        with pytest.raises(WrongUsage, match="no such column"):
            groups_by(world, no_group, everybody)


def test_groups_are_in_order_and_who_has_no_value_is_none(world: World) -> None:
    first = run(7, 1, Configuration(agents=9, width=12, height=12)).replayed(1)
    assert groups_by(first, "intention", list(range(9)))["group"].unique().to_list() == ["none"]
    everybody = whom_to_ask(world, "town", seed=7)
    by_age = groups_by(world, "age", everybody).join(
        pl.DataFrame({"agent": everybody, "age": [world.tick - describe(world, k)["born"] for k in everybody]}),
        on="agent", maintain_order="left",
    )  # fmt: skip
    ages = by_age.group_by("group", maintain_order=True).agg(low=pl.col("age").min(), high=pl.col("age").max())
    assert ages["low"].is_sorted() and ages["low"].min() == by_age["age"].min()
    assert all(group in (f"{low} to {high}", f"{low}") for group, low, high in ages.iter_rows())


@given(st.lists(st.one_of(st.none(), st.integers(-50, 50)), min_size=1, max_size=60))
def test_quarters_hold_everybody_once_and_equal_values_together(values: list[int | None]) -> None:
    frame = pl.DataFrame({"agent": list(range(len(values))), "value": pl.Series(values, dtype=pl.Int64)})
    groups = _quarters(frame)
    assert sorted(groups["agent"].to_list()) == list(range(len(values)))
    by_value = frame.join(groups, on="agent").group_by("value").agg(pl.col("group").n_unique())
    assert set(by_value["group"].to_list()) == {1}
    assert groups.filter(pl.col("group") != "none")["group"].n_unique() <= 4


def test_groups_of_several_waves_are_the_same_ones(world: World) -> None:
    def wave(*values: int | None) -> pl.DataFrame:
        return pl.DataFrame({"agent": range(len(values)), "value": pl.Series(values, dtype=pl.Int64)})

    few = groups_of([wave(1, 1, 2), wave(2, 3, None)], "coin")
    assert [each["group"].to_list() for each in few] == [["1", "1", "2"], ["2", "3", "none"]]
    poor, rich = groups_of([wave(*range(8)), wave(*range(100, 108))], "coin")
    assert poor["group"].to_list() == rich["group"].to_list()
    assert poor["group"].unique(maintain_order=True).to_list() == [
        "lowest quarter", "second quarter", "third quarter", "highest quarter",
    ]  # fmt: skip
    alike, unlike = groups_of([wave(7, 7, None), wave(*range(9))], "coin")
    assert alike["group"].to_list() == ["all alike", "all alike", "none"] and unlike["group"].n_unique() == 4
    with pytest.raises(WrongUsage, match="too many groups"):
        groups_of([pl.DataFrame({"agent": range(9), "value": list("abcdefghi")})], "occupation")


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_equal_waves_make_an_equal_picture_and_others_another(tmp_path: Path, kind: str) -> None:
    def waves(question: Question, *answers: tuple[str | None, ...]) -> list[Tally]:
        said = [_replies(*each).with_columns(tick=pl.lit(10 * k, pl.Int64)) for k, each in enumerate(answers)]
        return [tally for frame in said for tally in tallies(frame, question)]

    trust = waves(TRUST, ("yes", "no", "hard to say"), ("no", "no", "yes"), (None, None, None))
    content = waves(question_of("How?", scale="1-7"), ("1", "4"), ("7",))
    for name, counted in (("a", trust), ("b", trust), ("c", content)):
        draw_waves(counted, tmp_path / f"{name}.{kind}", title="Is it $_$?")
    a, b, c = ((tmp_path / f"{name}.{kind}").read_bytes() for name in "abc")
    assert a == b != c
    assert kind == "png" or b"<!-- Is it $_$? -->" in a


@pytest.mark.parametrize("scale", [None, "-3-3"])
def test_waves_of_a_group_that_stand_alone_show_how_sure_they_are_and_no_line_leads_over_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: str | None
) -> None:
    drawn = list[Any]()
    monkeypatch.setattr(survey_picture, "save_figure", lambda figure, path: drawn.extend(figure.axes))
    question = TRUST if scale is None else question_of("How?", scale=scale)
    answers = ("yes", "no") if scale is None else ("-1", "3")
    frames = [_replies(*answers, *answers).with_columns(tick=pl.lit(tick, pl.Int64)) for tick in (0, 10, 20, 30)]
    them, others = (pl.DataFrame({"agent": range(4), "group": [group] * 4}) for group in ("them", "others"))
    counted = [
        tally for frame, groups in zip(frames, (them, others, them, others), strict=True)
        for tally in tallies(frame, question, groups)
    ]  # fmt: skip
    draw_waves(counted, tmp_path / "a.svg", title="How?")
    everybody, *groups = drawn[:3]
    assert not any(len(each.get_segments()) for each in everybody.collections if hasattr(each, "get_segments"))
    for axis, empty in zip(groups, ([False, True, False, True], [True, False, True, False]), strict=True):
        assert all(np.isnan(line.get_ydata()).tolist() == empty for line in axis.lines)
        bars = [bar for each in axis.collections if hasattr(each, "get_segments") for bar in each.get_segments()]
        assert len(bars) == 2 * len(axis.lines) and all(low < high for (_, low), (_, high) in bars)


def test_equal_answers_make_an_equal_picture(tmp_path: Path) -> None:
    counted = tallies(_replies("yes", "no", "no"), TRUST)
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        draw_tallies(counted, tmp_path / name, title="Trust?")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    (other,) = tallies(_replies("yes", "yes", "no"), TRUST)
    draw_tallies([other], tmp_path / "c.svg", title="Trust?")
    assert (tmp_path / "c.svg").read_bytes() != (tmp_path / "a.svg").read_bytes()


@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_a_picture_shows_choices_as_they_are_whatever_their_marks(tmp_path: Path, name: str) -> None:
    marks = question_of("Is it $_$ or $10?", choices=("$_5$", "_ten", "你好", "-"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_tallies(tallies(_replies("$_5$", "_ten", "你好"), marks), tmp_path / name, title=marks.text)
    if name.endswith(".svg"):
        drawn = (tmp_path / name).read_text()
        assert all(f"<!-- {text} -->" in drawn for text in ("$_5$", "_ten", "你好", "Is it $_$ or $10?"))


def test_a_picture_of_many_long_choices_is_no_wider_than_another(tmp_path: Path) -> None:
    long = question_of("Which?", choices=[f"choice {n:02} {'of many ' * 6}".strip() for n in range(CHOICES_MAX)])
    draw_tallies(tallies(_replies(*long.choices), long), tmp_path / "a.svg", title="Which?")
    width = float((tmp_path / "a.svg").read_text().partition('width="')[2].partition("pt")[0])
    assert width <= 1.1 * 8 * 72
