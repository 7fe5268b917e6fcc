"""Measures: the projection equals a fold from scratch, whatever filled it, and SQL counts the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import replay
from chronopolis.measured import value_of
from chronopolis.sweep.figures import spread_of
from domain.advance import new_world
from domain.columns import GOODS, SATIETY
from domain.configuration import Configuration
from domain.errors import BeyondHead, UnknownMeasure
from domain.events import EventBatch, empty_records
from domain.expressions import parse
from domain.fold import fold
from domain.inputs import INTERVENTION, Input, InputKey
from domain.measures import MEASURES, Look, gini, society_figures
from domain.ports import EventStore, Run
from infrastructure.migrate import _known_revisions, upgrade
from infrastructure.postgres_store import PostgresStore
from replay import measures as projection
from replay.bisect import bisect
from replay.judging import where_it_holds
from tests.support.histories import SCENARIOS, History, every_kind, scenario
from tests.support.memory_store import MemoryStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, chain_of, go_on, keep, make_run

pytestmark = pytest.mark.integration

_MIGRATIONS = Path(__file__).parents[2] / "migrations" / "sql"
every_scenario = pytest.mark.parametrize("name", SCENARIOS)


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks end within short runs."""
    monkeypatch.setattr(projection, "BLOCK", 16)


def from_scratch(batches: Iterable[EventBatch], configuration: Configuration) -> dict[str, np.ndarray]:
    """Return all measures at every tick, by a fresh look each time."""
    world, rows = new_world(configuration), []
    for batch in batches:
        fold(world, batch)
        look = Look().at(world, batch)
        rows.append([m.of(look) for m in MEASURES.values()])
    return dict(zip(MEASURES, np.array(rows, np.float64).T, strict=True))


def of_history(history: History) -> dict[str, np.ndarray]:
    return from_scratch(history.batches, history.configuration)


def of_run(store: EventStore, run: Run) -> dict[str, np.ndarray]:
    head = store.head(run)
    assert head is not None
    return from_scratch(replay.seek.ticks_of(store, run, 0, head.tick), run.configuration)


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], first: int, last: int) -> None:
    for name, amounts in found.items():
        assert np.array_equal(amounts, expected[name][first : last + 1], equal_nan=True), name


# -- what they are ---------------------------------------------------------------------------------


@every_scenario
def test_measures_agree_with_the_figures_of_a_state(name: str) -> None:
    history = scenario(name)
    world, look = new_world(history.configuration), Look()
    for batch in history.batches:
        fold(world, batch)
        look.at(world, batch)
        figures = society_figures(world)
        assert MEASURES["population"].of(look) == figures["population"] == world.population
        assert MEASURES["ties"].of(look) == figures["ties"]
        assert figures.keys() <= MEASURES.keys(), "one name for each"
        assert (MEASURES["coins"].of(look), MEASURES["tools"].of(look)) == (figures["coins"], figures["tools"])
        if world.population:
            assert MEASURES["satiety"].of(look) == figures["satiety"]
            assert figures["satiety"] == int(look[SATIETY].sum()) / (1000 * look.population)
            assert MEASURES["gini_coins"].of(look) == figures["gini_coins"]
            assert MEASURES["food"].of(look) / 1000 == figures["food"]
        else:
            for mean in ("satiety", "gini_coins"):
                assert np.isnan(MEASURES[mean].of(look)) and figures[mean] is None, "nobody is neither well nor equal"
            assert (figures["food"], figures["ties"]) == (0, 0)
        numbers = {"births": 18, "trades": 14}
        by_name = {kind: int((batch.records["kind"] == number).sum()) for kind, number in numbers.items()}
        assert {kind: MEASURES[kind].of(look) for kind in by_name} == by_name


