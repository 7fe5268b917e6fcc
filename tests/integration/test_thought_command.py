"""`polis thought` on a real database: what was asked and answered, what it cost, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chronopolis.cli.thinking import _came, _took
from tests.support.commands import Polis, home_with_server, polis  # noqa: F401
from workers.minds.words import QUESTION_MAX

pytestmark = pytest.mark.integration

TICKS = 110
SOCIETY = ("--agents", "30", "--width", "10", "--height", "10", "--seed", "7", "--mind", "scripted", "--quiet")
SHORT_LIVES = ("--set", "lifespan=100", "--set", "think_budget=400", "--set", "think_delay=8", "--pace", "20")
"""Some die while they think, and at this pace their answers are there before the tick of their effect."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with home_with_server() as folder:
        yield folder


def test_a_thought_says_whether_it_took_effect_and_what_of_it_could_not_be_said(polis: Polis) -> None:  # noqa: F811
    made = polis("run", *SOCIETY, *SHORT_LIVES, "--ticks", str(TICKS), "--name", "mayfly", "--json")
    assert made.code == 0, made.err
    taken = {
        (event["agent"], event["asked"]): event["unsaid"]
        for event in polis("events", "mayfly", "--kind", "ThoughtTaken", "--json").lines
    }
    thoughts = polis("thought", "mayfly", "--all", "--json").lines
    told = []
    for thought in thoughts:
        key = (thought["agent"], thought["asked_tick"])
        if thought["effect_tick"] > TICKS:
            assert (thought["took_effect"], thought["unsaid"]) == (None, None)
            told.append(f"takes effect at tick {thought['effect_tick']}")
        elif key not in taken:
            assert (thought["took_effect"], thought["unsaid"]) == (False, None)
            told.append("died before it took effect")
        else:
            assert (thought["took_effect"], thought["unsaid"]) == (True, taken[key])
            told += [f"could not be said: {taken[key]}"] if taken[key] else []
    assert {each["took_effect"] for each in thoughts} >= {False, True}
    lines = " ".join(polis("thought", "mayfly", "--all").out.split())  # long ones are folded
    assert all(lines.count(words) == told.count(words) for words in told)
    unsaid = next(each for each in thoughts if each["unsaid"])
    one = ("thought", "mayfly", "--agent", str(unsaid["agent"]), "--tick", str(unsaid["asked_tick"]))
    assert polis(*one, "--json").json == unsaid
    shown = polis(*one).out
    assert "1 attempt " in shown and unsaid["unsaid"] in shown


def test_an_answer_that_is_there_before_its_tick_is_told_so() -> None:
    assert _came({"took_effect": None, "unsaid": None, "effect_tick": 1_215}) == "takes effect at tick 1,215"


@pytest.mark.parametrize(
    ("attempts", "words"),
    [(0, "12 ms, 0 attempts"), (1, "12 ms, 1 attempt"), (2, "12 ms, 2 attempts"), (None, "12 ms")],
)
def test_attempts_are_shown_as_they_were_counted(attempts: int | None, words: str) -> None:
    assert _took({"latency_ms": 12, "attempts": attempts}) == words


def test_a_question_too_long_for_a_prompt_is_refused_and_not_cut_in_silence(polis: Polis) -> None:  # noqa: F811
    said = polis("interview", "mayfly", "--agent", "0", "Why? " * (QUESTION_MAX // 5 + 1), "--json")
    assert said.code == 2 and said.json["error"]["type"] == "InvalidConfiguration"
    assert f"{QUESTION_MAX} characters" in said.err


@pytest.mark.parametrize("question", ["", "  ", "<>", "###"])
def test_a_question_of_which_a_model_would_see_nothing_is_refused(polis: Polis, question: str) -> None:  # noqa: F811
    said = polis("interview", "mayfly", "--agent", "0", question, "--json")
    assert said.code == 2 and "nothing in it" in said.err
