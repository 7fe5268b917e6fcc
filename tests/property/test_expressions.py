"""Whatever is written, an expression is understood or refused by its own error, and nothing else happens."""

from __future__ import annotations

import builtins
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.advance import new_world
from domain.errors import InvalidExpression
from domain.expressions import AtTick, parse
from domain.expressions.vocabulary import ASPECTS, COLUMNS, FUNCTIONS
from domain.fold import fold
from domain.measures import MEASURES, Look
from tests.support.histories import scenario

pytestmark = pytest.mark.property

_WORDS = st.sampled_from([
    *MEASURES, *COLUMNS, *FUNCTIONS, *ASPECTS, "tick", "true", "false", "and", "or", "not", "(", ")", ",", ".", "+",
    "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "'farmer'", "'rest'", "17", "0", "0.5", "1e9", "agent(3).food",
    "cell(5).food", "deaths_so_far", "__class__", "lambda", "import", "eval", "exec", "\x00", "é", "🦦",
])  # fmt: skip
_TOTALS = {f"{m.name}_so_far": 1.0 for m in MEASURES.values() if m.is_summed}


@pytest.fixture(scope="module")
def somewhere() -> AtTick:
    history = scenario("calm")
    world = new_world(history.configuration)
    for batch in history.batches[:20]:
        fold(world, batch)
    return AtTick(Look().at(world, history.batches[19]), _TOTALS)


@pytest.fixture(scope="module")
def nobody() -> AtTick:
    history = scenario("doomed")
    world = history.replayed()
    assert world.population == 0
    return AtTick(Look().at(world, history.batches[-1]), _TOTALS)


@pytest.fixture
def nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **named: Any) -> Any:
        raise AssertionError(f"an expression ran something: {arguments}")

    for name in ("eval", "exec", "compile", "__import__", "open"):
        real = getattr(builtins, name)
        # numpy and difflib import as they go; what an expression names must not.
        monkeypatch.setattr(builtins, name, real if name in ("__import__",) else refuse)
    monkeypatch.setattr(os, "system", refuse)


def try_it(text: str, *surroundings: AtTick) -> None:
    try:
        wanted = parse(text)
    except InvalidExpression as error:
        assert 0 <= error.column <= len(text)
        assert str(error)
        return
    for one in surroundings:
        assert wanted.holds(one) in (True, False)
        assert set(wanted.values(one)) == {wanted.text_of(t) for t in wanted.terms}
    assert wanted.trend(10) in (-1, 0, 1, None)


@settings(max_examples=400)
@given(text=st.text(max_size=60))
def test_any_text_is_understood_or_refused(somewhere, nobody, text):
    try_it(text, somewhere, nobody)


@settings(max_examples=1_500)
@given(words=st.lists(_WORDS, max_size=14))
def test_any_words_are_understood_or_refused(somewhere, nobody, words):
    try_it(" ".join(words), somewhere, nobody)


_NUMBER = st.recursive(
    st.sampled_from(["1", "0", "tick", "gini", "price_food", "satiety", "agent(3).food", "agent(999).food",
                     "cell(3).wood", "count(energy < 5)", "mean(food)", "min(age)", "deaths_so_far"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
        inner.map(lambda t: f"abs(-{t})"),
    ),
    max_leaves=6,
)  # fmt: skip
_TRUTH = st.recursive(
    st.tuples(_NUMBER, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), _NUMBER).map(" ".join),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"not ({t})"),
    ),
    max_leaves=4,
)


@given(text=_TRUTH)
def test_what_is_well_formed_is_understood_and_either_holds_or_its_opposite_does(somewhere, nobody, text):
    if len(text) > 900:
        return
    try:
        parse(text)
    except InvalidExpression as refused:
        assert "divides by 0" in refused.because
        return
    for one in (somewhere, nobody):
        assert parse(text).holds(one) != parse(f"not ({text})").holds(one)


def test_nothing_is_executed(somewhere, nothing_is_run):
    for text in ("__import__('os').system('true')", "eval('1')", "open('x') > 1", "agent(1).__class__ > 1",
                 "lambda: 1", "[x for x in 1]", "gini > 0.1 and count(food > 1) > 2"):  # fmt: skip
        try_it(text, somewhere)