@every_scenario
def test_people_who_came_and_are_gone_account_for_those_who_live(name: str) -> None:
    of = of_history(scenario(name))
    assert np.array_equal(of["came"] - of["gone"], of["population"])
    assert np.array_equal(np.cumsum(of["deaths"]), of["gone"])
    assert np.array_equal(of["deaths_hunger"] + of["deaths_old_age"] + of["deaths_removed"], of["deaths"])
    for measure in MEASURES.values():
        if measure.rising:
            assert (np.diff(of[measure.name]) >= 0).all(), measure.name


@given(st.lists(st.integers(0, 2**28 - 1), min_size=1, max_size=40))
def test_the_gini_coefficient_is_the_number_nearest_to_that_of_the_definition(values: list[int]) -> None:
    found = gini(np.array(values, np.int64))
    apart = sum(abs(a - b) for a in values for b in values)
    assert found == (apart / (2 * len(values) * sum(values)) if sum(values) else 0)


def test_nobody_is_not_equal_and_an_empty_village_is_left_out_of_a_mean() -> None:
    assert gini(np.zeros(3, np.int64)) == 0, "who have nothing have the same"
    assert np.isnan(gini(np.array([], np.int64)))
    empty = Look().at(new_world(TINY_WORLD), EventBatch.of(empty_records(0)))
    values = [value_of(name, MEASURES[name].of(empty)) for name in ("gini_wealth", "gini_coins", "hungry")]
    assert values == [None, None, None]
    assert spread_of([0.25, *values, 0.75])["mean"] == 0.5


@pytest.mark.parametrize(
    ("text", "exactly"),
    [
        ("hungry >= 1/3", lambda look: 3 * int((look[SATIETY] < 6000).sum()) >= look.population),
        ("hungry > 1/3", lambda look: 3 * int((look[SATIETY] < 6000).sum()) > look.population),
        ("satiety >= 6.9", lambda look: 10 * int(look[SATIETY].sum()) >= 69_000 * look.population),
        ("gini_food > 0.10", lambda look: gini_of(look[GOODS]) > Fraction(1, 10)),
        ("gini_food > 0.1234", lambda look: gini_of(look[GOODS]) > Fraction(1234, 10_000)),
        ("price_food > 2.9", lambda look: 10_000 * look.bartered(0, 4)[1] > 29 * look.bartered(0, 4)[0]),
        ("age >= 14300.5", lambda look: 2 * int(look.ages.sum()) >= 28_601 * look.population),
    ],
)
def test_a_fraction_is_compared_as_the_quotient_that_it_is(
    store: EventStore, text: str, exactly: Callable[[Look], bool]
) -> None:
    history = scenario("harsh")
    run, world, look = keep(store, history), new_world(history.configuration), Look()
    expected = []
    for batch in history.batches:
        fold(world, batch)
        look.at(world, batch)
        expected.append(bool(look.population) and exactly(look))
    assert where_it_holds(store, run, parse(text), 0, history.ticks - 1).tolist() == expected
    assert bisect(store, run, text, method="scan").tick == next((t for t, true in enumerate(expected) if true), None)


def gini_of(values: np.ndarray) -> Fraction:
    amounts = [int(v) for v in values]
    apart = sum(abs(a - b) for a in amounts for b in amounts)
    return Fraction(apart, 2 * len(amounts) * sum(amounts)) if sum(amounts) else Fraction(0)


def test_each_measure_says_what_moves_it_and_nothing_else_does() -> None:
    for history in (*(scenario(name) for name in SCENARIOS), every_kind()):
        of = of_history(history)
        for measure in MEASURES.values():
            if not measure.moved_by or measure.name in ("stock_food", "age"):  # time alone moves these as well
                continue
            numbers = [k.number for k in measure.moved_by]
            for tick, batch in enumerate(history.batches[1:], start=1):
                if not np.isin(batch.records["kind"], numbers).any():
                    still = np.nan if measure.paid_for else 0
                    before = of[measure.name][tick - 1] if measure.kind == "level" else still
                    pair = of[measure.name][[tick]], np.array([before])
                    assert np.array_equal(*pair, equal_nan=True), f"{measure.name} at tick {tick}"


