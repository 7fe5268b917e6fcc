"""People are found by id or name; whatever else is typed is an error that says who could not be found."""

from __future__ import annotations

import pickle

import pytest

import replay
from chronopolis.errors import UnknownAgent
from chronopolis.naming import living_agent
from chronopolis.people import find_agent, id_in
from chronopolis.record import agent_of_run
from domain.configuration import Configuration
from domain.errors import UnknownRun
from infrastructure.postgres_store import PostgresStore
from tests.support.histories import scenario
from tests.support.memory_store import MemoryStore
from tests.support.stores import keep
from workers.runner import Runner

pytestmark = pytest.mark.unit

STRANGE = ("²", "--5", "٣", "-", "5 ", "1" * 5_000, "-1", "99", "", "½")
"""Python takes some of these for digits, and then can't read them as a number."""


def test_only_plain_digits_are_an_id():
    assert [id_in(text) for text in ("7", "-7", "007")] == [7, -7, 7]
    assert [id_in(text) for text in STRANGE if text not in ("-1", "99")] == [None] * 8


@pytest.mark.parametrize("wanted", STRANGE)
def test_whatever_names_nobody_is_said_to(wanted):
    store = MemoryStore()
    run = store.create("small", seed=1, configuration=Configuration(agents=3, width=6, height=6), target=2)
    Runner(store, run).run(2)
    with pytest.raises(UnknownAgent):
        find_agent(replay.at(store, run, 2), run.name, wanted)
    with pytest.raises(UnknownAgent):
        agent_of_run(store, run, wanted, last=2)
    assert agent_of_run(store, run, "2", last=2) == 2


def test_of_one_who_is_dead_or_not_born_yet_it_is_said():
    store, made = MemoryStore(), scenario("harsh")
    run = keep(store, made, "harsh")
    events = [event for batch in made.batches for event in batch]
    death = next(e for e in events if e["kind"] == "AgentDied" and e["because"] != "removed")
    birth = next(e for e in reversed(events) if e["kind"] == "AgentBorn")

    for told, tick, words in (
        (death, death["tick"], rf"\({death['agent']}\) died of [a-z ]+ at tick {death['tick']}; look at a tick before"),
        (birth, birth["tick"] - 1, rf"{birth['name']} \({birth['agent']}\) is born only at tick {birth['tick']}"),
    ):
        with pytest.raises(UnknownAgent, match=words) as refused:
            living_agent(store, run, replay.at(store, run, tick), str(told["agent"]))
        assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
    before = replay.at(store, run, death["tick"] - 1)
    assert living_agent(store, run, before, str(death["agent"])) == death["agent"]
    for nobody in ("999999", "Nobody At All"):
        with pytest.raises(UnknownAgent, match="lives there"):
            living_agent(store, run, before, nobody)


@pytest.mark.integration
@pytest.mark.parametrize("wanted", ["²", "--5", "٣", "1" * 5_000])
def test_a_run_is_found_by_plain_digits_too(postgres_store: PostgresStore, wanted: str):
    with pytest.raises(UnknownRun):
        postgres_store.find(wanted)
