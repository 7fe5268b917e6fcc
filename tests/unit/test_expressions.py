"""Expressions: what they mean, what they say of mistakes, and which way they can go as ticks pass."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from domain.advance import new_world
from domain.errors import InvalidExpression
from domain.expressions import AtSeries, AtTick, parse
from domain.fold import fold
from domain.measures import MEASURES, Look
from tests.support.histories import every_kind, scenario

pytestmark = pytest.mark.unit


def at(tick: int, name: str = "calm") -> AtTick:
    history = scenario(name) if name != "every kind" else every_kind()
    world = new_world(history.configuration)
    for batch in history.batches[: tick + 1]:
        fold(world, batch)
    return AtTick(Look().at(world, history.batches[tick]), {"deaths_so_far": 3.0})


@pytest.fixture(scope="module")
def calm() -> AtTick:
    return at(100)


def holds(text: str, surroundings: AtTick) -> bool:
    return parse(text).holds(surroundings)


@pytest.mark.parametrize("text", [
    "tick == 100", "population == 40", "not population < 40 and not population > 40", "1 + 2 * 3 == 7",
    "(1 + 2) * 3 == 9", "-2 - -3 == 1", "1 < 2 < 3", "not 1 < 3 < 2", "1_000 == 1e3", ".5 == 1 / 2",
    "true or population > 1e9", "!false && true", "true == true", "abs(2 - 5) == 3", "min(4, 2, 3) == 2",
    "max(population, 3) == population", "max(satiety, 2) >= satiety",
    "max(satiety) >= satiety", "count(satiety >= 0) == population", "share(energy >= 0) == 1",
    "count(food > 1 and coins < 1000) <= population", "total(coins) == coins",
    "all(energy >= 0)", "not any(energy > 10)", "mean(energy) >= min(energy)", "max(satiety) <= 10",
    "mean(satiety) == satiety", "mean((energy)) == energy", "share(satiety < 6) == hungry", "mean(age) == age",
    "sum(food) == food", "total(wood) == wood", "count(satiety < 6) / population == hungry",
    "count(satiety < mean(satiety)) > 0",
    "count(occupation == 'farmer') + count(occupation != 'farmer') == population",
    "count(intention == 'rest') <= population", "agent(3).alive", "not agent(3).dead", "agent(3).food >= 0",
    "agent(3).cell == agent(3).cell", "agent(3).occupation == 'farmer' or agent(3).occupation != 'farmer'",
    "cell(7).food <= 1000", "cell(7).biome != 'water' or cell(7).biome == 'water'", "cell(7).agents < 100",
    "deaths_so_far == 3", "gini == gini_wealth", "agent(3).age > 0", "count(id < 3) == 3",
])  # fmt: skip
def test_it_holds(calm: AtTick, text: str) -> None:
    assert holds(text, calm)


@pytest.mark.parametrize("text", [
    "agent(9999).food < 1", "agent(9999).food >= 1", "agent(9999).food != 1", "agent(9999).food == 1",
    "cell(99999).food < 1", "cell(99999).food != 1", "1 / deaths > 0", "1 / deaths < 1", "1 / deaths != 1",
    "agent(9999).alive", "agent(9999).dead", "agent(9999).intention == 'rest'", "agent(9999).intention != 'rest'",
])  # fmt: skip
def test_what_is_not_there_compares_false_with_everything(calm: AtTick, text: str) -> None:
    assert not holds(text, calm)


def test_values_are_numbers_truths_or_words(calm: AtTick) -> None:
    text = "agent(3).alive and agent(3).occupation == 'farmer' and agent(99).food < 1 and population > 2 and tick > 1"
    values = parse(text).values(calm)
    occupation = values.pop("agent(3).occupation")
    assert occupation in ("farmer", "woodcutter", "mason", "miner", "trader")
    assert values == {"agent(3).alive": True, "agent(99).food": None, "population": 40.0}


def test_one_who_has_died_is_dead_and_not_alive() -> None:
    before, after = at(21, "every kind"), at(22, "every kind")
    assert holds("agent(1).alive and not agent(1).dead", before)
    assert holds("agent(1).dead and not agent(1).alive", after)
    assert not holds("agent(1).food >= 0 or agent(1).food < 0", after)


@pytest.mark.parametrize(("text", "column", "says"), [
    ("", 1, "nothing here"),
    ("ginni > 0.5", 1, "did you mean gini"),
    ("gini > ", 8, "missing at the end"),
    ("gini >> 1", 7, "not expected"),
    ("gini = 1", 6, "write =="),
    ("gini", 1, "this is a number: compare it"),
    ("energy + (1", 12, "')' is missing before the end"),
    ("count(energy < 2)", 1, "this is a number"),
    ("count(energy) > 2", 7, "as in count(energy < 2)"),
    ("mean(energy < 2) > 1", 6, "as in mean(satiety)"),
    ("agent(17) > 1", 11, "'.' is missing"),
    ("agent(17).foot < 1", 11, "did you mean food"),
    ("agent(x).food < 1", 7, "agent(17)"),
    ("agent(1.5).food < 1", 7, "agent(17)"),
    ("cell(17).energy < 1", 10, "no 'energy'"),
    ("cuont(energy < 2) > 1", 1, "did you mean count"),
    ("count(occupation == 'famer') > 1", 21, "did you mean farmer"),
    ("count(occupation == food) > 1", 18, "a word is compared"),
    ("count(occupation < 'farmer') > 1", 18, "by == or !="),
    ("agent(1).intention == cell(1).biome", 20, "different sorts"),
    ("'farmer' == 'farmer'", 10, "a word is compared"),
    ("gini > 'high'", 6, "a word is compared"),
    ("not 3", 5, "true or false"),
    ("1 and true", 1, "joins what is true or false"),
    ("true + 1 > 0", 1, "goes between numbers"),
    ("true < false", 1, "compares numbers"),
    ("household > 1", 1, "of one agent it is agent(17).household"),
    ("1e999 > 1", 1, "too large"),
    ("1 / 0 > 1", 5, "divides by 0"),
    ("deaths > 3 or gini / (2 - 2) > 1", 22, "divides by 0"),
    ("gini > $", 8, "means nothing"),
    ("gini > 'x", 8, "ends nowhere"),
    ("__import__('os').system('true')", 1, "means nothing"),
    ("agent(1).__class__ == 1", 10, "means nothing"),
    ("gini > 0.5; true", 11, "means nothing"),
    ("abs(1, 2) > 0", 8, "one argument"),
    ("food_so_far > 1", 1, "no 'food_so_far'"),
    ("count > 1", 6, "followed by ("),
    ("(" * 50 + "1" + ")" * 50 + " > 0", 41, "levels deep"),
    ("not " * 60 + "true", 157, "levels deep"),
    ("gini > 0" + " or gini > 0" * 200, 1001, "longer than"),
    (">" * 400, 301, "more than 300 words"),
])  # fmt: skip
def test_a_mistake_is_told_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(InvalidExpression) as told:
        parse(text)
    assert told.value.column + 1 == column, str(told.value)
    assert says in str(told.value)
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)


@pytest.mark.parametrize(("text", "trend"), [
    ("tick >= 10", 1), ("10 <= tick", 1), ("tick < 10", -1), ("not tick < 10", 1), ("deaths_so_far > 3", 1),
    ("came - 3 > 5", 1), ("3 - came > 5", -1), ("-gone <= -5", 1), ("came + gone > 5", 1), ("came - gone > 5", None),
    ("gone > 1 and tick > 5", 1), ("gone > 1 or tick < 5", None), ("agent(3).dead", 1), ("agent(3).alive", -1),
    ("not agent(3).alive", 1), ("agent(33).alive", None), ("agent(33).dead", 1), ("gini > 0.5", None),
    ("population < 3", None), ("gone == 3", None), ("1 < 2", 0), ("2 * gone > 3", None), ("max(gone, tick) > 3", 1),
    ("true", 0), ("abs(gone) > 3", None), ("1 < gone < 9", None), ("count(energy < 1) > 3", None),
])  # fmt: skip
def test_the_trend_says_which_way_it_can_go(text: str, trend: int | None) -> None:
    assert parse(text).trend(founders=20) == trend


@pytest.mark.parametrize("text", [
    "gini_coins > 0.05", "price_food > 2 or deaths > 0", "not price_food > 2", "tick / 2 > trades",
    "min(births, deaths) != 1", "100 - hungry * 3 < population",
])  # fmt: skip
def test_over_series_it_means_what_it_means_at_each_tick(text: str) -> None:
    history = scenario("harsh")
    world, look, singly, rows = new_world(history.configuration), Look(), [], []
    wanted = parse(text)
    for batch in history.batches:
        fold(world, batch)
        singly.append(wanted.holds(AtTick(look.at(world, batch))))
        rows.append([MEASURES[m].of(look) for m in wanted.measures])
    table = np.array(rows, np.float64).reshape(len(rows), len(wanted.measures)).T
    series = AtSeries(0, dict(zip(wanted.measures, table, strict=True)), len(rows))
    assert wanted.where(series, len(rows)).tolist() == singly
    assert np.isnan(table).any() or "price" not in text, "a tick without a price is among them"


@pytest.mark.parametrize("text", [
    "a" * 900, f"count({'b' * 900} > 1)", f"agent(3).{'b' * 900} > 1", f"agent(3).occupation == '{'x' * 900}'",
    f"{'f' * 900}(1) > 2", f"gini > 1 {'b' * 900}", "(" * 900, "gini > " + "9" * 900,
])  # fmt: skip
def test_an_error_quotes_little_of_what_is_long(text: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse(text)
    first, shown, caret = str(caught.value).splitlines()
    assert len(first) < 400 and len(shown) <= 100 and len(caret) <= 61
    assert shown[len(caret) - 1] == text[caught.value.column]