# -- the projection --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["harsh", "doomed"])
def test_the_projection_is_what_a_fold_from_scratch_gives(store: EventStore, name: str) -> None:
    history = scenario(name)
    run, last = keep(store, history), history.ticks - 1
    expected = of_history(history)
    assert_equal(projection.series(store, run, None, 0, last), expected, 0, last)
    assert_equal(projection.series(store, run, None, 0, last), expected, 0, last)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 160), st.integers(0, 160)), min_size=1, max_size=6))
def test_the_order_of_fills_makes_no_difference(asked: list[tuple[int, int]]) -> None:
    history, store = scenario("calm"), MemoryStore()
    run, expected = keep(store, history), of_history(history)
    for pair in asked:
        first, last = sorted(pair)
        found = projection.series(store, run, ["food", "gini_coins", "trades"], first, last)
        assert_equal(found, expected, first, last)


def test_a_block_is_extended_as_its_run_goes_on(store: EventStore) -> None:
    run = make_run(store, ticks=20)
    projection.series(store, run, ["food"], 0, 20)
    go_on(store, run, 43)
    assert_equal(projection.series(store, run, ["food", "moves"], 0, 43), of_run(store, run), 0, 43)
    ends = {b.first + len(b.amounts) - 1 for b in store.measure_blocks(run.id, ["food"], 0, 99)}
    assert ends == {15, 31, 43}, "never above the head"


def test_forks_share_the_blocks_of_their_parents(store: EventStore) -> None:
    parent = make_run(store, ticks=40)
    fork = store.create("fork", seed=7, configuration=TINY_WORLD, target=60, parent=parent, fork_tick=21)
    second = store.create("second", seed=7, configuration=TINY_WORLD, target=60, parent=fork, fork_tick=33)
    go_on(store, fork, 50)
    go_on(store, second, 60)
    expected = of_run(store, second)
    assert_equal(projection.series(store, second, None, 0, 60), expected, 0, 60)
    names = list(MEASURES)
    firsts = {source.id: sorted({b.first for b in store.measure_blocks(source.id, names, 0, 99)})
              for source in (parent, fork, second)}  # fmt: skip
    assert firsts == {parent.id: [0, 16], fork.id: [22, 32], second.id: [34, 48]}
    folded: list[int] = []
    assert_equal(
        projection.series(store, parent, None, 0, 31, on_progress=lambda tick, last: folded.append(tick)),
        of_run(store, parent), 0, 31,
    )  # fmt: skip
    assert folded == [], "the parent finds what its fork has filled"


