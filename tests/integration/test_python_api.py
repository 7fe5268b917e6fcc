"""The Python API: what it takes, what it refuses, and what it says of a run that was closed."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

import replay
from chronopolis.api import History, runs
from chronopolis.errors import RunClosed, UnknownAgent, WrongUsage
from chronopolis.record import PAYLOAD_TYPES
from domain.errors import BeyondHead, InvalidConfiguration, RunDropped
from domain.events import KINDS
from domain.ports import Run
from infrastructure.dropping import drop_run
from infrastructure.parquet_export import export_run
from infrastructure.postgres_store import PostgresStore
from tests.support.histories import scenario
from tests.support.stores import TINY_WORLD, keep, make_run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

MADE = scenario("harsh")
HEAD = MADE.ticks - 1


@pytest.fixture(scope="module")
def store(module_store: PostgresStore) -> PostgresStore:
    return module_store


@pytest.fixture(scope="module")
def run(store: PostgresStore) -> Run:
    return keep(store, MADE, "harsh")


@pytest.fixture(scope="module")
def history(store: PostgresStore, run: Run) -> Iterator[History]:
    with History(run.id, settings=store.database.settings) as found:
        yield found


def test_runs_are_listed_as_a_frame(store: PostgresStore, history: History) -> None:
    listed = runs(settings=store.database.settings)
    (row,) = listed.filter(name="harsh").to_dicts()
    assert (row["run"], row["head_tick"], row["head_hash"]) == (history.id, HEAD, history.head_hash)
    assert (row["seed"], row["agents"], row["parent"]) == (history.seed, history.configuration.agents, None)


ASKED: list[Callable[[History, Any], Any]] = [
    lambda run, ticks: run.events(**ticks),
    lambda run, ticks: run.measures("population", **ticks),
    lambda run, ticks: run.bisect("population < 0", **ticks),
    lambda run, ticks: run.last_where("population < 0", **ticks),
    lambda run, ticks: run.export("never-written", **ticks),
]


@pytest.mark.parametrize("ask", ASKED)
def test_ticks_are_taken_as_they_are_meant_or_not_at_all(history: History, ask: Callable[[History, Any], Any]) -> None:
    with pytest.raises(WrongUsage, match="first=200 lies after last=10"):
        ask(history, {"first": 200, "last": 10})
    for wrong in ({"first": 1.5}, {"last": True}, {"first": "3"}):
        with pytest.raises(WrongUsage, match="give a whole number"):
            ask(history, wrong)
    for beyond in ({"first": HEAD + 1}, {"last": HEAD + 1}, {"first": -1}, {"first": HEAD + 2, "last": 0}):
        with pytest.raises(BeyondHead, match=f"it has ticks 0 to {HEAD}"):
            ask(history, beyond)


def test_ticks_in_the_wrong_order_are_not_blamed_on_the_head(
    store: PostgresStore, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("export") / "none"
    for ask in (
        lambda: replay.measure_series(store, run, ["population"], 5, 2),
        lambda: replay.bisect.bisect(store, run, "population < 0", first=5, last=2),
        lambda: export_run(store, run, folder, first=5, last=2),
    ):
        with pytest.raises(BeyondHead, match="tick 5 lies after tick 2"):
            ask()
    assert not folder.exists()
    empty = store.create("not-begun", seed=1, configuration=TINY_WORLD, target=5)
    with pytest.raises(BeyondHead, match="it has none yet"):
        replay.measure_series(store, empty, ["population"], 0, 0)


def test_a_tick_is_a_whole_number(history: History) -> None:
    assert history.at(np.int64(12)).tick == 12
    for wrong in (12.7, True, "12", np.float64(3)):
        with pytest.raises(WrongUsage, match=r"tick=.*: give a whole number"):
            history.at(wrong)  # type: ignore[arg-type]
    for what in (
        lambda: history.fork(at=1.5),  # type: ignore[arg-type]
        lambda: history.fork(seed=1.5),
        lambda: history.fork(ticks=1.5),
        lambda: history.resume(True),
        lambda: history.diff(tick_a=1, tick_b="2"),  # type: ignore[arg-type]
        lambda: history.intervene(agent=1, news="Gold!", at=900.5),  # type: ignore[arg-type]
    ):
        with pytest.raises(WrongUsage, match="give a whole number"):
            what()
    with pytest.raises(WrongUsage, match="ticks=-1: give 0 or more"):
        history.fork(ticks=-1)
    for beyond in (lambda: history.fork(ticks=10**12), lambda: history.resume(10**12)):
        with pytest.raises(InvalidConfiguration, match="between 0 and 2,000,000,000"):
            beyond()


def test_frames_of_events_are_put_together_whatever_happened_in_a_run(store: PostgresStore, history: History) -> None:
    make_run(store, "quiet", ticks=3)
    with History("quiet", settings=store.database.settings) as quiet:
        for kind in (*(each.name for each in KINDS), None, ["AgentDied", "WordsSpoken"]):
            one, other = quiet.events(kind, first=1), history.events(kind)
            same = one.schema == other.schema or kind == "ScenarioChanged"
            assert same, kind
            assert pl.Null not in one.drop("settings", strict=False).dtypes, kind


def test_the_type_of_every_key_of_a_payload_is_known() -> None:
    keys = {key for kind in KINDS for key in kind.payload}
    assert keys - set(PAYLOAD_TYPES) == {"settings"}, "their shape is another in each fork"


def test_several_kinds_and_measures_may_come_in_a_list(history: History) -> None:
    both = history.events(["AgentDied", "births"])
    assert both.columns == history.events(first=3, last=3).columns
    assert both.height == history.events("AgentDied").height + history.events("AgentBorn").height
    assert history.events(["AgentDied"]).equals(history.events("AgentDied"))
    assert history.measures(["population", "gini_coins"]).equals(history.measures("population", "gini_coins"))
    for wrong in ([], [3], 3, ["Nothing"]):
        with pytest.raises(WrongUsage):
            history.events(wrong)  # type: ignore[arg-type]
    for wrong in ([], [3], 3):
        with pytest.raises(WrongUsage):
            history.measures(wrong)  # type: ignore[arg-type]


def test_an_event_may_be_given_as_a_pair(history: History) -> None:
    tick, ordinal = history.events("AgentDied").select("tick", "ordinal").row(0)
    assert history.why((tick, ordinal)).event == history.why(f"{tick}:{ordinal}").event
    for wrong in (319, (1, 2, 3), (1.0, 2), None, (-1, 2)):
        with pytest.raises(WrongUsage):
            history.why(wrong)  # type: ignore[arg-type]


def test_what_bisecting_does_not_know_is_refused(history: History) -> None:
    assert history.bisect("deaths_so_far > 0", method="seek").tick == history.bisect("deaths_so_far > 0").tick
    for wrong in ({"method": "x"}, {"limit": -1}, {"limit": 1.5}):
        with pytest.raises(WrongUsage):
            history.bisect("deaths_so_far > 0", **wrong)  # type: ignore[arg-type]


def test_a_limit_of_sql_is_a_number_of_rows_and_its_time_has_an_end(history: History) -> None:
    query = "SELECT generate_series(1, 9) AS n"
    assert (history.sql(query).height, history.sql(query, limit=4).height) == (9, 4)
    for wrong in ({"limit": 0}, {"limit": -1}, {"limit": 2.5}, {"timeout_s": 0}, {"timeout_s": float("inf")}):
        with pytest.raises(WrongUsage):
            history.sql(query, **wrong)


def test_runs_are_compared_by_id_too(history: History) -> None:
    assert history.diff(history.id, tick=3).identical


def test_a_difference_is_shown_in_a_line_and_not_with_both_states(history: History) -> None:
    assert repr(history.diff(history.id)) == f"<harsh at tick {HEAD} and harsh at tick {HEAD}: identical>"
    shown = repr(history.diff(tick_a=3, tick_b=9))
    assert shown.startswith("<harsh at tick 3 and harsh at tick 9: ")
    assert " of agents" in shown
    assert len(shown) < 300


def test_an_intervention_from_python_is_recorded(store: PostgresStore, history: History) -> None:
    with history.fork(at=9, name="told") as child:
        made = child.intervene(agent=4, news="The well is dry.", at=12, why="to see")
        assert (made["agent"], made["effect_tick"], made["answer"]["why"]) == (4, 12, "to see")
        with pytest.raises(WrongUsage, match="'bogus' is nothing that can be done"):
            child.intervene(bogus=1)
        ((_, given),) = store.interventions(store.find("told"))
        assert given.answer["news"] == "The well is dry."


def test_a_dead_agent_is_told_of_in_a_notebook(history: History) -> None:
    death = history.events("AgentDied").row(0, named=True)
    with pytest.raises(UnknownAgent, match=rf"died of .* at tick {death['tick']}"):
        history.at().agent(death["agent"])


def test_a_closed_run_says_so_and_what_to_do(store: PostgresStore, run: Run) -> None:
    closed = History("harsh", settings=store.database.settings)
    moment = closed.at()
    alive, death = moment.agents["agent"][0], closed.events("AgentDied").row(0, named=True)
    closed.close()
    for ask in (
        lambda: closed.at(3), lambda: closed.sql("SELECT 1"), lambda: closed.head_tick, lambda: closed.status,
        closed.events, lambda: closed.ticks, closed.measures, closed.fork,
        lambda: closed.diff(tick_a=1, tick_b=2), lambda: closed.export("never-written"), lambda: closed.cursor().at(3),
        lambda: closed.resume(1), lambda: moment.agent(death["agent"]),
    ):  # fmt: skip
        with pytest.raises(RunClosed, match=r"open it again with chronopolis\.open\('harsh'\)"):
            ask()
    assert (closed.name, closed.id, closed.seed) == ("harsh", run.id, run.seed)
    assert repr(closed) == f"<run harsh ({run.id}): closed, seed {run.seed}>"
    assert moment.agents["agent"][0] == alive, "a moment is a copy of its own"
    assert f"harsh at tick {HEAD}" in repr(moment)
    closed.close()


def test_a_run_that_was_dropped_while_it_was_open_says_so_whatever_is_asked_of_it(store: PostgresStore) -> None:
    run = make_run(store, "gone", ticks=6)
    with History("gone", settings=store.database.settings) as opened:
        moment = opened.at(3)
        drop_run(store.database, run, "a trial")
        for ask in (
            lambda: opened.head_tick, lambda: opened.head_hash, lambda: opened.status, lambda: opened.ticks,
            lambda: opened.at(3), opened.at, opened.events, opened.measures, opened.verify, lambda: opened.why("3:0"),
            lambda: opened.bisect("tick > 3"), lambda: opened.diff(tick_a=1, tick_b=2), opened.fork,
            lambda: opened.intervene(agent=0, rest=True), lambda: opened.export("never-written"),
        ):  # fmt: skip
            with pytest.raises(RunDropped, match="because 'a trial'"):
                ask()
        assert repr(opened) == f"<run gone ({run.id}): dropped, seed {run.seed}>"
        assert moment.population == moment.agents.height, "a moment is a copy of its own"


def test_a_run_and_what_was_asked_of_it_may_be_sent_to_another_process(store: PostgresStore, run: Run) -> None:
    with History("harsh", settings=store.database.settings) as opened:
        explained = pickle.loads(pickle.dumps(opened.why("5:0")))
        moment = pickle.loads(pickle.dumps(opened.at(5)))
        with moment.history as another:
            assert another is not opened
            assert another.head_hash == opened.head_hash
            assert moment.state_hash == opened.at(5).state_hash
        with pytest.raises(RunClosed):
            another.at(3)
        assert opened.at(5).state_hash == moment.state_hash, "each has a share of its own"
    assert explained._repr_svg_().startswith("<svg")
    with pytest.raises(RunClosed, match="open it again"):
        pickle.dumps(opened)


def test_how_a_run_is_shown_never_fails(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with History("harsh", settings=store.database.settings) as away:
        assert f"tick {HEAD:,}" in repr(away)
        monkeypatch.setattr(PostgresStore, "head", lambda *_: 1 / 0)
        assert "the database does not answer" in repr(away)