def test_what_is_not_kept_is_counted_and_filled_for_a_run_and_what_it_reads_of_others(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    parent = make_run(store, ticks=40)
    fork = store.create("fork", seed=7, configuration=TINY_WORLD, target=60, parent=parent, fork_tick=21)
    assert projection.lacking(store, fork) == 22
    go_on(store, fork, 50)
    assert projection.lacking(store, fork) == 51
    projection.series(store, fork, ["food"], 33, 40)  # whoever asks for a part leaves gaps
    assert projection.lacking(store, fork) == 51 - 16
    projection.fill(store, fork)
    assert projection.lacking(store, fork) == 0
    assert_equal(projection.series(store, fork, None, 0, 50), of_run(store, fork), 0, 50)
    monkeypatch.setitem(MEASURES, "food", dataclasses.replace(MEASURES["food"], version=2))
    assert projection.lacking(store, fork) == 51, "one that a later release defines otherwise"


def test_whoever_is_taken_out_of_the_world_is_counted_apart(store: EventStore) -> None:
    run = make_run(store, ticks=10)
    for agent in (2, 3):
        store.record_input(run, Input(InputKey(10, agent, INTERVENTION), 12, {"by": "me", "why": "", "remove": True}))
    go_on(store, run, 20)
    found = projection.series(store, run, ["deaths_removed", "deaths_hunger", "deaths_old_age", "deaths"], 0, 20)
    assert found["deaths_removed"].tolist() == [2 if tick == 12 else 0 for tick in range(21)]
    assert (
        sum(found[f"deaths_{cause}"] for cause in ("removed", "hunger", "old_age")).tolist() == found["deaths"].tolist()
    )


def test_what_was_kept_before_there_was_a_measure_stays_as_it_is(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(store, ticks=20)
    later = "deaths_removed"
    earlier = {name: measure for name, measure in MEASURES.items() if name != later}
    with monkeypatch.context() as before:
        before.setattr(projection, "MEASURES", earlier)
        projection.fill(store, run)
    kept = [(b.name, b.version, b.first, b.amounts.tobytes()) for b in store.measure_blocks(run.id, [*earlier], 0, 20)]
    assert projection.series(store, run, [later], 0, 20)[later].tolist() == [0] * 21
    after = [(b.name, b.version, b.first, b.amounts.tobytes()) for b in store.measure_blocks(run.id, [*earlier], 0, 20)]
    assert sorted(after) == sorted(kept)


def test_what_is_kept_of_an_older_definition_is_made_anew(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    run = make_run(store, ticks=20)
    projection.series(store, run, None, 0, 20)
    newer = dataclasses.replace(MEASURES["food"], version=2, of=lambda look: 7)
    monkeypatch.setitem(MEASURES, "food", newer)
    assert projection.series(store, run, ["food"], 0, 20)["food"].tolist() == [7] * 21


def test_rebuilding_mends_a_projection_that_somebody_changed(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=20)
    good = projection.series(postgres_store, run, ["food"], 0, 20)["food"].tolist()
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE polis.measure_blocks SET amounts = array_fill(1::float8, ARRAY[cardinality(amounts)])"
        )
    assert set(projection.series(postgres_store, run, ["food"], 0, 20)["food"].tolist()) == {1}
    assert projection.rebuild(postgres_store, run) == 21
    assert projection.series(postgres_store, run, ["food"], 0, 20)["food"].tolist() == good


def test_what_an_earlier_release_kept_is_made_anew_and_not_misread(
    postgres_store: PostgresStore, migrated: FreshDatabase
) -> None:
    run = make_run(postgres_store, ticks=20)
    with psycopg.connect(migrated.admin_url) as connection:
        for later in (revision for revision in _known_revisions() if revision > "0007"):
            connection.execute((_MIGRATIONS / later / "drop.sql").read_text())
        connection.execute("UPDATE polis.alembic_version SET version_num = '0007'")
        connection.execute(
            "INSERT INTO polis.measure_blocks (source, name, tick_first, version, amounts) "
            "SELECT %s, name, first, version, array_fill(333::int8, ARRAY[16]) "
            "FROM (VALUES ('hungry', 2), ('food', 1)) AS kept (name, version), generate_series(0, 16, 16) AS first",
            (run.id,),
        )  # fmt: skip
    assert upgrade(postgres_store.database).is_current
    expected = of_run(postgres_store, run)
    assert_equal(projection.series(postgres_store, run, ["hungry", "food"], 0, 20), expected, 0, 20)


def test_two_who_fill_at_once_do_not_hinder_each_other(postgres_store: PostgresStore) -> None:
    run = make_run(postgres_store, ticks=60)
    expected, failures = of_run(postgres_store, run), []

    def fill(names: list[str]) -> None:
        try:
            assert_equal(projection.series(postgres_store, run, names, 0, 60), expected, 0, 60)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fill, args=(names,)) for names in (["food"], ["ties"], ["moves", "food"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_looking_changes_no_hash(store: EventStore) -> None:
    looked, other = make_run(store, "looked", ticks=20), make_run(store, "other", ticks=40)
    projection.series(store, looked, None, 0, 20)
    go_on(store, looked, 40)
    assert chain_of(store, looked) == chain_of(store, other)


def test_running_totals_are_sums_of_the_flow(store: EventStore) -> None:
    run = keep(store, scenario("harsh"))
    found = projection.series(store, run, ["deaths_so_far", "deaths", "gone"], 50, 400)
    assert found["deaths_so_far"].tolist() == found["gone"].tolist()
    for name in ("food_so_far", "price_food_so_far", "nothing", "death"):
        with pytest.raises(UnknownMeasure):
            projection.series(store, run, [name], 0, 1)
    with pytest.raises(BeyondHead):
        projection.series(store, run, ["food"], 0, 401)


# -- SQL -------------------------------------------------------------------------------------------


def test_sql_over_events_counts_the_same(postgres_store: PostgresStore, migrated: FreshDatabase) -> None:
    parent = keep(postgres_store, scenario("harsh"))
    run = postgres_store.create(
        "fork", seed=parent.seed, configuration=parent.configuration, target=400, parent=parent, fork_tick=200
    )
    go_on(postgres_store, run, 230)
    found = projection.series(postgres_store, run, ["population", "births", "deaths", "trades", "traded_food"], 0, 230)
    sources = "lineage l JOIN {} e ON e.run = l.source AND e.tick BETWEEN l.tick_first AND l.tick_last WHERE l.run = %s"
    with psycopg.connect(migrated.read_url, options="-c search_path=polis") as connection:

        def by_tick(what: str, view: str, where: str = "") -> list[int]:
            query = f"SELECT e.tick, {what} FROM {sources.format(view)} {where} GROUP BY e.tick"
            counted = dict(connection.execute(query, (run.id,)).fetchall())
            return [int(counted.get(tick, 0)) for tick in range(231)]

        assert found["births"].tolist() == by_tick("count(*)", "births")
        assert found["deaths"].tolist() == by_tick("count(*)", "deaths")
        assert found["trades"].tolist() == by_tick("count(*)", "trades")
        assert found["traded_food"].tolist() == by_tick("sum(quantity)", "trades", "AND good = 'food'")
        came = np.cumsum(np.array(by_tick("count(*)", "arrivals")) + np.array(by_tick("count(*)", "births")))
        assert found["population"].tolist() == (came - np.cumsum(by_tick("count(*)", "deaths"))).tolist()
        view = connection.execute(
            "SELECT tick, amount, value FROM measures WHERE run = %s AND name = 'traded_food' ORDER BY tick", (run.id,)
        ).fetchall()
        hungry = projection.series(postgres_store, run, ["hungry"], 0, 230)["hungry"].tolist()
        told = connection.execute(
            "SELECT value FROM measures WHERE run = %s AND name = 'hungry' ORDER BY tick", (run.id,)
        ).fetchall()
        assert [value for (value,) in told] == hungry, "fractions as they are"
        assert [(tick, amount) for tick, amount, _ in view] == list(enumerate(found["traded_food"].tolist()))
        assert [value for _, _, value in view] == [amount / 1000 for amount in found["traded_food"].tolist()]
        prices = connection.execute(
            "SELECT count(*), count(value) FROM measures WHERE run = %s AND name = 'price_food'", (run.id,)
        ).fetchone()
        assert prices is not None and prices[0] == 231 > prices[1] > 0, "no value is null"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM measure_blocks")


def test_measures_go_with_their_run(postgres_store: PostgresStore, migrated: FreshDatabase) -> None:
    run = make_run(postgres_store, ticks=5)
    projection.series(postgres_store, run, None, 0, 5)
    with psycopg.connect(migrated.admin_url, autocommit=True) as connection:
        connection.execute("SELECT polis.drop_run(%s, 'a test')", (run.id,))
        left = connection.execute("SELECT count(*) FROM polis.measure_blocks").fetchone()
    assert left == (0,)
